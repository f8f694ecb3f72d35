"""How often a person may try: sign-in, setup and connection tests. (Calls of the gateway have limits of their own.)"""

from __future__ import annotations

from dataclasses import dataclass

from django.http import HttpRequest
from django_ratelimit.core import get_usage


@dataclass(frozen=True, slots=True)
class Rate:
    """``count`` tries in ``seconds``, counted for each address, account or whatever is tried."""

    group: str
    count: int
    seconds: int


SIGN_IN_ADDRESS = Rate("sign-in-address", 20, 300)
SIGN_IN_ACCOUNT = Rate("sign-in-account", 10, 300)
PASSWORD = Rate("password", 10, 300)
SETUP = Rate("setup", 20, 300)
TEST = Rate("test", 30, 60)
REPORT = Rate("report", 60, 60)


def wait(request: HttpRequest, rate: Rate, key: str, *, counts: bool = True) -> int:
    """Count one try (or only look, without ``counts``); 0 when it may go on, else the seconds until the next is
    allowed.
    """
    usage = get_usage(
        request,
        group=rate.group,
        key=lambda group, request: key,
        rate=(rate.count, rate.seconds),
        increment=counts,
    )
    if usage is None:
        return 0
    full = usage["should_limit"] or (not counts and usage["count"] >= usage["limit"])
    if not full:
        return 0
    return max(1, int(usage["time_left"]))


def address(request: HttpRequest) -> str:
    """The caller's address; the edge has already looked behind trusted proxies."""
    return str(request.META.get("REMOTE_ADDR", ""))

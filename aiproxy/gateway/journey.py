"""What explains a call afterwards (PRODUCT A8): why it went where it went, each attempt, and when each step was done.

It becomes ``UsageRecord.journey``: ``{"route": {"by", "strategy", "targets", "paused"}, "steps": [[name, ms], …],
"attempts": [{"integration", "provider", "model", "at", "ms", "outcome", "message", "status", "waited"}, …],
"passed": [the same, for places to which nothing was sent], }``. The step "waited" is the end of waiting for a limit.
Times are milliseconds since the call arrived. Our own words only, as in the record's message.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from aiproxy.errors import as_call_error
from aiproxy.gateway.call import Attempt, Call
from providers.errors import CallError

MOST_ATTEMPTS = 20
MOST_TEXT = 300


def of(call: Call) -> dict[str, Any]:
    told: dict[str, Any] = {"steps": [[name, _since(call, at)] for name, at in _steps(call)]}
    if call.route is not None:
        route = call.route
        told["route"] = {"by": route.by, "strategy": route.strategy, "targets": [*route.targets]}
        if route.paused:
            told["route"]["paused"] = route.paused
    if call.tried:
        told["attempts"] = list(_attempts(call))
    if call.passed:
        told["passed"] = [_attempt(call, one) for one in call.passed[-MOST_ATTEMPTS:]]
    return told


def _steps(call: Call) -> Iterator[tuple[str, float]]:
    yield from call.steps
    for name, at in (
        ("sent", call.sent_at),
        ("first event", call.first_event_at),
        ("answered", call.answered_at),
    ):
        if at is not None:
            yield name, at


def _attempts(call: Call) -> Iterator[dict[str, Any]]:
    before: Attempt | None = None
    for one in call.tried[-MOST_ATTEMPTS:]:
        told = _attempt(call, one)
        if before is not None and before.target is one.target:
            told["waited"] = round((one.began - before.ended) * 1000, 1)
        yield told
        before = one


def _attempt(call: Call, one: Attempt) -> dict[str, Any]:
    connection = one.target.connection
    told: dict[str, Any] = {
        "integration": connection.name,
        "provider": connection.provider.id,
        "model": one.target.model,
        "at": _since(call, one.began),
        "ms": round((one.ended - one.began) * 1000, 1),
        "outcome": "ok",
    }
    return told if one.error is None else told | _failure(one.error)


def _failure(error: BaseException) -> dict[str, Any]:
    failure = as_call_error(error)
    told: dict[str, Any] = {"outcome": failure.code, "message": failure.message[:MOST_TEXT]}
    if isinstance(error, CallError) and error.upstream_status:
        told["status"] = error.upstream_status
    return told


def _since(call: Call, at: float) -> float:
    return round((at - call.started) * 1000, 1)

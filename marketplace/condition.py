"""How a connection does right now, in words: what its last calls met, and what its provider still allows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from math import ceil

from aiproxy.usage import analytics
from aiproxy.usage.analytics import Health
from integrations.models import Integration
from marketplace.templatetags.ui import words
from providers.rate_limits import Allowance, RateLimitState


@dataclass(frozen=True, slots=True)
class Left:
    """What is left of one allowance: "Requests left", "59", "of 60", "full again in 51 s"."""

    label: str
    text: str
    limit: str
    reset: str

    def __str__(self) -> str:
        whole = f"{self.label}: {self.text} {self.limit}".rstrip()
        return f"{whole} ({self.reset})" if self.reset else whole


def lately() -> str:
    """The time that a Health is about."""
    return f"since {analytics.lately():%H:%M} UTC"


def trouble(found: Iterable[Health]) -> str:
    """What failed ``lately``, of all the connections together; empty when nothing did."""
    health = list(found)
    worst = max(health, key=lambda one: one.failed, default=None)
    if worst is None or not worst.failed:
        return ""
    failed, calls = sum(one.failed for one in health), sum(one.calls for one in health)
    reason = words(worst.reason).lower()
    return f"{failed:,} of {calls:,} calls failed {lately()}: {reason}"


def resting(seconds: float) -> str:
    """Of a connection whose breaker is open for so long; empty when it is not."""
    if not seconds:
        return ""
    return (
        f"Failed several times in a row: calls wait for {ceil(seconds)} s, or for a connection test"
    )


def left(state: RateLimitState | None, now: datetime) -> list[Left]:
    """Empty when the provider says nothing about limits."""
    if state is None:
        return []
    pairs = (("Requests left", state.requests), ("Tokens left", state.tokens))
    return [_left(label, said, now) for label, said in pairs if said]


def tooltip(integrations: Iterable[Integration], now: datetime) -> str:
    """What is left at the provider, a line for each allowance; named, when there are several integrations."""
    mine = list(integrations)
    return "\n".join(
        f"{one.name}: {item}" if len(mine) > 1 else str(item)
        for one in mine
        for item in left(one.limits, now)
    )


def _left(label: str, said: Allowance, now: datetime) -> Left:
    return Left(
        label,
        "unknown" if said.remaining is None else f"{said.remaining:,}",
        "" if said.limit is None else f"of {said.limit:,}",
        "" if said.reset is None else _reset((said.reset - now).total_seconds()),
    )


def _reset(seconds: float) -> str:
    if seconds <= 0:
        return "full again since"
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"full again in {seconds / size:.0f} {unit}"
    return f"full again in {ceil(seconds)} s"

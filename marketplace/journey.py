"""A recorded call as a person follows it: who asked, what held it up, where it went, how each attempt ended, and
where the time went.

Made of ``UsageRecord.journey``, of which any part may be missing. Times are milliseconds since the call arrived.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

from aiproxy.models import UsageRecord
from aiproxy.usage.formula import formula
from marketplace.forms.aliases import STRATEGIES
from marketplace.templatetags.ui import duration, words
from providers.usage import MILLION

Tone = Literal["", "ours", "wait", "good", "bad"]

WIDTH = 1000
"""The timeline's, in units of its own."""
_LEAST = 4  # so that what took no time is still there to be seen
_REFUSALS = ("rate_limit", "quota_exceeded")


@dataclass(frozen=True, slots=True)
class Stop:
    """One station of the way. ``places`` are provider/model in the order in which they were to be tried."""

    title: str
    text: str
    tone: Tone = ""
    detail: str = ""
    places: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Span:
    """One line of the timeline; ``x`` and ``width`` are of ``WIDTH``."""

    label: str
    tone: Tone
    start: float
    took: float
    whole: float

    @property
    def x(self) -> int:
        return min(WIDTH - _LEAST, round(self.start / self.whole * WIDTH))

    @property
    def width(self) -> int:
        return max(_LEAST, min(WIDTH - self.x, round(self.took / self.whole * WIDTH)))


@dataclass(frozen=True, slots=True)
class Sum:
    """One line of the cost. ``rate`` is US dollars for a million tokens."""

    what: str
    tokens: int
    rate: Decimal
    dollars: Decimal

    @property
    def count(self) -> str:
        return f"{self.tokens:,}"


@dataclass(frozen=True, slots=True)
class Journey:
    stops: list[Stop]
    spans: list[Span]
    shares: str
    sums: list[Sum]


def of_call(call: UsageRecord) -> Journey | None:
    """None for a record from before there were any."""
    if not call.journey:
        return None
    steps = {str(name): float(at) for name, at in call.journey.get("steps", ())}
    attempts: Sequence[Mapping[str, Any]] = call.journey.get("attempts", ())
    stops = [
        _caller(call),
        *_limits(call, steps, attempts),
        *_cache(call, attempts),
        *_route(call),
        *(_attempt(number, one) for number, one in enumerate(attempts, 1)),
    ]
    spans = list(_spans(call, steps, attempts))
    return Journey(stops, spans, _shares(call), sums(call))


def sums(call: UsageRecord) -> list[Sum]:
    """The lines that add up to the recorded cost; none where that cannot be shown."""
    return [Sum(*one, one.tokens * one.rate / MILLION) for one in formula(call)]


# --- Stations ---


def _caller(call: UsageRecord) -> Stop:
    if call.token is None:
        return Stop("Caller", "No access token: a signed-in person, or a token that is deleted")
    return Stop("Caller", f"The access token {call.token.name}", detail=call.token.masked)


def _limits(
    call: UsageRecord, steps: Mapping[str, float], attempts: Sequence[Any]
) -> Iterator[Stop]:
    if call.queued_ms:
        yield Stop(
            "Limits", f"Waited {duration(call.queued_ms)} until a limit let it through", "wait"
        )
    elif attempts or "admitted" in steps:
        yield Stop("Limits", "Let through at once")
    elif call.outcome in _REFUSALS and not call.cached:
        yield Stop("Limits", "Not let through", "bad", call.message)


def _cache(call: UsageRecord, attempts: Sequence[Any]) -> Iterator[Stop]:
    if call.cached:
        yield Stop("Cache", "Answered from the cache: nothing was sent, used or paid", "good")
    elif attempts:
        yield Stop("Cache", "Not answered from the cache")


_BY = {
    "model": "By the name of the model",
    "alias": "By the alias {name}",
    "integration": "To the integration that the caller named",
    "fallback": "Through the models that the caller listed",
}


def _route(call: UsageRecord) -> Iterator[Stop]:
    route = call.journey.get("route") or {}
    if not route:
        return
    text = _BY.get(route.get("by", ""), "As asked").format(name=call.requested_model)
    told = STRATEGIES.get(route.get("strategy", ""))
    text += f", {told[0].lower()}" if told else ""
    paused = route.get("paused")
    detail = f"The last {paused} left alone for now, after failures" if paused else ""
    yield Stop("Route", text, detail=detail, places=route.get("targets", ()))


def _attempt(number: int, one: Mapping[str, Any]) -> Stop:
    well = one.get("outcome") == UsageRecord.OK
    said = [
        "Answered" if well else words(str(one.get("outcome") or "no answer")),
        f"after a wait of {_ms(one['waited'])}" if one.get("waited") else "",
        f"status {one['status']}" if one.get("status") else "",
        _ms(one["ms"]) if "ms" in one else "",
    ]
    place = [one.get("integration"), one.get("model"), one.get("message")]
    return Stop(
        f"Attempt {number}",
        ", ".join(filter(None, said)),
        "good" if well else "bad",
        " · ".join(filter(None, place)),
    )


# --- Time ---


def _spans(
    call: UsageRecord, steps: Mapping[str, float], attempts: Sequence[Mapping[str, Any]]
) -> Iterator[Span]:
    """What went on when, in order."""
    ends = [one.get("at", 0) + one.get("ms", 0) for one in attempts]
    whole = max(call.latency_ms, *steps.values(), *ends, 1)
    sent = attempts[0].get("at") if attempts else steps.get("answered")
    sent = call.latency_ms if sent is None else sent

    def span(label: str, tone: Tone, start: float, end: float) -> Span:
        return Span(label, tone, start, max(0.0, end - start), whole)

    held = min(call.queued_ms, sent)
    admitted = steps.get("admitted", sent)
    if held:
        yield span("Waiting for a limit", "wait", max(0.0, admitted - held), admitted)
        yield span("Before it was sent", "ours", admitted, sent)
    else:
        yield span("Before it was sent" if attempts else "In this server", "ours", 0, sent)
    for number, one in enumerate(attempts, 1):
        at, waited = one.get("at", 0), one.get("waited") or 0
        if waited:
            yield span(f"Wait before attempt {number}", "wait", max(0, at - waited), at)
        well = one.get("outcome") == UsageRecord.OK
        yield span(f"Attempt {number}", "good" if well else "bad", at, at + one.get("ms", 0))
    if "first event" in steps and "answered" in steps and attempts:
        yield span("The answer", "good", steps["first event"], steps["answered"])


def _shares(call: UsageRecord) -> str:
    if call.provider_ms is None:
        return f"{duration(call.latency_ms)} in this server"
    ours = max(0, call.latency_ms - call.provider_ms - call.queued_ms)
    held = f", {duration(call.queued_ms)} waiting for a limit" if call.queued_ms else ""
    return f"{duration(ours)} in this server{held}, {duration(call.provider_ms)} at the provider"


def _ms(milliseconds: float) -> str:
    return duration(round(milliseconds))

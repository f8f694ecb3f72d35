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
    passed: Sequence[Mapping[str, Any]] = call.journey.get("passed", ())
    stops = [
        _caller(call),
        *_limits(call, steps, attempts, passed),
        *_cache(call, attempts),
        *_route(call),
        *_tried(call, attempts, passed),
    ]
    spans = sorted(_spans(call, steps, attempts), key=lambda span: span.start)
    return Journey(stops, spans, _shares(call), sums(call))


def between(call: UsageRecord) -> int:
    """Milliseconds of waiting before further attempts at the same place."""
    return round(sum(one.get("waited") or 0 for one in call.journey.get("attempts", ())))


def outside(call: UsageRecord) -> int | None:
    """Milliseconds at providers, in all attempts; None where nothing was sent."""
    if call.provider_ms is None:
        return None
    # The record has the last attempt's time; those before it were the providers' too.
    earlier = call.journey.get("attempts", ())[:-1]
    return call.provider_ms + round(sum(one.get("ms") or 0 for one in earlier))


def inside(call: UsageRecord) -> int:
    """Milliseconds that were neither the providers' nor waited."""
    return max(0, call.latency_ms - (outside(call) or 0) - call.queued_ms - between(call))


def sums(call: UsageRecord) -> list[Sum]:
    """The lines that add up to the recorded cost; none where that cannot be shown."""
    return [Sum(*one, one.tokens * one.rate / MILLION) for one in formula(call)]


# --- Stations ---


def _caller(call: UsageRecord) -> Stop:
    if call.token is None:
        return Stop("Caller", "No access token: a signed-in person, or a token that is deleted")
    return Stop("Caller", f"The access token {call.token.name}", detail=call.token.masked)


def _limits(
    call: UsageRecord,
    steps: Mapping[str, float],
    attempts: Sequence[Any],
    passed: Sequence[Mapping[str, Any]],
) -> Iterator[Stop]:
    waited = f"Waited {duration(call.queued_ms)}" if call.queued_ms else ""
    if call.outcome in _REFUSALS and not attempts and not call.cached:
        text = f"{waited}, and was not let through" if waited else "Not let through"
        yield Stop("Limits", text, "bad", call.message)
    elif waited:
        yield Stop("Limits", f"{waited} until a limit let it through", "wait")
    elif any(one.get("outcome") in _REFUSALS for one in passed):
        yield Stop("Limits", "Let through by those of the account and the token")
    elif attempts or "admitted" in steps:
        yield Stop("Limits", "Let through at once")


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


def _tried(
    call: UsageRecord, attempts: Sequence[Mapping[str, Any]], passed: Sequence[Mapping[str, Any]]
) -> Iterator[Stop]:
    """In the order in which they were come to."""
    found = [
        (one.get("at", 0), _attempt(number, one, broke=_broke(call, attempts, number)))
        for number, one in enumerate(attempts, 1)
    ]
    if attempts or len(passed) > 1:  # else its message is the call's
        found += [(one.get("at", 0), _passed(one)) for one in passed]
    for _, stop in sorted(found, key=lambda one: one[0]):
        yield stop


def _broke(call: UsageRecord, attempts: Sequence[Any], number: int) -> bool:
    """Whether this attempt began its answer and did not bring it to an end."""
    return number == len(attempts) and call.outcome != UsageRecord.OK


def _passed(one: Mapping[str, Any]) -> Stop:
    return Stop("Passed over", words(str(one.get("outcome") or "")), "wait", _place(one))


def _attempt(number: int, one: Mapping[str, Any], *, broke: bool) -> Stop:
    well = one.get("outcome") == UsageRecord.OK
    answered = "Began its answer and did not end it" if broke else "Answered"
    said = [
        answered if well else words(str(one.get("outcome") or "no answer")),
        f"after a wait of {_ms(one['waited'])}" if one.get("waited") else "",
        f"status {one['status']}" if one.get("status") else "",
        _ms(one["ms"]) if "ms" in one else "",
    ]
    tone: Tone = "good" if well and not broke else "bad"
    return Stop(f"Attempt {number}", ", ".join(filter(None, said)), tone, _place(one))


def _place(one: Mapping[str, Any]) -> str:
    return " · ".join(filter(None, (one.get(name) for name in ("integration", "model", "message"))))


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

    waited = steps.get("waited", steps.get("admitted", sent))
    held = min(call.queued_ms, waited)
    if held:
        yield span("Before the wait", "ours", 0, min(sent, waited - held))
        yield span("Waiting for a limit", "wait", waited - held, waited)
    if not held or waited < sent:
        yield span(
            "Before it was sent" if attempts else "In this server", "ours", held and waited, sent
        )
    for number, one in enumerate(attempts, 1):
        at, waited = one.get("at", 0), one.get("waited") or 0
        if waited:
            yield span(f"Wait before attempt {number}", "wait", max(0, at - waited), at)
        well = one.get("outcome") == UsageRecord.OK and not _broke(call, attempts, number)
        yield span(f"Attempt {number}", "good" if well else "bad", at, at + one.get("ms", 0))
    if "first event" in steps and "answered" in steps and attempts:
        tone: Tone = "good" if call.outcome == UsageRecord.OK else "bad"
        yield span("The answer", tone, steps["first event"], steps["answered"])


def _shares(call: UsageRecord) -> str:
    others = (
        (call.queued_ms, "waiting for a limit"),
        (between(call), "waiting between attempts"),
        (outside(call), "at the provider"),
    )
    told = [f"{duration(ms)} {where}" for ms, where in others if ms]
    return ", ".join([f"{duration(inside(call))} in this server", *told])


def _ms(milliseconds: float) -> str:
    return duration(round(milliseconds))

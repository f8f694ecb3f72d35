"""Which limits a call must keep, and how full they are. Read from memory; ``live`` keeps it fresh.

Their levels are kept in ``aiproxy.metering`` and checked by ``levels``.
"""

from __future__ import annotations

import math
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cached_property
from types import MappingProxyType
from typing import Literal, NamedTuple
from uuid import UUID

from aiproxy.metering import meters
from aiproxy.metering.meters import Ask, Kind, Meter
from aiproxy.models import Limit
from aiproxy.usage.spending import spent
from providers.registry import catalogue

NANO = Decimal(10) ** 9
"""Money is counted in whole nano-dollars."""

Unit = Literal["requests", "tokens", "calls at once", "dollars"]
Period = Literal["", "minute", "day", "month"]


class What(NamedTuple):
    """What one field of a Limit counts."""

    kind: Kind
    unit: Unit
    period: Period


WHATS: Mapping[str, What] = {
    "requests_per_minute": What("rate", "requests", "minute"),
    "tokens_per_minute": What("rate", "tokens", "minute"),
    "concurrent": What("places", "calls at once", ""),
    "tokens_per_day": What("budget", "tokens", "day"),
    "tokens_per_month": What("budget", "tokens", "month"),
    "money_per_day": What("budget", "dollars", "day"),
    "money_per_month": What("budget", "dollars", "month"),
}


class Fill(NamedTuple):
    """How full one field of a limit is. ``used`` and ``limit`` are requests, tokens, calls or US dollars;
    ``frees_in_seconds`` is when all of it is free again, None for calls at once and where nothing is used.
    """

    name: str
    used: int | Decimal
    limit: int | Decimal
    frees_in_seconds: float | None


class Gauge(NamedTuple):
    """One field of a limit, and the meter that measures it."""

    name: str
    what: What
    meter: Meter


@dataclass(frozen=True)
class Rule:
    """One Limit. ``limits`` are its fields that are set, money in nano-dollars."""

    id: UUID
    owner_id: UUID
    kind: str
    subject: str | UUID | None
    label: str
    by_operator: bool
    limits: Mapping[str, int]
    queue_seconds: int

    def gauges(self, at: datetime) -> list[Gauge]:
        """Its meters, of the periods in which ``at`` lies."""
        return [*self._steady, *(self._budget(name, at) for name in self._budgets)]

    @cached_property
    def costs_money(self) -> bool:
        return any(WHATS[name].unit == "dollars" for name in self.limits)

    @cached_property
    def _budgets(self) -> list[str]:
        return [name for name in self.limits if WHATS[name].kind == "budget"]

    @cached_property
    def _steady(self) -> list[Gauge]:
        return [
            Gauge(name, what, Meter(f"{self.id.hex}:{name}", what.kind, self.limits[name]))
            for name, what in WHATS.items()
            if name in self.limits and what.kind != "budget"
        ]

    def _budget(self, name: str, at: datetime) -> Gauge:
        what = WHATS[name]
        start, end = period(what.period, at)
        key = f"{self.id.hex}:{name}:{start:%Y%m%d}"
        return Gauge(name, what, Meter(key, "budget", self.limits[name], end.timestamp()))

    def paid(self, names: Iterable[str], at: datetime) -> dict[str, int]:
        """What the usage records say was spent of these budgets, in sync code."""
        subject = {} if self.kind == Limit.USER else {_SUBJECTS[self.kind]: self.subject}
        found: dict[str, int] = {}
        for span in {WHATS[name].period for name in names}:
            sums = spent(self.owner_id, *period(span, at), **subject)  # type: ignore[arg-type]  # its own kind
            amounts = {"tokens": sums.tokens, "dollars": nano(sums.money)}
            found |= {n: amounts[WHATS[n].unit] for n in names if WHATS[n].period == span}
        return found


class Rules:
    """All limits of one account. ``everywhere`` hold for each call, whatever it calls."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self.all = tuple(rules)
        self._of: dict[tuple[str, str | UUID | None], tuple[Rule, ...]] = {}
        for rule in self.all:
            key = (rule.kind, rule.subject)
            self._of[key] = (*self._of.get(key, ()), rule)

    def of_caller(self, token_id: UUID | None) -> tuple[Rule, ...]:
        return self._of.get((Limit.USER, None), ()) + self._of.get((Limit.TOKEN, token_id), ())

    def of_target(self, integration_id: UUID, provider_id: str) -> tuple[Rule, ...]:
        of_integration = self._of.get((Limit.INTEGRATION, integration_id), ())
        return of_integration + self._of.get((Limit.PROVIDER, provider_id), ())


def of(owner_id: UUID) -> Rules | None:
    """None where nothing is limited."""
    return _known.get(owner_id)


def everything() -> Iterable[Rule]:
    return [rule for rules in _known.values() for rule in rules.all]


def fills(owner_id: UUID) -> Mapping[UUID, tuple[Fill, ...]]:
    """How full each limit of the account is, by the limit's id. In sync code: what no call has asked for yet is
    read from the usage records.
    """
    rules, now = of(owner_id), datetime.now(UTC)
    return {rule.id: tuple(_fills(rule, now)) for rule in rules.all} if rules else {}


def period(name: Period, at: datetime) -> tuple[datetime, datetime]:
    """The UTC day or month in which ``at`` lies: its beginning and the next one's."""
    day = at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    if name == "day":
        return day, day + timedelta(days=1)
    first = day.replace(day=1)
    return first, (first + timedelta(days=32)).replace(day=1)


def nano(dollars: Decimal) -> int:
    """Rounded up, so that nothing is free that is not."""
    return math.ceil(dollars * NANO)


def dollars(nanos: float) -> Decimal:
    return Decimal(round(nanos)) / NANO


Measure = Callable[[Sequence[Meter]], Sequence[float | None]]


def measured_by(measure: Measure | None) -> None:
    """Let ``fills`` ask ``measure`` what is used of each meter; None for what it does not know."""
    global _measure
    _measure = measure


def reload() -> None:
    """Read the rows afresh, in sync code."""
    global _known
    with _reading:
        found: defaultdict[UUID, list[Rule]] = defaultdict(list)
        for row in Limit.objects.select_related("integration", "token").order_by("created_at"):
            found[row.owner_id].append(_rule(row))
        _known = MappingProxyType({owner: Rules(rules) for owner, rules in found.items()})


def forget() -> None:
    """Begin anew, as a new process would."""
    global _known
    with _reading:
        _known = MappingProxyType({})


def _fills(rule: Rule, at: datetime) -> Iterable[Fill]:
    gauges = rule.gauges(at)
    levels = _measure([gauge.meter for gauge in gauges]) if _measure else [None] * len(gauges)
    unknown = [
        gauge.name
        for gauge, level in zip(gauges, levels, strict=True)
        if level is None and gauge.what.kind == "budget"
    ]
    paid = rule.paid(unknown, at) if unknown else {}
    now = time.time()
    for gauge, level in zip(gauges, levels, strict=True):
        used = paid.get(gauge.name, 0) if level is None else level
        frees = None
        if used > meters.NOTHING and gauge.what.kind != "places":
            frees = meters.wait(Ask(gauge.meter, math.ceil(gauge.meter.limit)), used, now)
        limit = counted(gauge.what, gauge.meter.limit)
        yield Fill(gauge.name, counted(gauge.what, used), limit, frees)


def counted(what: What, amount: float) -> int | Decimal:
    """As a person counts it."""
    if what.unit == "dollars":
        return dollars(amount)
    return math.ceil(amount - meters.NOTHING)


_SUBJECTS = {
    Limit.PROVIDER: "provider_id",
    Limit.INTEGRATION: "integration_id",
    Limit.TOKEN: "token_id",
}


def _rule(row: Limit) -> Rule:
    values = {name: getattr(row, name) for name in WHATS}
    return Rule(
        id=row.pk,
        owner_id=row.owner_id,
        kind=row.kind,
        subject=getattr(row, _SUBJECTS[row.kind]) if row.kind in _SUBJECTS else None,
        label=_label(row),
        by_operator=row.by_operator,
        limits={
            name: nano(value) if WHATS[name].unit == "dollars" else value
            for name, value in values.items()
            if value is not None
        },
        queue_seconds=row.queue_seconds,
    )


def _label(row: Limit) -> str:
    """Whose limit it is, for a sentence."""
    if row.provider_id:
        spec = catalogue().get(row.provider_id)
        return f"the provider {spec.name if spec else row.provider_id}"
    if row.integration is not None:
        return f"the integration {row.integration.name!r}"
    if row.token is not None:
        return f"the access token {row.token.name!r}"
    return "this account"


_known: Mapping[UUID, Rules] = MappingProxyType({})
_measure: Measure | None = None
# Reading and replacing are one step, so that what was read earlier never replaces what was read later.
_reading = threading.Lock()

"""Usage added up while it is written: the recorder's transaction puts each record into its sums, so that the two
never differ, and pages read a few rows where there are millions of calls.

A call counts in the hour, day and month (UTC) in which it began.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from operator import add as add_up
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Q

from aiproxy.models import UsageRecord, UsageSum
from aiproxy.models.usage_sum import NOTHING
from aiproxy.usage.row import Row

KEY = (
    "owner_id",
    "span",
    "start",
    "integration_id",
    "token_id",
    "provider_id",
    "model",
    "outcome",
)
"""What a sum is of, in the order of its primary key."""

COUNTS = (
    "calls",
    "timed_calls",
    "latency_ms",
    "first_token_calls",
    "first_token_ms",
    "input_tokens",
    "output_tokens",
    "cached_tokens",
    "reasoning_tokens",
    "priced_calls",
    "unpriced_calls",
    "cost",
)

COST_UNITS = 10**10
"""``UsageSum.cost`` for one US dollar."""

TABLE = UsageSum._meta.db_table

NAMES = (*KEY, *COUNTS, "last_at")
"""All columns, in the order in which this module writes them."""

_INSERT = f"INSERT INTO {TABLE} ({', '.join(NAMES)})"
_ADDED = ", ".join(f"{name} = {TABLE}.{name} + excluded.{name}" for name in COUNTS)
_LATER = (
    f"CASE WHEN excluded.last_at > {TABLE}.last_at THEN excluded.last_at ELSE {TABLE}.last_at END"
)
_OR_ADD = f"ON CONFLICT ({', '.join(KEY)}) DO UPDATE SET {_ADDED}, last_at = {_LATER}"
_SQLITE = f"{_INSERT} VALUES ({', '.join('?' * len(NAMES))}) {_OR_ADD}"

# One array for each column: the statement is read once for all rows, in a quarter of the time of so many VALUES.
_TYPES = dict.fromkeys(("owner_id", "integration_id", "token_id"), "uuid")
_TYPES |= dict.fromkeys(("start", "last_at"), "timestamptz") | dict.fromkeys(COUNTS, "bigint")
_COLUMNS = ", ".join(f"%s::{_TYPES.get(name, 'text')}[]" for name in NAMES)
_POSTGRES = f"{_INSERT} SELECT * FROM unnest({_COLUMNS}) {_OR_ADD}"  # noqa: S608  # our own names

_Counts = tuple[Any, ...]
"""The values of COUNTS, then the time of the latest call."""

_Sums = dict[tuple[Any, ...], _Counts]
"""By start, owner and the rest of KEY."""


def add(records: Iterable[Row | UsageRecord]) -> None:
    """Call it last in the transaction that inserts ``records``: other workers wait for its rows until that ends."""
    hours = _of_hours(records)
    if not hours:
        return
    # In the same order everywhere, so that workers which write the same rows do not wait for one another in a circle.
    rows = sorted(_rows(hours))
    if connection.vendor == "sqlite":
        # Not by Django's cursor, which reads the whole statement each time to replace its placeholders.
        with connection.wrap_database_errors:
            connection.connection.executemany(_SQLITE, rows)
        return
    with connection.cursor() as cursor:
        cursor.execute(_POSTGRES, [list(column) for column in zip(*rows, strict=True)])


def for_database() -> tuple[Callable[[UUID], Any], Callable[[datetime], Any]]:
    """What makes a parameter for SQL of our own: of an id, and of a time in UTC. As Django's fields do, only sooner."""
    return (_hex, _text) if connection.vendor == "sqlite" else (_same, _same)


def since(time: datetime | None) -> list[Q]:
    """The fewest sums that hold every call from the hour of ``time`` on, or all there ever were. Ask for one after the
    other and add up what they say: joined by OR, SQLite reads every sum of the account.
    """
    if time is None:
        return [Q(span=UsageSum.MONTH)]
    hour = hour_of(time)
    day = _next(hour, UsageSum.DAY)
    month = _next(day, UsageSum.MONTH)
    found = [Q(span=UsageSum.MONTH, start__gte=month)]
    if day < month:
        found.append(Q(span=UsageSum.DAY, start__gte=day, start__lt=month))
    if hour < day:
        found.append(Q(span=UsageSum.HOUR, start__gte=hour, start__lt=day))
    return found


def dollars(cost: int) -> Decimal:
    """Of a sum's ``cost``."""
    return Decimal(cost).scaleb(-10)


def hour_of(time: datetime) -> datetime:
    """When its hour began, in UTC."""
    return time.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def start_of(span: str, hour: datetime) -> datetime:
    """When the ``span`` began that ``hour`` lies in."""
    if span == UsageSum.HOUR:
        return hour
    return hour.replace(hour=0) if span == UsageSum.DAY else hour.replace(hour=0, day=1)


def _next(hour: datetime, span: str) -> datetime:
    """The first beginning of a day or month at ``hour`` or after it; the calendar's end where there is none."""
    start = start_of(span, hour)
    if start == hour:
        return hour
    try:
        return start_of(span, start + timedelta(days=1 if span == UsageSum.DAY else 31))
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC)


def _of_hours(records: Iterable[Row | UsageRecord]) -> _Sums:
    sums: _Sums = {}
    for one in records:
        at = one.at.astimezone(UTC)
        key = (
            at.replace(minute=0, second=0, microsecond=0),
            one.owner_id,
            one.integration_id or NOTHING,
            one.token_id or NOTHING,
            one.provider_id,
            one.model,
            one.outcome,
        )
        timed, first, cost = one.attempts > 0, one.first_token_ms, one.cost
        counts = (
            1,
            1 if timed else 0,
            one.latency_ms if timed else 0,
            0 if first is None else 1,
            first or 0,
            one.input_tokens,
            one.output_tokens,
            one.cached_tokens,
            one.reasoning_tokens,
            0 if cost is None else 1,
            1 if cost is None and one.usage_source != "none" else 0,
            0 if cost is None else round(cost * COST_UNITS),
            at,
        )
        found = sums.get(key)
        sums[key] = counts if found is None else _together(found, counts)
    return sums


def _rows(hours: _Sums) -> Iterator[tuple[Any, ...]]:
    """The values of KEY, COUNTS and last_at, for every span, as the database takes them."""
    id, time = for_database()
    taken = {
        (start, id(owner), id(integration), id(token), *rest): (*counts, time(at))
        for (start, owner, integration, token, *rest), (*counts, at) in hours.items()
    }
    for span in (UsageSum.HOUR, UsageSum.DAY, UsageSum.MONTH):
        starts = {hour: start_of(span, hour) for hour, *_ in taken}
        for (start, owner, *who), counts in _longer(taken, starts).items():
            yield (owner, span, time(start), *who, *counts)


def _longer(hours: _Sums, starts: Mapping[datetime, datetime]) -> _Sums:
    """The sums of the days or months that began at the ``starts`` of these hours."""
    sums: _Sums = {}
    for (hour, *who), counts in hours.items():
        key = (starts[hour], *who)
        found = sums.get(key)
        sums[key] = counts if found is None else _together(found, counts)
    return sums


def _together(one: _Counts, another: _Counts) -> _Counts:
    """Everything added; of the times the later one."""
    return (*map(add_up, one[:-1], another[:-1]), max(one[-1], another[-1]))


def _same(value: Any) -> Any:
    return value


def _hex(id: UUID) -> str:
    return id.hex


def _text(time: datetime) -> str:
    return str(time.replace(tzinfo=None))

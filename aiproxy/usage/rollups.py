"""Usage added up while it is written: the recorder's transaction puts each record into its sums, so that the two
never differ, and pages read a few rows where there are millions of calls.

A call counts in the hour, day and month (UTC) in which it began.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
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

_INSERT = f"INSERT INTO {TABLE} ({', '.join((*KEY, *COUNTS, 'last_at'))}) VALUES "  # noqa: S608  # our own names
_OR_ADD = f""" ON CONFLICT ({", ".join(KEY)}) DO UPDATE SET {
    ", ".join(f"{name} = {TABLE}.{name} + excluded.{name}" for name in COUNTS)
}, last_at = CASE WHEN excluded.last_at > {TABLE}.last_at THEN excluded.last_at ELSE {
    TABLE
}.last_at END"""

_Sums = dict[tuple[Any, ...], list[Any]]
"""By start, owner and the rest of KEY: the counts, then the time of the latest call."""


def add(records: Iterable[Row | UsageRecord]) -> None:
    """Call it last in the transaction that inserts ``records``: other workers wait for its rows until that ends."""
    rows = sorted(_rows(_of_hours(records)), key=_order)
    if not rows:
        return
    place = f"({', '.join(['%s'] * len(rows[0]))})"
    with connection.cursor() as cursor:
        if (
            connection.vendor == "sqlite"
        ):  # compiles a statement once; a long one anew for each number of rows
            cursor.executemany(_INSERT + place + _OR_ADD, rows)
        else:  # one round trip
            values = [value for row in rows for value in row]
            cursor.execute(_INSERT + ", ".join([place] * len(rows)) + _OR_ADD, values)


def for_database() -> tuple[Callable[[UUID], Any], Callable[[datetime], Any]]:
    """What makes a parameter for SQL of our own: of an id, and of a time."""
    native = connection.features.has_native_uuid_field
    return _same if native else _hex, connection.ops.adapt_datetimefield_value


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
        )
        _put(sums, key, counts, at)
    return sums


def _put(sums: _Sums, key: tuple[Any, ...], counts: Iterable[int], at: datetime) -> None:
    found = sums.get(key)
    if found is None:
        sums[key] = [*counts, at]
        return
    latest = max(found[-1], at)
    found[:] = [*map(int.__add__, found, counts), latest]


def _rows(hours: _Sums) -> Iterator[list[Any]]:
    """The values of KEY, COUNTS and last_at, for every span, as the database takes them."""
    id, time = for_database()
    for span in (UsageSum.HOUR, UsageSum.DAY, UsageSum.MONTH):
        sums: _Sums = {}
        for (hour, *who), (*counts, at) in hours.items():
            _put(sums, (start_of(span, hour), *who), counts, at)
        for (start, owner, integration, token, *rest), (*counts, at) in sums.items():
            ids = id(integration), id(token)
            yield [id(owner), span, time(start), *ids, *rest, *counts, time(at)]


def _order(row: list[Any]) -> list[Any]:
    """Workers that write the same rows take their locks in the same order, so none waits for another in a circle."""
    return row[: len(KEY)]


def _same(id: UUID) -> Any:
    return id


def _hex(id: UUID) -> Any:
    return id.hex

"""What is done to usage at rest: sums made anew from the records, and old records deleted. Both run beside the server,
in steps that hold their locks briefly and leave it room between them.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from uuid import UUID

from django.contrib.auth import get_user_model
from django.db import connection, transaction

from aiproxy.models import PrunedUsage, UsageRecord, UsageSum
from aiproxy.models.usage_sum import NOTHING
from aiproxy.usage import rollups

BATCH = 1_000
"""Records deleted in one transaction."""

DAY, HOUR = timedelta(days=1), timedelta(hours=1)

_TO = f"INSERT INTO {rollups.TABLE} ({', '.join(rollups.NAMES)})"
_WHO = "owner_id, integration_id, token_id, provider_id, model, outcome"


def accounts() -> list[UUID]:
    return list(get_user_model()._default_manager.order_by("pk").values_list("pk", flat=True))


def pruned_before() -> datetime | None:
    """Records that began before this midnight (UTC) may be gone; None: all are there."""
    return PrunedUsage.objects.values_list("before", flat=True).first()


def days(since: datetime | None, until: datetime) -> Iterator[datetime]:
    """The midnights (UTC) of all days before ``until`` that have calls and whose records are all there."""
    pruned = pruned_before()
    first = [one for account in accounts() if (one := _first_hour(account, since, until))]
    day = min(first, default=until).replace(hour=0)
    day = max(day, pruned) if pruned else day
    while day < until:
        yield day
        day += DAY


def rebuild(account: UUID, day: datetime) -> None:
    """Make the account's sums of this day anew from its records, and with them the sum of its month."""
    hour = _first_hour(account, day, day + DAY)
    if hour is None:
        return
    while hour is not None:
        with _alone():
            _add_up_hour(account, hour)
        hour = _first_hour(account, hour + HOUR, day + DAY)
    with _alone():
        _add_up(account, UsageSum.DAY, UsageSum.HOUR, day, day + DAY)
        month = rollups.start_of(UsageSum.MONTH, day)
        following = rollups.start_of(UsageSum.MONTH, month + 31 * DAY)
        _add_up(account, UsageSum.MONTH, UsageSum.DAY, month, following)


def prune(before: datetime) -> Iterator[int]:
    """Delete the records of calls that began before this midnight (UTC); gives the number of each batch. From the
    first one on, what is left of these days cannot be added up again, so their sums are not touched any more.
    """
    known = pruned_before()
    PrunedUsage.objects.update_or_create(
        pk=1, defaults={"before": max(before, known) if known else before}
    )
    for account in accounts():
        old = UsageRecord.objects.filter(owner_id=account, at__lt=before).order_by("at")
        while batch := list(old.values_list("pk", flat=True)[:BATCH]):
            with _room():
                UsageRecord.objects.filter(pk__in=batch).delete()
            yield len(batch)


def _first_hour(account: UUID, since: datetime | None, until: datetime) -> datetime | None:
    """The first hour of this period with a call, or with a sum of calls."""
    records = UsageRecord.objects.filter(owner_id=account, at__lt=until).order_by("at")
    sums = UsageSum.objects.filter(owner_id=account, span=UsageSum.HOUR, start__lt=until)
    if since is not None:
        records, sums = records.filter(at__gte=since), sums.filter(start__gte=since)
    found = [*records.values_list("at", flat=True)[:1]]
    found += sums.order_by("start").values_list("start", flat=True)[:1]
    return rollups.hour_of(min(found)) if found else None


def _add_up_hour(account: UUID, hour: datetime) -> None:
    """One hour's sums, from its records."""
    UsageSum.objects.filter(owner_id=account, span=UsageSum.HOUR, start=hour).delete()
    sqlite = connection.vendor == "sqlite"
    cost = "CAST(ROUND(cost * 1e10) AS INTEGER)" if sqlite else "(cost * 10000000000)::bigint"
    id, time = rollups.for_database()
    sql = f"""{_TO}
        SELECT owner_id, %s, %s, COALESCE(integration_id, %s), COALESCE(token_id, %s), provider_id, model, outcome,
            COUNT(*), SUM(CASE WHEN attempts > 0 THEN 1 ELSE 0 END),
            SUM(CASE WHEN attempts > 0 THEN latency_ms ELSE 0 END), COUNT(first_token_ms),
            COALESCE(SUM(first_token_ms), 0), SUM(input_tokens), SUM(output_tokens), SUM(cached_tokens),
            SUM(reasoning_tokens), COUNT(cost),
            SUM(CASE WHEN cost IS NULL AND usage_source <> 'none' THEN 1 ELSE 0 END),
            COALESCE(SUM({cost}), 0), MAX(at)
        FROM {UsageRecord._meta.db_table} WHERE owner_id = %s AND at >= %s AND at < %s GROUP BY {_WHO}"""  # noqa: S608  # our own names
    nothing = id(NOTHING)
    what = [UsageSum.HOUR, time(hour), nothing, nothing]
    with connection.cursor() as cursor:
        cursor.execute(sql, [*what, id(account), time(hour), time(hour + HOUR)])


def _add_up(account: UUID, span: str, smaller: str, start: datetime, end: datetime) -> None:
    """One day's sums from its hours, or one month's from its days."""
    UsageSum.objects.filter(owner_id=account, span=span, start=start).delete()
    id, time = rollups.for_database()
    sums = ", ".join(f"SUM({name})" for name in rollups.COUNTS)
    sql = f"""{_TO}
        SELECT owner_id, %s, %s, integration_id, token_id, provider_id, model, outcome, {sums}, MAX(last_at)
        FROM {rollups.TABLE} WHERE owner_id = %s AND span = %s AND start >= %s AND start < %s
        GROUP BY {_WHO}"""  # noqa: S608  # our own names
    with connection.cursor() as cursor:
        cursor.execute(sql, [span, time(start), id(account), smaller, time(start), time(end)])


@contextmanager
def _alone() -> Iterator[None]:
    """A transaction in which no other one adds to the sums. SQLite has one writer anyway. On PostgreSQL a recorder that
    has added to them is waited for, and one that has only inserted its records will add them to the new sums.
    """
    with _room(), transaction.atomic():
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute(f"LOCK TABLE {rollups.TABLE} IN SHARE ROW EXCLUSIVE MODE")
        yield


@contextmanager
def _room() -> Iterator[None]:
    """Afterwards as long a pause as the step took: whoever waits for the database comes next."""
    began = time.monotonic()
    yield
    time.sleep(time.monotonic() - began)

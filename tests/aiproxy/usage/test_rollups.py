from __future__ import annotations

import asyncio
import importlib
import random
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

from django.db import connection
from django.test.utils import CaptureQueriesContext

from aiproxy import migrations
from aiproxy.errors import NotRecorded
from aiproxy.models import UsageRecord, UsageSum
from aiproxy.usage import analytics
from aiproxy.usage.recorder import Recorder
from aiproxy.usage.row import Row
from integrations.actions import integrations as integration_actions
from integrations.audit import SYSTEM
from integrations.models import Integration
from tests.aiproxy.usage import sums
from tests.factories import make_call, make_integration, make_token, make_user

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def rows(owner, integrations, tokens, count, seed=0):
    """Calls of every kind, within some hours around the end of a month."""
    chance = random.Random(seed)
    for number in range(count):
        integration = chance.choice([None, *integrations])
        priced, sent = chance.random() < 0.7, chance.random() < 0.8
        yield Row(
            at=datetime(2026, 10, 31, 22, tzinfo=UTC) + timedelta(seconds=chance.random() * 14_400),
            owner_id=owner.pk,
            token_id=chance.choice([None, *tokens]),
            integration_id=integration,
            provider_id="openai" if integration else "",
            model=chance.choice(["gpt-5.1", "gpt-5-mini"]),
            operation="chat",
            dialect="native",
            outcome=chance.choice(["ok", "ok", "timeout"]),
            request_id=f"req_{number}",
            attempts=int(sent),
            latency_ms=chance.randrange(5_000),
            first_token_ms=chance.choice([None, 0, 120]),
            input_tokens=chance.randrange(5_000),
            output_tokens=chance.randrange(500),
            cached_tokens=chance.randrange(50),
            reasoning_tokens=chance.randrange(50),
            usage_source=chance.choice(["provider", "estimated", "none"]),
            cost=Decimal(chance.randrange(10**9)).scaleb(-10) if priced else None,
        )


def write(*records):
    """By a recorder of its own, many at a time."""

    async def run():
        recorder = Recorder()
        recorder.start()
        try:
            return await asyncio.gather(*map(recorder.put, records), return_exceptions=True)
        finally:
            await recorder.stop()

    return asyncio.run(run())


def starts(span):
    found = UsageSum.objects.filter(span=span).order_by("start").values_list("start", "calls")
    return [(start.astimezone(UTC).strftime("%d %H:%M"), calls) for start, calls in found]


def test_sums_are_those_of_the_records(database):
    owner = make_user()
    integrations = [make_integration(owner).pk for _ in range(2)]
    write(*rows(owner, integrations, [make_token(owner)[0].pk], 200))
    assert len(sums.of_records()) > 50
    assert sums.stored() == sums.of_records()


def test_sums_are_those_of_the_records_when_many_write_at_once(database, at_once):
    """Each worker meets the same sums, in another order and in groups of its own."""
    owner = make_user()
    integrations, tokens = [make_integration(owner).pk], [make_token(owner)[0].pk]
    workers = [list(rows(owner, integrations, tokens, 150, seed)) for seed in range(3)]
    at_once(*(lambda mine=mine: [write(*mine[n : n + 30]) for n in range(0, 150, 30)] for mine in workers))  # fmt: skip
    assert UsageRecord.objects.count() == 450
    assert sums.stored() == sums.of_records()


def test_a_record_that_is_not_written_is_in_no_sum(transactional_db):
    owner = make_user()
    bad, good = rows(owner, [], [], 2)
    bad.operation = None
    assert [type(told) for told in write(bad, good)] == [NotRecorded, type(None)]
    assert sums.stored() == sums.of_records()
    assert analytics.summary(owner).calls == 1


def test_calls_from_before_there_were_sums_are_added_up_by_the_upgrade(database):
    owner = make_user()
    write(*rows(owner, [make_integration(owner).pk], [], 100))
    UsageSum.objects.all().delete()
    (file,) = Path(migrations.__path__[0]).glob("*_usage_sums.py")
    migration = importlib.import_module(f"{migrations.__name__}.{file.stem}")
    with connection.schema_editor() as editor:
        migration.fill(None, editor)
    assert sums.stored() == sums.of_records()


def test_hours_days_and_months_end_at_midnight_in_utc(db):
    owner, tokyo = make_user(), timezone(timedelta(hours=9))
    for at in (
        datetime(2026, 10, 31, 23, 59, 59, 999_999, UTC),
        datetime(2026, 11, 1, 0, 0, tzinfo=UTC),
        datetime(2026, 11, 1, 9, 30, tzinfo=tokyo),
        datetime(2026, 11, 1, 8, 30, tzinfo=tokyo),
        datetime(2026, 11, 2, 0, 0, tzinfo=UTC),
    ):
        make_call(owner, at=at)
    assert starts("h") == [("31 23:00", 2), ("01 00:00", 2), ("02 00:00", 1)]
    assert starts("d") == [("31 00:00", 2), ("01 00:00", 2), ("02 00:00", 1)]
    assert starts("m") == [("01 00:00", 2), ("01 00:00", 3)]


def test_a_period_holds_every_call_from_its_first_hour_on_once(db):
    owner = make_user()
    first = datetime(2026, 9, 29, 23, tzinfo=UTC)
    times = [first + timedelta(hours=11 * number) for number in range(150)]
    for at in times:
        make_call(owner, at=at)
    for since in (
        NOON.replace(minute=59),
        NOON.replace(hour=0),
        NOON.replace(day=1, hour=0),
        NOON.replace(month=10, day=31, hour=23),
        NOON.replace(month=12, day=31, hour=5),
        datetime(2026, 1, 1, tzinfo=UTC),
        datetime.min.replace(tzinfo=UTC),
        datetime.max.replace(tzinfo=UTC),
    ):
        begin = since.replace(minute=0, second=0, microsecond=0)
        assert analytics.summary(owner, since=since).calls == sum(at >= begin for at in times)


def test_costs_add_up_without_drifting(db):
    owner = make_user()
    for _ in range(10):
        make_call(owner, cost=Decimal("0.1"))
    make_call(
        owner, cost=Decimal("0.00000001875")
    )  # a price of eleven digits is kept with ten, as in its record
    assert analytics.summary(owner).cost == Decimal("1.0000000188")


def test_what_a_deleted_integration_used_still_counts(database):
    owner, other = make_user(), make_user()
    integration, (token, _) = make_integration(owner), make_token(owner)
    gone = integration.pk
    make_call(owner, integration, token=token, input_tokens=7)
    make_call(other, input_tokens=1)
    integration_actions.delete(SYSTEM, integration)
    token.delete()
    assert not Integration.objects.filter(pk=gone).exists()
    assert analytics.summary(owner).input_tokens == 7
    assert analytics.calls(owner).get().integration_id == gone
    assert analytics.health(owner)[gone].calls == 1


def test_deleting_an_integration_rewrites_none_of_its_calls(db):
    integration = make_integration(make_user())
    make_call(integration.owner, integration)
    with CaptureQueriesContext(connection) as queries:
        integration_actions.delete(SYSTEM, integration)
    assert not [query["sql"] for query in queries if "aiproxy_usage" in query["sql"]]


def test_sums_go_with_their_account(database):
    owner = make_user()
    make_call(owner)
    owner.delete()
    assert not UsageSum.objects.exists()
    assert not UsageRecord.objects.exists()

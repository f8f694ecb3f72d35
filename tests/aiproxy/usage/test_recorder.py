from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from django.utils import timezone

from aiproxy.errors import NotRecorded
from aiproxy.models import UsageRecord
from aiproxy.usage.recorder import Recorder
from aiproxy.usage.row import Row
from integrations.models import AccessToken, Integration
from providers.rate_limits import Allowance, RateLimitState
from tests.factories import make_integration, make_token, make_user

pytestmark = pytest.mark.django_db(transaction=True)


def record(user, **data):
    values = {
        "owner_id": user.pk,
        "operation": "chat",
        "dialect": "native",
        "at": timezone.now(),
        "outcome": "ok",
        "request_id": "req_1",
        "attempts": 1,
    }
    return Row(**{**values, **data})


def write(*records):
    async def run():
        recorder = Recorder()
        recorder.start()
        try:
            await asyncio.gather(*map(recorder.put, records))
            return await UsageRecord.objects.acount()
        finally:
            await recorder.stop()

    return asyncio.run(run())


def test_a_record_is_committed_when_its_future_ends(alice):
    assert write(record(alice)) == 1


def test_many_records_share_commits_and_none_is_lost(alice):
    assert write(*(record(alice, request_id=f"req_{n}") for n in range(1200))) == 1200


def test_integration_and_token_are_marked_as_used(alice):
    integration, (token, _) = make_integration(alice), make_token(alice)
    one = record(alice, integration_id=integration.pk, token_id=token.pk)
    write(one)
    assert Integration.objects.get(pk=integration.pk).last_used == one.at
    assert AccessToken.objects.get(pk=token.pk).last_used == one.at


def test_a_call_that_was_refused_before_sending_does_not_mark_the_integration(alice):
    integration = make_integration(alice)
    write(record(alice, integration_id=integration.pk, attempts=0))
    assert Integration.objects.get(pk=integration.pk).last_used is None


def test_a_record_that_cannot_be_written_tells_its_caller(alice):
    with pytest.raises(NotRecorded):
        write(record(alice, operation=None))


def outcomes(*records):
    """What each caller is told when all are written in one group."""

    async def run():
        recorder = Recorder()
        told = [recorder.put(one) for one in records]
        recorder.start()
        try:
            return await asyncio.gather(*told, return_exceptions=True)
        finally:
            await recorder.stop()

    return asyncio.run(run())


def test_what_was_deleted_meanwhile_costs_no_record(alice):
    integration, (token, _) = make_integration(alice), make_token(alice)
    one = record(alice, integration_id=integration.pk, token_id=token.pk, request_id="req_gone")
    token.delete()
    integration.delete()
    kept = make_integration(alice)
    assert outcomes(one, record(alice, integration_id=kept.pk)) == [None, None]
    gone = UsageRecord.objects.select_related("integration", "token").get(request_id="req_gone")
    assert (gone.integration, gone.token) == (None, None)
    assert UsageRecord.objects.get(request_id="req_1").integration == kept


def test_one_bad_record_does_not_take_the_others_of_its_group(alice):
    bad, good = outcomes(record(alice, operation=None), record(alice))
    assert isinstance(bad, NotRecorded)
    assert good is None
    assert UsageRecord.objects.count() == 1


def test_the_character_zero_in_a_name_costs_no_record(postgres):
    user = make_user()
    zero = {"requested_model": "a\0b", "changes": ["\0"], "journey": {"steps": [["a\0b", 1.5]]}}
    write(record(user), record(user, model="a\0b", **zero))
    assert UsageRecord.objects.count() == 2
    found = UsageRecord.objects.get(model="a\ufffdb")
    assert found.journey == {"steps": [["a\ufffdb", 1.5]]}


def test_stopping_writes_what_is_left(alice):
    async def run():
        recorder = Recorder()
        recorder.put(record(alice))
        recorder.start()
        await recorder.stop()

    asyncio.run(run())
    assert UsageRecord.objects.count() == 1


def state(one, remaining):
    return RateLimitState(one.at + timedelta(seconds=1), Allowance(10, remaining))


def test_what_providers_say_is_left_is_kept_with_each_integration(alice):
    first, second, silent = (make_integration(alice) for _ in range(3))
    one = record(alice, integration_id=first.pk)

    async def run():
        recorder = Recorder()
        recorder.put(one, {first.pk: state(one, 3), second.pk: state(one, 4)})
        recorder.put(record(alice, integration_id=silent.pk))
        recorder.start()
        await recorder.stop()

    asyncio.run(run())
    rows = {row.pk: row.limits for row in Integration.objects.filter(owner=alice)}
    assert rows[first.pk] == state(one, 3)
    assert rows[second.pk] == state(one, 4)
    assert rows[silent.pk] is None


def test_the_last_of_many_limits_is_kept_although_not_each_is_written(alice, monkeypatch):
    monkeypatch.setattr("aiproxy.usage.recorder.TOUCH_SECONDS", 0.2)
    integration = make_integration(alice)
    records = [record(alice, integration_id=integration.pk) for _ in range(3)]

    async def run():
        recorder = Recorder()
        recorder.start()
        for left, one in enumerate(records):
            await recorder.put(one, {integration.pk: state(one, left)})
        await asyncio.sleep(0.5)
        await recorder.stop()

    asyncio.run(run())
    limits = Integration.objects.get(pk=integration.pk).limits
    assert limits
    assert limits.requests
    assert limits.requests.remaining == 2


def test_calls_in_quick_succession_write_no_limits_of_their_own(alice, queries_of_server):
    integration = make_integration(alice)
    one, two = (record(alice, integration_id=integration.pk) for _ in range(2))

    async def run():
        recorder = Recorder()
        recorder.start()
        await recorder.put(one, {integration.pk: state(one, 2)})
        with queries_of_server() as queries:
            await recorder.put(two, {integration.pk: state(two, 1)})
        await recorder.stop()
        return queries

    assert not [sql for sql in asyncio.run(run()) if "UPDATE" in sql]

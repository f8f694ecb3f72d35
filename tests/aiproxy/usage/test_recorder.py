from __future__ import annotations

import asyncio

import pytest

from aiproxy.errors import NotRecorded
from aiproxy.models import UsageRecord
from aiproxy.usage.recorder import Recorder
from integrations.models import AccessToken, Integration
from tests.factories import make_integration, make_token

pytestmark = pytest.mark.django_db(transaction=True)


def record(user, **data):
    values = {
        "owner_id": user.pk,
        "operation": "chat",
        "dialect": "native",
        "outcome": "ok",
        "request_id": "req_1",
        "attempts": 1,
    }
    return UsageRecord(**{**values, **data})


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


def test_stopping_writes_what_is_left(alice):
    async def run():
        recorder = Recorder()
        recorder.put(record(alice))
        recorder.start()
        await recorder.stop()

    asyncio.run(run())
    assert UsageRecord.objects.count() == 1

"""Many who write at once."""

from __future__ import annotations

import asyncio
import threading

from django.db import connection

from aiproxy.models import UsageRecord
from aiproxy.usage.recorder import Recorder
from integrations.actions import tokens
from integrations.audit import SYSTEM
from integrations.models import AccessToken, Revision

WRITERS, EACH, CALLS = 50, 2, 300


def test_fifty_writers_and_the_calls_records_never_meet_a_locked_database(transactional_db, alice):
    failures: list[Exception] = []
    before = Revision.current()

    def write(number):
        try:
            for n in range(EACH):
                tokens.issue(SYSTEM, alice, f"token {number} {n}", ["chat"])
        except Exception as error:  # noqa: BLE001  # whatever it is, the test tells
            failures.append(error)
        finally:
            connection.close()

    async def call():
        recorder = Recorder()
        recorder.start()
        try:
            await asyncio.gather(*(recorder.put(record(n)) for n in range(CALLS)))
        finally:
            await recorder.stop()

    def record(number):
        return UsageRecord(
            owner=alice,
            operation="chat",
            dialect="native",
            outcome="ok",
            request_id=f"req_{number}",
        )

    writers = [threading.Thread(target=write, args=(number,)) for number in range(WRITERS)]
    for writer in writers:
        writer.start()
    asyncio.run(call())
    for writer in writers:
        writer.join()
    assert failures == []
    assert AccessToken.objects.count() == WRITERS * EACH
    assert Revision.current() == before + WRITERS * EACH
    assert UsageRecord.objects.count() == CALLS

"""Writes usage records in groups: one thread, one transaction for everything that has piled up.

A call waits until its record is committed before its caller sees the end of the answer, so a record is never
lost to a crash that the caller did not notice. Under load many calls share one commit.
"""

from __future__ import annotations

import asyncio
import threading
import time
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from uuid import UUID

import structlog
from django.db import connection, transaction

from aiproxy.errors import NotRecorded
from aiproxy.models import UsageRecord
from integrations import access

log = structlog.get_logger(__name__)

GROUP = 500
"""Most rows in one transaction; keeps the time a group holds SQLite's write lock short."""

TOUCH_SECONDS = 1.0
"""How often one integration or token is marked as used; in between, its last mark is near enough."""


@dataclass(slots=True)
class _Entry:
    record: UsageRecord
    loop: asyncio.AbstractEventLoop
    done: asyncio.Future[None]

    def settle(self, error: Exception | None) -> None:
        def tell() -> None:
            if self.done.done():
                return
            if error is None:
                self.done.set_result(None)
            else:
                self.done.set_exception(NotRecorded())

        if not self.loop.is_closed():
            self.loop.call_soon_threadsafe(tell)


class Recorder:
    """``start()`` once, ``put()`` from any task, ``stop()`` writes what is left."""

    def __init__(self) -> None:
        self._queue: SimpleQueue[_Entry | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._touched: dict[UUID, float] = {}

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="usage-recorder", daemon=True)
        self._thread.start()

    def put(self, record: UsageRecord) -> asyncio.Future[None]:
        """Queue ``record``; the future ends when it is committed, or fails with NotRecorded."""
        loop = asyncio.get_running_loop()
        entry = _Entry(record, loop, loop.create_future())
        entry.done.add_done_callback(_consume)
        self._queue.put(entry)
        return entry.done

    async def stop(self) -> None:
        if self._thread is not None:
            self._queue.put(None)
            await asyncio.to_thread(self._thread.join)
            self._thread = None

    def _run(self) -> None:
        """The thread keeps its database connection: opening one costs more than a group's rows."""
        running = True
        while running:
            group, running = self._next_group()
            if group:
                self._write(group)
        connection.close()

    def _next_group(self) -> tuple[list[_Entry], bool]:
        """Waits for one entry, then takes whatever else is there."""
        group: list[_Entry] = []
        entry = self._queue.get()
        try:
            while entry is not None:
                group.append(entry)
                if len(group) == GROUP:
                    return group, True
                entry = self._queue.get_nowait()
        except Empty:
            return group, True
        return group, False

    def _write(self, group: list[_Entry]) -> None:
        error: Exception | None = None
        records = [entry.record for entry in group]
        try:
            self._insert(records)
        except Exception:  # noqa: BLE001  # a connection that broke while idle is worth one more try
            connection.close()
            try:
                self._insert(records)
            except Exception as failure:  # noqa: BLE001  # whatever it is, those who wait must be told
                log.error("usage.not_recorded", records=len(group), error=type(failure).__name__)
                connection.close()
                error = failure
        for entry in group:
            entry.settle(error)

    def _insert(self, records: list[UsageRecord]) -> None:
        now = time.monotonic()
        sent = [record.integration_id for record in records if record.attempts]
        integrations = self._due(sent, now)
        tokens = self._due([record.token_id for record in records], now)
        with transaction.atomic():
            UsageRecord.objects.bulk_create(records)
            if integrations or tokens:
                access.touch(integrations, tokens, max(record.at for record in records))
        self._touched.update(dict.fromkeys(integrations | tokens, now))

    def _due(self, ids: list[UUID | None], now: float) -> set[UUID]:
        """Those of ``ids`` that were not marked as used within the last TOUCH_SECONDS."""
        return {
            one
            for one in ids
            if one is not None and now - self._touched.get(one, -TOUCH_SECONDS) >= TOUCH_SECONDS
        }


def _consume(done: asyncio.Future[None]) -> None:
    """A caller that left does not wait for its record; its outcome is then nobody's business."""
    if not done.cancelled():
        done.exception()

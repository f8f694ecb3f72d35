"""Writes usage records in groups: one thread, one transaction for everything that has piled up.

A call waits until its record is committed before its caller sees the end of the answer, so a record is never
lost to a crash that the caller did not notice. Under load many calls share one commit.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from types import MappingProxyType
from typing import Any
from uuid import UUID

import structlog
from django.db import DataError, InterfaceError, OperationalError, connection, transaction

from aiproxy.errors import DiskFull, NotRecorded
from aiproxy.usage import rollups, row
from aiproxy.usage.row import Row
from integrations import access, disk
from providers.rate_limits import RateLimitState

log = structlog.get_logger(__name__)

GROUP = 500
"""Most rows in one transaction; keeps the time a group holds SQLite's write lock short."""

COMPANY_SECONDS = 0.002
"""How long a record waits for others to share its commit, under load. A call on its own never waits."""

TOUCH_SECONDS = 1.0
"""How often one integration or token is marked as used; in between, its last mark is near enough."""

NOTHING_SAID: Mapping[UUID, RateLimitState] = MappingProxyType({})


@dataclass(slots=True)
class _Entry:
    record: Row
    limits: Mapping[UUID, RateLimitState]
    done: asyncio.Future[None]

    def settle(self, error: Exception | None) -> None:
        """In the event loop that waits."""
        if self.done.done():
            return
        if error is None:
            self.done.set_result(None)
        else:
            self.done.set_exception(DiskFull() if disk.is_full(error) else NotRecorded())


class Recorder:
    """``start()`` once, ``put()`` from any task, ``stop()`` writes what is left."""

    def __init__(self) -> None:
        self._queue: SimpleQueue[_Entry | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._touched: dict[UUID, float] = {}
        self._said: dict[UUID, RateLimitState] = {}
        """What providers said last is left, by integration, as far as it is not written yet."""
        self._company = False
        """Whether several calls ended together last time, so that it is worth waiting for the next ones."""

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="usage-recorder", daemon=True)
        self._thread.start()

    def put(
        self, record: Row, limits: Mapping[UUID, RateLimitState] = NOTHING_SAID
    ) -> asyncio.Future[None]:
        """Queue ``record``; the future ends when it is committed, or fails with NotRecorded. ``limits`` are written
        when their integration is next marked as used, and lost with the process before that.
        """
        entry = _Entry(record, limits, asyncio.get_running_loop().create_future())
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
            self._company = len(group) > 1
            if group or self._said:
                self._write(group)
        connection.close()

    def _next_group(self) -> tuple[list[_Entry], bool]:
        """Waits for one entry, but not long while something is left to write; then takes whatever else is there."""
        group: list[_Entry] = []
        try:
            entry = self._queue.get(timeout=TOUCH_SECONDS if self._said else None)
            if self._company:
                time.sleep(COMPANY_SECONDS)
            while entry is not None:
                group.append(entry)
                if len(group) == GROUP:
                    return group, True
                entry = self._queue.get_nowait()
        except Empty:
            return group, True
        return group, False

    def _write(self, group: list[_Entry]) -> None:
        for entry in group:
            self._said.update(entry.limits)
        records = [entry.record for entry in group]
        error = self._try(records)
        if error is not None:  # a connection that broke while idle is worth one more try
            if isinstance(error, DataError | ValueError):
                _mend(records)
            error = self._try(records)
        hopeless = isinstance(error, OperationalError | InterfaceError)
        if error is None or hopeless or len(group) == 1:
            self._report(error, len(group))
            _tell(group, error)
            return
        # The database works, so one of them is at fault, and the others' callers have nothing to do with it.
        for entry in group:
            alone = self._try([entry.record])
            self._report(alone, 1)
            _tell([entry], alone)

    def _try(self, records: list[Row]) -> Exception | None:
        try:
            self._insert(records)
        except Exception as error:  # noqa: BLE001  # whatever it is, those who wait must be told
            connection.close()
            return error
        return None

    def _report(self, error: Exception | None, records: int) -> None:
        if error is not None:
            log.error(
                "usage.not_recorded",
                records=records,
                error=type(error).__name__,
                disk_full=disk.is_full(error),
            )
            self._said.clear()

    def _insert(self, records: list[Row]) -> None:
        now = time.monotonic()
        sent = [record.integration_id for record in records if record.attempts] + [*self._said]
        integrations = self._due(sent, now)
        tokens = self._due([record.token_id for record in records], now)
        with transaction.atomic():
            row.insert(records)
            if integrations or tokens:
                limits = {one: self._said[one] for one in integrations if one in self._said}
                times = [record.at for record in records] + [said.at for said in limits.values()]
                access.touch(integrations, tokens, max(times), limits)
            rollups.add(records)
        self._touched.update(dict.fromkeys(integrations | tokens, now))
        for one in integrations:
            self._said.pop(one, None)

    def _due(self, ids: list[UUID | None], now: float) -> set[UUID]:
        """Those of ``ids`` that were not marked as used within the last TOUCH_SECONDS."""
        return {
            one
            for one in ids
            if one is not None and now - self._touched.get(one, -TOUCH_SECONDS) >= TOUCH_SECONDS
        }


def _tell(group: list[_Entry], error: Exception | None) -> None:
    """Wake everybody who waits with one call into their event loop; each such call is a system call or two."""

    def settle() -> None:
        for entry in group:
            entry.settle(error)

    if not group:
        return
    loop = group[0].done.get_loop()
    if not loop.is_closed():
        loop.call_soon_threadsafe(settle)


def _mend(records: list[Row]) -> None:
    """As far as it lies with what is to be written."""
    for record in records:
        for name in record.__struct_fields__:
            setattr(record, name, _without_zero(getattr(record, name)))


def _without_zero(value: Any) -> Any:
    """Callers and providers may send the character zero in any name, and PostgreSQL takes it in no text."""
    match value:
        case str():
            return value.replace("\0", "\ufffd")
        case dict():
            return {_without_zero(key): _without_zero(inner) for key, inner in value.items()}
        case list() | tuple():
            return [_without_zero(inner) for inner in value]
        case _:
            return value


def _consume(done: asyncio.Future[None]) -> None:
    """A caller that left does not wait for its record; its outcome is then nobody's business."""
    if not done.cancelled():
        done.exception()

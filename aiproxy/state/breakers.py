"""What the workers tell each other about integrations in trouble, through a few rows of the database.

A breaker seldom opens or closes, so this costs calls nothing: who opens or closes one writes that down at once, and
every worker reads the rows each second, and when it starts. The rows hold the time of day; breakers count in
``time.monotonic``, so a row is translated once, when it is new.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from aiproxy.gateway.breaker import Breakers
from aiproxy.models import OpenBreaker
from integrations import live

FORGOTTEN = timedelta(days=1)
"""After that long nobody has called it; perhaps it is deleted."""


@dataclass(frozen=True, slots=True)
class Open:
    """What a row says."""

    until: datetime
    trips: int


class Board:
    """Where one worker posts and reads. For the event loop of its ``breakers``."""

    def __init__(self, breakers: Breakers) -> None:
        self._breakers = breakers
        self._read: Mapping[UUID, Open] = {}

    async def wait(self, seconds: float) -> None:
        """So long, or until there is something to post."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._breakers.changed.wait()
        self._breakers.changed.clear()

    async def exchange(self) -> None:
        """Post what happened here, and learn what happened elsewhere. Raises DatabaseError; then nothing is lost."""
        mine, self._breakers.changes = self._breakers.changes, set()
        try:
            rows = await live.in_database_thread(_exchange, *self._posted(mine))
        except BaseException:
            self._breakers.changes |= mine
            raise
        self._learn(rows)

    def _posted(self, mine: Collection[UUID]) -> tuple[list[OpenBreaker], list[UUID]]:
        """The rows of those that are open now, and the ids of those that are not."""
        now, today = time.monotonic(), timezone.now()
        opened = [
            OpenBreaker(
                integration_id=one,
                open_until=today + timedelta(seconds=breaker.open_until - now),
                trips=breaker.trips,
            )
            for one in mine
            if (breaker := self._breakers.of(one)).open_until is not None
        ]
        return opened, list({*mine} - {row.integration_id for row in opened})

    def _learn(self, rows: Mapping[UUID, Open]) -> None:
        """What has changed here since is about to be posted, and newer than any row."""
        now, today = time.monotonic(), timezone.now()
        earlier, self._read = self._read, rows
        for one in earlier.keys() - rows.keys() - self._breakers.changes:
            self._breakers.told_closed(one)
        for one, row in rows.items():
            if one not in self._breakers.changes and earlier.get(one) != row:
                until = now + (row.until - today).total_seconds()
                self._breakers.told_open(one, until, row.trips)


def _exchange(opened: list[OpenBreaker], closed: list[UUID]) -> dict[UUID, Open]:
    if opened or closed:
        old = timezone.now() - FORGOTTEN
        with transaction.atomic():
            OpenBreaker.objects.filter(Q(pk__in=closed) | Q(open_until__lt=old)).delete()
            OpenBreaker.objects.bulk_create(
                opened,
                update_conflicts=True,
                unique_fields=["integration_id"],
                update_fields=["open_until", "trips"],
            )
    rows = OpenBreaker.objects.values_list("integration_id", "open_until", "trips")
    return {one: Open(until, trips) for one, until, trips in rows}

"""Calls that wait for a limit to let them through: one line for each limit, first come, first served."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from uuid import UUID

LONGEST = 200
"""Most calls in one line of one worker. More than that would not be let through in time, and hold memory."""


class LineFull(Exception):
    """There are LONGEST calls already."""


class Place:
    """One call's place in a line."""

    def __init__(self) -> None:
        self.first = False
        self._called = asyncio.Event()

    def call(self) -> None:
        """Something has changed: it is its turn, or something was given back."""
        self._called.set()

    async def wait(self, seconds: float) -> None:
        """Until it is called, but not longer than ``seconds``."""
        with suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, seconds)):
                await self._called.wait()
        self._called.clear()


class Lines:
    """For one event loop."""

    def __init__(self) -> None:
        self._lines: dict[UUID, deque[Place]] = {}

    def waiting(self, limit_id: UUID) -> int:
        return len(self._lines.get(limit_id, ()))

    @contextmanager
    def place(self, limit_id: UUID) -> Iterator[Place]:
        """A place at the end of the line, left however the block ends. Raises LineFull."""
        line = self._lines.setdefault(limit_id, deque())
        if len(line) >= LONGEST:
            raise LineFull
        place = Place()
        place.first = not line
        line.append(place)
        try:
            yield place
        finally:
            line.remove(place)
            if not line:
                del self._lines[limit_id]
            elif place.first:
                line[0].first = True
                line[0].call()

    def wake(self, limit_ids: Iterable[UUID]) -> None:
        """Something that they limit was given back."""
        for limit_id in limit_ids:
            if line := self._lines.get(limit_id):
                line[0].call()

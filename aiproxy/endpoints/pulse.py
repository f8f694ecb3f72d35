"""A sign of life for a caller that waits: proxies and clients give up a connection on which nothing moves."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any


class Pulse:
    """Runs ``beat`` when nothing has ``moved`` for so many seconds.

    One timer for a whole stream: it looks when it is due, and not at each event.
    """

    __slots__ = ("_beat", "_last", "_loop", "_seconds", "_task", "_timer")

    def __init__(self, seconds: float, beat: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self._beat = beat
        self._seconds = seconds
        self._loop = asyncio.get_running_loop()
        self._last = self._loop.time()
        self._task: asyncio.Task[None] | None = None
        self._timer = self._loop.call_later(seconds, self._look)

    def moved(self) -> None:
        self._last = self._loop.time()

    def _look(self) -> None:
        if self._loop.time() >= self._last + self._seconds:
            self.moved()
            if self._task is None or self._task.done():  # else the caller does not even read
                self._task = self._loop.create_task(self._beat())
        self._timer = self._loop.call_at(self._last + self._seconds, self._look)

    def stop(self) -> None:
        self._timer.cancel()
        if self._task is not None:
            self._task.cancel()

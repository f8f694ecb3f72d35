"""Bytes kept in this process's memory for a while: at most so many, and what was used longest ago goes first."""

from __future__ import annotations

import time
from collections import OrderedDict

OVERHEAD = 300
"""About what an entry takes besides its content."""


class Shelf:
    """Of one event loop; it has no lock. ``limit`` is bytes, 0 keeps nothing."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.size = 0
        self._items: OrderedDict[str, tuple[bytes, float]] = OrderedDict()

    def get(self, key: str) -> bytes | None:
        found = self._items.get(key)
        if found is None:
            return None
        content, until = found
        if time.monotonic() >= until:
            self._drop(key)
            return None
        self._items.move_to_end(key)
        return content

    def put(self, key: str, content: bytes, seconds: float) -> None:
        self._drop(key)
        self._items[key] = content, time.monotonic() + seconds
        self.size += len(content) + OVERHEAD
        while self.size > self.limit:
            self._drop(next(iter(self._items)))

    def _drop(self, key: str) -> None:
        if (gone := self._items.pop(key, None)) is not None:
            self.size -= len(gone[0]) + OVERHEAD

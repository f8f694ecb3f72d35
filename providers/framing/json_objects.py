"""Bytes to the JSON objects of one array, or of several objects one after the other."""

from __future__ import annotations

import re
from collections.abc import Iterator

from providers.errors import ServerError

_MARK = re.compile(rb'["{}\\]')
_INSIDE_STRING = re.compile(rb'["\\]')


class ObjectSplitter:
    """``feed(bytes)`` gives the text of each outermost ``{…}``; any cut of the same bytes gives the same texts.

    What stands between the objects (brackets, commas, white space) is left out. Whether a text is JSON is for
    the caller to find out.
    """

    def __init__(self, limit: int) -> None:
        """``limit`` holds for one object, in bytes."""
        self._limit = limit
        self._pending = bytearray()
        self._at = 0
        self._depth = 0
        self._in_string = False

    def feed(self, data: bytes) -> Iterator[str]:
        """The objects that ``data`` completes; consume them all. Raises ServerError beyond the limit."""
        self._pending += data
        while match := (_INSIDE_STRING if self._in_string else _MARK).search(
            self._pending, self._at
        ):
            mark = match.group()
            if mark == b"\\" and match.end() == len(self._pending):
                self._at = match.start()
                break
            self._at = match.end() + (mark == b"\\")
            if mark == b'"':
                self._in_string = not self._in_string
            elif mark == b"{":
                if not self._depth:
                    self._drop(match.start())
                self._depth += 1
            elif mark == b"}" and self._depth:
                self._depth -= 1
                if not self._depth:
                    yield self._pending[: self._at].decode("utf-8", "replace")
                    self._drop(self._at)
        else:
            self._at = len(self._pending)
        if not self._depth and not self._in_string:
            self._drop(self._at)
        if len(self._pending) > self._limit:
            raise ServerError(
                "The provider sent an object that is too long. Try again, or use another model.",
                detail=f"object of more than {self._limit} bytes in a stream",
            )

    def close(self) -> Iterator[str]:
        """The last object when it was cut short."""
        if self._depth:
            yield self._pending.decode("utf-8", "replace")
            self._pending.clear()
            self._depth = 0

    def _drop(self, count: int) -> None:
        del self._pending[:count]
        self._at -= count

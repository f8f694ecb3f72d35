"""Bytes to lines, however the bytes were cut. What both SSE and NDJSON stand on."""

from __future__ import annotations

import re
from collections.abc import Iterator

from providers.errors import ServerError

LIMIT = 1 << 20
"""Bytes of one line. Far above any real event; a host that sends more is broken or hostile."""

_END = re.compile(rb"[\r\n]")
_BOM = b"\xef\xbb\xbf"


class LineSplitter:
    """Lines end with LF, CRLF or CR; all three may be mixed and cut anywhere.

    Bytes are split before they are decoded, so a character cut in two is never harmed. Bytes that
    are no UTF-8 become U+FFFD. A byte order mark at the very start is left out.
    """

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._pending = bytearray()
        self._skip_lf = False
        self._first = True

    @property
    def between_lines(self) -> bool:
        """Whether a line has just ended, or none has begun, and nothing of the next one is there."""
        return not (self._pending or self._skip_lf)

    def passed_by(self) -> None:
        """Somebody else has read the whole lines up to here, none of which began with a byte order mark."""
        self._first = False

    def feed(self, data: bytes) -> Iterator[str]:
        """The lines that ``data`` completes; consume them all. Raises ServerError at a line beyond
        the limit.
        """
        if self._skip_lf and data:
            self._skip_lf = False
            data = data.removeprefix(b"\n")
        start = 0
        while match := _END.search(data, start):
            yield self._line(data[start : match.start()])
            start = match.end()
            if match.group() == b"\r":
                if start == len(data):
                    self._skip_lf = True
                elif data[start] == 0x0A:
                    start += 1
        self._pending += data[start:]
        self._check(len(self._pending))

    def close(self) -> Iterator[str]:
        """The last line when the body ended without a line end."""
        if self._pending:
            yield self._line(b"")

    def _line(self, rest: bytes) -> str:
        line = bytes(self._pending) + rest
        self._pending.clear()
        self._check(len(line))
        if self._first:
            self._first = False
            line = line.removeprefix(_BOM)
        return line.decode("utf-8", "replace")

    def _check(self, length: int) -> None:
        if length > self._limit:
            raise ServerError(
                "The provider sent a line that is too long. Try again, or use another model.",
                detail=f"line of more than {self._limit} bytes in a stream",
            )

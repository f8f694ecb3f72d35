"""Bytes to lines of JSON text, one value each. Blank lines are left out."""

from __future__ import annotations

from collections.abc import Iterator

from providers.framing.lines import LIMIT, LineSplitter


class NDJSONSplitter:
    """``feed(bytes)`` and ``close()`` give JSON texts; any cut of the same bytes gives the same
    texts.
    """

    comments = 0

    def __init__(self, limit: int = LIMIT) -> None:
        self._lines = LineSplitter(limit)

    def feed(self, data: bytes) -> Iterator[str]:
        """The texts that ``data`` completes; consume them all. Raises ServerError at a line beyond
        the limit.
        """
        return (line for line in self._lines.feed(data) if line.strip())

    def close(self) -> Iterator[str]:
        """The last text when the body ended without a line end; it may have been cut short."""
        return (line for line in self._lines.close() if line.strip())

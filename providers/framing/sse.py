"""Bytes to server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html),
with two departures that real providers ask for: nothing is thrown away at the end of the body, and
a line with a field the standard does not know is shown instead of dropped (GPUStack ends a broken
stream with ``error: {…}``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from providers.errors import ServerError
from providers.framing.lines import LIMIT, LineSplitter

_FIELD = re.compile(r"([A-Za-z][A-Za-z0-9_-]*):")
_STRAY_LIMIT = 1 << 16


@dataclass(frozen=True, slots=True)
class Frame:
    """One event. ``event`` is "" when the provider gave no name, as OpenAI never does.

    A line with an unknown field makes a frame of its own: ``event`` is the field's name, ``data``
    its value.
    """

    event: str
    data: str


class SSESplitter:
    """``feed(bytes)`` and ``close()`` give frames; any cut of the same bytes gives the same frames.

    ``stray`` collects lines that are no SSE at all (at most 64 KiB), for the host that answers a
    request for a stream with plain JSON or an HTML page.
    """

    def __init__(self, limit: int = LIMIT) -> None:
        """``limit`` holds for a line and for all data of one frame, in bytes."""
        self._lines = LineSplitter(limit)
        self._limit = limit
        self._event = ""
        self._data: list[str] = []
        self._size = 0
        self.stray = ""
        self.comments = 0
        """How many have come: a host sends them to show that it is alive."""

    def feed(self, data: bytes) -> Iterator[Frame]:
        """The frames that ``data`` completes; consume them all. Raises ServerError beyond the
        limit.
        """
        if (plain := self._plain(data)) is not None:
            yield from plain
            return
        for line in self._lines.feed(data):
            yield from self._read(line)

    def _plain(self, data: bytes) -> list[Frame] | None:
        """The frames of whole events of one ``data`` line each, which is how nearly all arrive; None for other bytes.
        Going through those line by line takes several times as long.
        """
        fresh = self._lines.between_lines and not self._data and not self._event
        if not fresh or not data.endswith(b"\n\n") or b"\r" in data or len(data) > self._limit:
            return None
        events = data[:-2].split(b"\n\n")
        if not all(event.startswith(b"data: ") and b"\n" not in event for event in events):
            return None
        self._lines.passed_by()
        return [Frame("", event[6:].decode("utf-8", "replace")) for event in events]

    def close(self) -> Iterator[Frame]:
        """The last frame when the body ended without a blank line; it may have been cut short."""
        for line in self._lines.close():
            yield from self._read(line)
        yield from self._dispatch()

    def _read(self, line: str) -> Iterator[Frame]:
        if not line:
            yield from self._dispatch()
            return
        if line.startswith(":"):
            self.comments += 1
            return
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            self._add(value)
        elif name == "event":
            self._event = value
        elif name in ("id", "retry"):
            return
        elif _FIELD.match(line):
            yield Frame(name, value)
        elif len(self.stray) < _STRAY_LIMIT:
            self.stray += line[:_STRAY_LIMIT] + "\n"

    def _add(self, value: str) -> None:
        self._data.append(value)
        self._size += len(value)
        if self._size > self._limit:
            raise ServerError(
                "The provider sent an event that is too long. Try again, or use another model.",
                detail=f"event of more than {self._limit} characters in a stream",
            )

    def _dispatch(self) -> Iterator[Frame]:
        event, data = self._event, self._data
        self._event, self._data, self._size = "", [], 0
        if data:
            yield Frame(event, "\n".join(data))

"""Gemini's stream: SSE with ``?alt=sse``, else one JSON array. It has no end mark: it ends when the body does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from providers.adapters.gemini_answer import AnswerReader
from providers.adapters.streaming import EventStream, cut, nonsense
from providers.events import Ended, Event, Failed
from providers.framing.json_objects import ObjectSplitter
from providers.framing.sse import SSESplitter

_LIMIT = 64 << 20
"""Bytes of one chunk: a generated picture or sound arrives in a single one."""


class ChunkSplitter:
    """Gives the JSON text of each chunk, in whichever of the two framings the first byte shows."""

    def __init__(self) -> None:
        self._sse = SSESplitter(_LIMIT)
        self._objects = ObjectSplitter(_LIMIT)
        self._plain: bool | None = None

    @property
    def comments(self) -> int:
        return self._sse.comments

    @property
    def stray(self) -> str:
        """What was there instead of a stream."""
        return self._sse.stray.strip()

    def feed(self, data: bytes) -> Iterator[str]:
        if self._plain is None:
            data = data.lstrip()
            if not data:
                return
            self._plain = data[:1] in (b"[", b"{")
        if self._plain:
            yield from self._objects.feed(data)
        else:
            yield from (frame.data for frame in self._sse.feed(data))

    def close(self) -> Iterator[str]:
        yield from (frame.data for frame in self._sse.close())
        yield from self._objects.close()


class GeminiStream(EventStream[str]):
    def __init__(self) -> None:
        self._chunks = ChunkSplitter()
        super().__init__(self._chunks)
        self._reader = AnswerReader()

    def read(self, frame: str) -> Iterable[Event]:
        if frame != "[DONE]":
            yield from self._reader.chunk(self.decode(frame))

    def finish(self) -> list[Event]:
        if self._reader.complete:
            return [*self._reader.finish(), Ended()]
        if self._chunks.stray and not self._reader.started:
            return [Failed(nonsense(self._chunks.stray))]
        return [*self._reader.finish(), Failed(cut())]

"""The discipline every stream parser keeps: errors become ``Failed``, the last event comes once,
nothing follows it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from typing import Any, Generic, Protocol, TypeVar

from providers.adapters.reading import decode
from providers.errors import CallError, ServerError, StreamCut
from providers.events import Ended, Event, Failed

F = TypeVar("F", covariant=True)
"""What the framing gives: ``Frame`` for SSE, ``str`` for NDJSON."""

T = TypeVar("T")


class Splitter(Protocol[F]):
    def feed(self, data: bytes) -> Iterator[F]: ...

    def close(self) -> Iterator[F]: ...

    @property
    def comments(self) -> int:
        """How many came that say nothing but that the host is alive; 0 in a framing without them."""


class EventStream(ABC, Generic[T]):
    """A StreamParser over a splitter. A format says how it reads a frame and what the end of the
    body means.
    """

    def __init__(self, splitter: Splitter[T]) -> None:
        self._splitter = splitter
        self._over = False
        self._closing = False
        self._frames = 0

    @property
    def heard(self) -> int:
        return self._frames + self._splitter.comments

    def feed(self, data: bytes) -> list[Event]:
        return self._events(self._splitter.feed(data)) if not self._over else []

    def close(self) -> list[Event]:
        if self._over:
            return []
        self._closing = True
        events = self._events(self._splitter.close())
        if not self._over:
            self._over = True
            events += self.finish()
        return events

    @abstractmethod
    def read(self, frame: T) -> Iterable[Event]:
        """The events of one frame. A CallError raised here ends the stream with ``Failed``."""

    @abstractmethod
    def finish(self) -> list[Event]:
        """The body is over and no last event was given: ``Ended()``, or ``Failed(cut())``, and what
        goes before.
        """

    def decode(self, text: str) -> dict[str, Any]:
        """The JSON object of a frame. Half an object at the very end is a cut; anything else is
        nonsense.
        """
        try:
            value = decode(text)
        except ValueError:
            raise (cut() if self._closing else nonsense(text)) from None
        if not isinstance(value, dict):
            raise nonsense(text)
        return value

    def _events(self, frames: Iterator[T]) -> list[Event]:
        events: list[Event] = []
        try:
            for frame in frames:
                self._frames += 1
                for event in self.read(frame):
                    events.append(event)
                    if isinstance(event, Ended | Failed):
                        self._over = True
                        return events
        except CallError as error:
            self._over = True
            events.append(Failed(error))
        return events


def cut(detail: str = "the body ended before the end of the answer") -> StreamCut:
    """The error of a stream that stopped without its end."""
    return StreamCut("The provider's answer was cut off before its end. Try again.", detail=detail)


def nonsense(text: str) -> ServerError:
    """The error of a frame that cannot be read."""
    return ServerError(
        "The provider sent something that its format does not know. Try again.",
        detail=text[:500],
    )

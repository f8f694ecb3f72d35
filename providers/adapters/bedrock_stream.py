"""ConverseStream: ``messageStart``, blocks, ``messageStop``, ``metadata``, as AWS event-stream messages.

Text and thoughts begin with their first delta; only calls and the rarer blocks have a start of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from providers.adapters.bedrock_answer import (
    citation,
    finish,
    is_call,
    part_of,
    sealed,
    usage,
)
from providers.adapters.bedrock_errors import explain_event
from providers.adapters.bedrock_messages import NAME
from providers.adapters.reading import PartNumbers, as_dict, as_int, as_list, as_str, decode
from providers.adapters.streaming import EventStream, cut
from providers.chat import NO_STATE, State
from providers.events import (
    CitationAdded,
    Ended,
    Event,
    Failed,
    Finished,
    ReasoningDelta,
    Started,
    TextDelta,
    ToolCallDelta,
    UsageReported,
    WholePart,
)
from providers.framing.eventstream import Message, MessageSplitter


@dataclass(slots=True)
class _Block:
    """A block with a start: ``raw`` is what it began with."""

    kind: str
    part: int
    raw: dict[str, Any]
    pieces: list[str] = field(default_factory=list)
    items: list[Any] = field(default_factory=list)

    @property
    def is_call(self) -> bool:
        return self.kind == "toolUse" and is_call(self.raw)


class BedrockStream(EventStream[Message]):
    def __init__(self, model: str) -> None:
        """``model`` is the one that was asked: the stream does not name it."""
        self._messages = MessageSplitter()
        super().__init__(self._messages)
        self._model = model
        self._numbers = PartNumbers()
        self._blocks: dict[int, _Block] = {}
        self._sealed: dict[int, dict[str, str]] = {}
        self._started = False
        self._stopped = False

    def read(self, frame: Message) -> Iterable[Event]:
        kind = frame.headers.get(":message-type", "event")
        if kind == "error":
            said = {"message": frame.headers.get(":error-message", "")}
            raise explain_event(frame.headers.get(":error-code", ""), said)
        payload = self.decode(frame.payload.decode("utf-8", "replace"))
        if kind == "exception":
            raise explain_event(frame.headers.get(":exception-type", ""), payload)
        name = frame.headers.get(":event-type", "")
        reader = _READERS.get(name)
        if reader is None:
            return
        if not self._started:
            self._started = True
            yield Started("", self._model)
        yield from reader(self, payload)

    def finish(self) -> list[Event]:
        """The body is over: well when the message had stopped, even if nobody told the usage."""
        complete = self._stopped and not self._messages.rest
        return [Ended() if complete else Failed(cut())]

    def _message_start(self, event: dict[str, Any]) -> Iterator[Event]:
        return iter(())

    def _block_start(self, event: dict[str, Any]) -> Iterator[Event]:
        start = as_dict(event.get("start"))
        kind = next(iter(start), "")
        if not kind:
            return
        index = as_int(event.get("contentBlockIndex"))
        raw = as_dict(start.get(kind))
        block = _Block(kind, self._numbers.number(kind, key=index), raw)
        self._blocks[index] = block
        if block.is_call:
            yield ToolCallDelta(
                block.part, id=as_str(raw.get("toolUseId")), name=as_str(raw.get("name"))
            )

    def _block_delta(self, event: dict[str, Any]) -> Iterator[Event]:
        index = as_int(event.get("contentBlockIndex"))
        delta = as_dict(event.get("delta"))
        kind = next(iter(delta), "")
        match kind:
            case "text":
                if as_str(delta["text"]):
                    yield TextDelta(self._numbers.number("text", key=index), delta["text"])
            case "citation":
                part = self._numbers.number("text", key=index)
                yield CitationAdded(part, citation(as_dict(delta["citation"])))
            case "reasoningContent":
                thought = as_dict(delta["reasoningContent"])
                part = self._numbers.number("thought", key=index)
                yield ReasoningDelta(
                    part, as_str(thought.get("text")), state=self._seal(index, thought)
                )
            case _ if index in self._blocks:
                yield from self._more(self._blocks[index], delta[kind])

    def _more(self, block: _Block, delta: object) -> Iterator[Event]:
        """A piece of a block that had a start."""
        block.items += as_list(delta)
        piece = as_str(as_dict(delta).get("input"))
        block.pieces.append(piece)
        if block.kind != "toolUse":
            block.raw.update(as_dict(delta))
        elif piece and block.is_call:
            yield ToolCallDelta(block.part, piece)

    def _seal(self, index: int, thought: dict[str, Any]) -> State:
        """What the thought must come back with. It may come in pieces; state replaces what was said before."""
        grown = self._sealed.setdefault(index, {})
        for name, text in as_dict(sealed(thought).get(NAME)).items():
            grown[name] = grown.get(name, "") + text
        return {NAME: dict(grown)} if grown else NO_STATE

    def _block_stop(self, event: dict[str, Any]) -> Iterator[Event]:
        block = self._blocks.pop(as_int(event.get("contentBlockIndex")), None)
        if block is None:
            return
        text = "".join(block.pieces)
        if block.is_call:
            if not text:  # a tool without arguments sends no piece
                yield ToolCallDelta(block.part, "{}")
            return
        raw = dict(block.raw)
        if block.kind == "toolUse":
            raw["input"] = _json(text)
        elif block.items:
            raw["content"] = block.items
        for part in part_of({block.kind: raw}):
            yield WholePart(block.part, part)

    def _message_stop(self, event: dict[str, Any]) -> Iterator[Event]:
        raw = as_str(event.get("stopReason"))
        if not self._stopped:
            self._stopped = True
            yield Finished(finish(raw), raw=raw or None)

    def _metadata(self, event: dict[str, Any]) -> Iterator[Event]:
        """The last word, after the message has stopped."""
        total = usage(event.get("usage"))
        if total is not None:
            yield UsageReported(total)
        if self._stopped:
            yield Ended()


_READERS: dict[str, Callable[[BedrockStream, dict[str, Any]], Iterator[Event]]] = {
    "messageStart": BedrockStream._message_start,
    "contentBlockStart": BedrockStream._block_start,
    "contentBlockDelta": BedrockStream._block_delta,
    "contentBlockStop": BedrockStream._block_stop,
    "messageStop": BedrockStream._message_stop,
    "metadata": BedrockStream._metadata,
}


def _json(text: str) -> Any:
    """The input of a server's own tool; the text itself when it was cut short."""
    try:
        return decode(text or "{}")
    except ValueError:
        return text

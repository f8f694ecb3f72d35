"""Anthropic's stream: ``message_start``, blocks between start and stop, ``message_delta``, ``message_stop``.

Events and blocks of unknown kinds are no error (https://docs.anthropic.com/en/api/versioning). A block only
Anthropic understands is put together from its deltas and given whole when it stops.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from providers.adapters.anthropic_answer import (
    NAME,
    call_state,
    citation,
    finish,
    redacted,
    signature,
    usage,
)
from providers.adapters.anthropic_errors import explain_value
from providers.adapters.reading import (
    PartNumbers,
    arguments_text,
    as_dict,
    as_int,
    as_list,
    as_str,
    decode,
)
from providers.adapters.streaming import EventStream, cut, nonsense
from providers.chat import Opaque
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
from providers.framing.sse import Frame, SSESplitter

_LIMIT = 32 << 20
"""Bytes of one event: a fetched document arrives in a single ``content_block_start``."""

_KNOWN = frozenset({"text", "thinking", "redacted_thinking", "tool_use"})
_BEGUN_BY = {"text_delta": "text", "citations_delta": "text", "thinking_delta": "thinking"}


@dataclass(slots=True)
class _Block:
    """A block between its start and its stop."""

    kind: str
    part: int
    raw: dict[str, Any]
    json: list[str] = field(default_factory=list)


class AnthropicStream(EventStream[Frame]):
    def __init__(self) -> None:
        self._sse = SSESplitter(_LIMIT)
        super().__init__(self._sse)
        self._numbers = PartNumbers()
        self._blocks: dict[int, _Block] = {}
        self._usage: dict[str, Any] = {}
        self._started = False
        self._stop_reason = ""

    def read(self, frame: Frame) -> Iterable[Event]:
        if (frame.event not in _READERS and frame.event) or frame.data == "[DONE]":
            return
        event = self.decode(frame.data)
        kind = as_str(event.get("type")) or frame.event
        reader = _READERS.get(kind)
        if reader is None:
            return
        if not self._started and kind not in ("message_start", "ping", "error"):
            self._started = True
            yield Started("", "")
        yield from reader(self, event)

    def finish(self) -> list[Event]:
        """The body ended without ``message_stop``."""
        stray = self._sse.stray.strip()
        if not stray or self._started:
            return [Failed(cut())]
        try:
            return [Failed(explain_value(decode(stray)))]
        except ValueError:
            return [Failed(nonsense(stray))]

    def _message_start(self, event: dict[str, Any]) -> Iterator[Event]:
        message = as_dict(event.get("message"))
        if not self._started:
            self._started = True
            yield Started(as_str(message.get("id")), as_str(message.get("model")))
        # A turn that a server's tool continues may come with its blocks and its end already in here.
        for index, block in enumerate(as_list(message.get("content"))):
            yield from self._block_start({"index": index, "content_block": block})
            yield from self._block_stop({"index": index})
        yield from self._stopped(message)
        yield from self._count(message.get("usage"))

    def _block_start(self, event: dict[str, Any]) -> Iterator[Event]:
        raw = as_dict(event.get("content_block"))
        block = self._begin(as_int(event.get("index")), as_str(raw.get("type")), dict(raw))
        part = block.part
        match block.kind:
            case "text":
                if as_str(raw.get("text")):
                    yield TextDelta(part, raw["text"])
                yield from (
                    CitationAdded(part, citation(as_dict(c))) for c in as_list(raw.get("citations"))
                )
            case "thinking":
                if as_str(raw.get("thinking")):
                    yield ReasoningDelta(part, raw["thinking"])
                if as_str(raw.get("signature")):
                    yield ReasoningDelta(part, "", state=signature(raw["signature"]))
            case "redacted_thinking":
                yield ReasoningDelta(part, "", state=redacted(raw))
            case "tool_use":
                yield ToolCallDelta(
                    part,
                    id=as_str(raw.get("id")),
                    name=as_str(raw.get("name")),
                    state=call_state(raw),
                )

    def _block_delta(self, event: dict[str, Any]) -> Iterator[Event]:
        delta = as_dict(event.get("delta"))
        kind = as_str(delta.get("type"))
        index = as_int(event.get("index"))
        block = self._blocks.get(index)
        if block is None:
            if kind not in _BEGUN_BY:
                return
            block = self._begin(index, _BEGUN_BY[kind], {})
        match kind:
            case "text_delta":
                if as_str(delta.get("text")):
                    yield TextDelta(block.part, delta["text"])
            case "thinking_delta":
                if as_str(delta.get("thinking")):
                    yield ReasoningDelta(block.part, delta["thinking"])
            case "signature_delta":
                yield ReasoningDelta(block.part, "", state=signature(delta.get("signature")))
            case "citations_delta":
                yield CitationAdded(block.part, citation(as_dict(delta.get("citation"))))
            case "input_json_delta":
                piece = as_str(delta.get("partial_json"))
                block.json.append(piece)
                if piece and block.kind == "tool_use":
                    yield ToolCallDelta(block.part, piece)
            case _ if block.kind not in _KNOWN:
                _grow(block.raw, delta)

    def _block_stop(self, event: dict[str, Any]) -> Iterator[Event]:
        block = self._blocks.pop(as_int(event.get("index")), None)
        if block is None:
            return
        text = "".join(block.json)
        if block.kind == "tool_use" and not text:
            # A tool without arguments sends no piece; some hosts send all of them with the start.
            yield ToolCallDelta(block.part, arguments_text(block.raw.get("input")))
        elif block.kind and block.kind not in _KNOWN:
            raw = {**block.raw, **({"input": _json(text)} if text else {})}
            yield WholePart(block.part, Opaque(block.kind, {NAME: raw}))

    def _message_delta(self, event: dict[str, Any]) -> Iterator[Event]:
        yield from self._stopped(as_dict(event.get("delta")))
        yield from self._count(event.get("usage"))

    def _message_stop(self, event: dict[str, Any]) -> Iterator[Event]:
        yield Ended()

    def _error(self, event: dict[str, Any]) -> Iterator[Event]:
        yield Failed(explain_value(event))

    def _ping(self, event: dict[str, Any]) -> Iterator[Event]:
        return iter(())

    def _stopped(self, value: dict[str, Any]) -> Iterator[Event]:
        raw = as_str(value.get("stop_reason"))
        if raw and not self._stop_reason:
            self._stop_reason = raw
            yield Finished(finish(raw), raw=raw)

    def _begin(self, index: int, kind: str, raw: dict[str, Any]) -> _Block:
        block = _Block(kind, self._numbers.number("block", key=index), raw)
        self._blocks[index] = block
        return block

    def _count(self, value: object) -> Iterator[Event]:
        """Later numbers replace earlier ones: all of them are running totals."""
        self._usage.update(
            {key: number for key, number in as_dict(value).items() if number is not None}
        )
        total = usage(self._usage)
        if total is not None and value:
            yield UsageReported(total)


_READERS: dict[str, Callable[[AnthropicStream, dict[str, Any]], Iterator[Event]]] = {
    "message_start": AnthropicStream._message_start,
    "content_block_start": AnthropicStream._block_start,
    "content_block_delta": AnthropicStream._block_delta,
    "content_block_stop": AnthropicStream._block_stop,
    "message_delta": AnthropicStream._message_delta,
    "message_stop": AnthropicStream._message_stop,
    "error": AnthropicStream._error,
    "ping": AnthropicStream._ping,
}


def _grow(raw: dict[str, Any], delta: dict[str, Any]) -> None:
    """Adds a delta of a kind we do not know to its block: text is appended, anything else replaced."""
    for key, value in delta.items():
        old = raw.get(key)
        if key != "type":
            raw[key] = old + value if isinstance(old, str) and isinstance(value, str) else value


def _json(text: str) -> Any:
    """The input of a server's own tool; the text itself when it was cut short."""
    try:
        return decode(text)
    except ValueError:
        return text

"""A streamed answer in Anthropic's words.

This format gives its blocks one after the other: a block is closed before the next one starts and never opened
again. Other providers let tool calls overlap, so what comes for another part while a call is still open waits
until that call is complete, or until the answer ends. Words and thoughts can be cut at any place and do not wait.
"""

from __future__ import annotations

import msgspec

from aiproxy.protocols.anthropic_answer import (
    block,
    blocks,
    cited,
    error_body,
    head,
    sealed_thought,
    signature,
    stop_reason,
    usage_object,
)
from aiproxy.protocols.base import Context, JsonObject, Renderer, encode
from providers.chat import Citation, Opaque, Reasoning, Refusal, State, Text, ToolCall
from providers.events import (
    CitationAdded,
    Delta,
    Ended,
    Event,
    Failed,
    Finished,
    ReasoningDelta,
    RefusalDelta,
    Started,
    TextDelta,
    ToolCallDelta,
    UsageReported,
    WholePart,
    merge_state,
)
from providers.usage import Usage

_PIECES = {
    "text": (b"text_delta", b"text"),
    "thinking": (b"thinking_delta", b"thinking"),
    "tool_use": (b"input_json_delta", b"partial_json"),
}
"""What a block's deltas are called, and the member that holds the piece."""


class _Block:
    """The open block. ``head`` is a delta's frame up to its piece."""

    __slots__ = ("head", "index", "kind", "part", "pieces", "state")

    def __init__(self, kind: str, part: int, index: int) -> None:
        delta, member = _PIECES[kind]
        self.kind = kind
        self.part = part
        self.index = index
        self.pieces: list[str] = []
        """A call's arguments, to see when they are complete."""
        self.state: State = {}
        """A thought's, which goes out as its signature when the block closes."""
        self.head = (
            b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,'
            b'"delta":{"type":"%s","%s":' % (index, delta, member)
        )

    def piece(self, text: str) -> bytes:
        return self.head + encode(text) + b"}}\n\n" if text else b""

    @property
    def complete(self) -> bool:
        """Whether nothing can follow. Only a call knows, when its arguments have become an object."""
        if self.kind != "tool_use":
            return True
        if not self.pieces or not self.pieces[-1].rstrip().endswith("}"):
            return False
        try:
            return isinstance(msgspec.json.decode("".join(self.pieces)), dict)
        except (ValueError, RecursionError):
            return False


class AnthropicStream(Renderer):
    def __init__(self, context: Context) -> None:
        self._context = context
        self._begun = False
        self._count = 0
        self._open: _Block | None = None
        self._waiting: dict[int, list[Delta]] = {}
        self._complete_calls: set[int] = set()
        self._finish: Finished | None = None
        self._usage: Usage | None = None

    def render(self, event: Event) -> bytes:
        # Nearly all events are the next piece of the open text: the shortest way for them.
        if type(event) is TextDelta and not event.choice and not self._waiting:
            opened = self._open
            if opened is not None and opened.part == event.part:
                return opened.piece(event.text)
        match event:
            case Started():
                return b""
            case UsageReported():
                self._usage = event.usage
                return b""
            case Failed():
                body = error_body(event.error, self._context.request_id)
                return _frame("error", body)
            case Finished():
                return self._begin() + self._finished(event)
            case Ended():
                return self._begin() + self._ended()
            case _:
                return self._begin() + self._delta(event)

    def _begin(self) -> bytes:
        """The start of the message. It waits for the first event after ``Started``, so that the
        input's tokens, if they are known by then, are in it.
        """
        if self._begun:
            return b""
        self._begun = True
        message = {
            **head(self._context),
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": usage_object(self._usage or Usage()),
        }
        return _frame("message_start", {"message": message})

    # --- one part after the other ---

    def _delta(self, event: Delta) -> bytes:
        if event.choice or event.part in self._complete_calls:
            return b""
        if self._open is not None and self._open.part == event.part and not self._waiting:
            return self._write(self._open, event)
        self._waiting.setdefault(event.part, []).append(event)
        return self._advance()

    def _advance(self, *, to_the_end: bool = False) -> bytes:
        """Write what waits, as far as the open block allows."""
        out = b""
        while self._waiting:
            part = self._open.part if self._open else -1
            if part in self._waiting:
                out += self._write_all(self._waiting.pop(part))
            elif self._open is None or to_the_end or self._open.complete:
                out += self._close()
                out += self._write_all(self._waiting.pop(next(iter(self._waiting))))
            else:
                break
        return out

    def _write_all(self, events: list[Delta]) -> bytes:
        return b"".join(map(self._start_and_write, events))

    def _start_and_write(self, event: Delta) -> bytes:
        if self._open is not None and self._open.part == event.part:
            return self._write(self._open, event)
        return self._close() + self._start(event)

    def _start(self, event: Delta) -> bytes:
        """Open the block of a part's first event and write that event."""
        start: JsonObject
        match event:
            case WholePart():
                return self._whole(event)
            case ReasoningDelta():
                if data := sealed_thought(event.state):
                    return self._at_once({"type": "redacted_thinking", "data": data})
                if not (event.text or event.state):
                    return b""
                start = {"type": "thinking", "thinking": "", "signature": ""}
                opened, frame = self._open_block("thinking", event.part, start)
            case ToolCallDelta():
                start = block("tool_use", event.state, id=event.id, name=event.name, input={})
                opened, frame = self._open_block("tool_use", event.part, start)
            case CitationAdded() if cited(event.citation) is None:
                return b""
            case TextDelta() | RefusalDelta() if not event.text:
                return b""
            case _:
                start = {"type": "text", "text": "", "citations": None}
                opened, frame = self._open_block("text", event.part, start)
        return frame + self._write(opened, event)

    def _write(self, opened: _Block, event: Delta) -> bytes:
        """The next piece of the open block."""
        match event:
            case TextDelta() | RefusalDelta():
                return opened.piece(event.text)
            case ToolCallDelta():
                opened.pieces.append(event.arguments)
                return opened.piece(event.arguments)
            case ReasoningDelta():
                if event.state:
                    opened.state = merge_state(opened.state, event.state)
                return opened.piece(event.text)
            case CitationAdded():
                return _citation(opened, event.citation)
            case WholePart():
                return b""

    def _whole(self, event: WholePart) -> bytes:
        """A part that arrives in one piece: in the pieces it could have come in, or as it is."""
        match event.value:
            case Text(text=text) | Refusal(text=text):
                return self._start(TextDelta(event.part, text))
            case Reasoning(text=text, state=state):
                return self._start(ReasoningDelta(event.part, text, state=state))
            case ToolCall(id=id_, name=name, arguments=arguments, state=state):
                delta = ToolCallDelta(event.part, arguments, id_, name, state=state)
                return self._start(delta)
            case Opaque():
                return b"".join(map(self._at_once, blocks(event.value)))
            case _:
                return b""

    def _open_block(self, kind: str, part: int, start: JsonObject) -> tuple[_Block, bytes]:
        self._open = _Block(kind, part, self._count)
        self._count += 1
        frame = {"index": self._open.index, "content_block": start}
        return self._open, _frame("content_block_start", frame)

    def _at_once(self, whole: JsonObject) -> bytes:
        """A block that has no deltas."""
        index = self._count
        self._count += 1
        start = _frame("content_block_start", {"index": index, "content_block": whole})
        return start + _frame("content_block_stop", {"index": index})

    def _close(self) -> bytes:
        opened, self._open = self._open, None
        if opened is None:
            return b""
        if opened.kind == "tool_use":
            self._complete_calls.add(opened.part)
        sealed = b""
        if opened.state:
            delta = {"type": "signature_delta", "signature": signature(opened.state)}
            sealed = _frame("content_block_delta", {"index": opened.index, "delta": delta})
        return sealed + _frame("content_block_stop", {"index": opened.index})

    # --- the end ---

    def _finished(self, event: Finished) -> bytes:
        if event.choice or self._finish is not None:
            return b""
        self._finish = event
        return self._advance(to_the_end=True) + self._close()

    def _ended(self) -> bytes:
        finish = self._finish or Finished("unknown")
        closing = self._advance(to_the_end=True) + self._close()
        delta = {"stop_reason": stop_reason(finish.reason, finish.raw), "stop_sequence": None}
        usage = usage_object(self._usage or Usage())
        closing += _frame("message_delta", {"delta": delta, "usage": usage})
        return closing + _frame("message_stop", {})


def _citation(opened: _Block, citation: Citation) -> bytes:
    note = cited(citation)
    if note is None:
        return b""
    delta = {"type": "citations_delta", "citation": note}
    return _frame("content_block_delta", {"index": opened.index, "delta": delta})


def _frame(kind: str, data: JsonObject) -> bytes:
    return b"event: %s\ndata: %s\n\n" % (kind.encode(), encode({"type": kind, **data}))

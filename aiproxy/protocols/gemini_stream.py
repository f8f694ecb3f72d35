"""A streamed answer in Gemini's words: every chunk is an answer of its own, as SSE or as the elements of one array.

A call comes whole here. Its pieces wait until they are complete and something else follows, or until the answer ends.
"""

from __future__ import annotations

from typing import ClassVar

import msgspec

from aiproxy.protocols import gemini_answer
from aiproxy.protocols.base import Context, JsonObject, Renderer, encode
from aiproxy.protocols.gemini_answer import Grounding
from providers.chat import NO_STATE, Part, Reasoning, State, Text, ToolCall
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


class _Call:
    __slots__ = ("id", "name", "pieces", "state")

    def __init__(self) -> None:
        self.id = ""
        self.name = ""
        self.pieces: list[str] = []
        self.state: State = NO_STATE

    def add(self, event: ToolCallDelta) -> None:
        self.id = self.id or event.id
        self.name = self.name or event.name
        self.pieces.append(event.arguments)
        if event.state:
            self.state = merge_state(self.state, event.state)

    @property
    def complete(self) -> bool:
        try:
            return isinstance(msgspec.json.decode("".join(self.pieces)), dict)
        except (ValueError, RecursionError):
            return False

    def whole(self) -> ToolCall:
        return ToolCall(self.id, self.name, "".join(self.pieces), self.state)


class _Candidate:
    """What must be remembered of one choice."""

    __slots__ = ("calls", "citations", "finish", "texts")

    def __init__(self) -> None:
        self.calls: dict[int, _Call] = {}
        self.texts: dict[int, list[str]] = {}
        """The pieces of text parts by number, for citations to count in."""
        self.citations: list[CitationAdded] = []
        """They are told at the end, when the texts they count in are complete."""
        self.finish: Finished | None = None

    def grounding(self) -> JsonObject:
        found, numbers = Grounding(), list(self.texts)
        for event in self.citations:
            text = "".join(self.texts.get(event.part, ()))
            found.add(numbers.index(event.part) if text else 0, text, event.citation)
        return found.metadata()


class GeminiStream(Renderer):
    def __init__(self, context: Context) -> None:
        self._context = context
        self._tail = gemini_answer.tail(context)
        self._candidates: dict[int, _Candidate] = {}
        self._usage: Usage | None = None

    def render(self, event: Event) -> bytes:
        match event:
            case Started():
                return b""
            case UsageReported():
                self._usage = event.usage
                return b""
            case Failed():
                body = gemini_answer.error_body(event.error, self._context.request_id)
                return self.frame(body) + self.end()
            case Finished():
                candidate = self._candidate(event.choice)
                candidate.finish = candidate.finish or event
                return self._flush(event.choice, candidate, unfinished=True)
            case Ended():
                return self._ended() + self.end()
            case _:
                return self._delta(event)

    def frame(self, body: JsonObject) -> bytes:
        """One chunk in the stream's framing."""
        return b"data: " + encode(body) + b"\r\n\r\n"

    def end(self) -> bytes:
        """What closes the stream."""
        return b""

    # --- chunks ---

    def _delta(self, event: Delta) -> bytes:
        candidate = self._candidate(event.choice)
        if isinstance(event, ToolCallDelta):
            candidate.calls.setdefault(event.part, _Call()).add(event)
            return b""
        if isinstance(event, CitationAdded):
            candidate.citations.append(event)
            return b""
        calls = self._flush(event.choice, candidate) if candidate.calls else b""
        part = _part(event)
        if isinstance(part, ToolCall):
            delta = ToolCallDelta(event.part, part.arguments, part.id, part.name, state=part.state)
            candidate.calls.setdefault(event.part, _Call()).add(delta)
            return calls
        if isinstance(part, Text):
            candidate.texts.setdefault(event.part, []).append(part.text)
        if isinstance(part, Text | Reasoning) and not (part.text or part.state):
            return calls
        made = gemini_answer.parts(part)
        return calls + self._chunk(event.choice, made) if made else calls

    def _flush(self, index: int, candidate: _Candidate, *, unfinished: bool = False) -> bytes:
        """The calls that are complete, or all."""
        ready = [n for n, call in candidate.calls.items() if unfinished or call.complete]
        calls = [candidate.calls.pop(number).whole() for number in ready]
        made = [piece for call in calls for piece in gemini_answer.parts(call)]
        return self._chunk(index, made) if made else b""

    def _ended(self) -> bytes:
        """The last chunk of each candidate, with its reason and the usage."""
        out = b""
        for index in list(self._candidates) or [0]:
            candidate = self._candidate(index)
            out += self._flush(index, candidate, unfinished=True)
            finish = candidate.finish or Finished("unknown", index)
            reason = gemini_answer.finish_reason(finish.reason, finish.raw)
            last = {"finishReason": reason, **candidate.grounding()}
            out += self._chunk(index, [{"text": ""}], last)
        return out

    def _chunk(self, index: int, parts: list[JsonObject], last: JsonObject | None = None) -> bytes:
        content = {"parts": parts, "role": "model"}
        usage = gemini_answer.usage_object(self._usage or Usage())
        return self.frame(
            {
                "candidates": [{"content": content, **(last or {}), "index": index}],
                **({"usageMetadata": usage} if self._usage or last else {}),
                **self._tail,
            }
        )

    def _candidate(self, index: int) -> _Candidate:
        return self._candidates.setdefault(index, _Candidate())


class GeminiArray(GeminiStream):
    """The same chunks as one JSON array, which is what comes without ``alt=sse``."""

    media_type: ClassVar[str] = "application/json; charset=utf-8"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._begun = False

    def frame(self, body: JsonObject) -> bytes:
        before = b",\r\n" if self._begun else b"["
        self._begun = True
        return before + encode(body)

    def end(self) -> bytes:
        return b"]"


def _part(event: TextDelta | ReasoningDelta | RefusalDelta | WholePart) -> Part:
    match event:
        case TextDelta():
            return Text(event.text, state=event.state)
        case ReasoningDelta():
            return Reasoning(event.text, event.state)
        case RefusalDelta():
            return Text(event.text)
        case WholePart():
            return event.value

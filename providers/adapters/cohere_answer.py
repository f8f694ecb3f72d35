"""Reads the answers of Cohere's v2 chat: one reader for whole bodies and for streams, so both say the same.

A tool plan is Cohere's older way of thinking before a call; it is read as reasoning, like the blocks of type
``thinking`` that took its place. Where a citation names several sources it becomes one of ours for each.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from providers.adapters.explaining import Said, error_for
from providers.adapters.reading import (
    PartNumbers,
    arguments_text,
    as_dict,
    as_int,
    as_list,
    as_str,
    decode,
    made_up_id,
)
from providers.adapters.streaming import EventStream, cut
from providers.chat import NO_STATE, Citation, FinishReason, Opaque, State
from providers.errors import CallError
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
from providers.usage import Usage

Json = dict[str, Any]

FORMAT = "cohere"
"""The name under which this format keeps its state."""

PLAN: State = {FORMAT: {"type": "tool_plan"}}
THINKING: State = {FORMAT: {"type": "thinking"}}

_FINISH: Mapping[str, FinishReason] = {
    "COMPLETE": "stop",
    "STOP_SEQUENCE": "stop",
    "MAX_TOKENS": "length",
    "TOOL_CALL": "tool_calls",
}


class AnswerReader:
    """The pieces of one answer as events. ``index`` numbers content blocks, and calls apart from them."""

    def __init__(self) -> None:
        self.started = False
        self._id = ""
        self._parts = PartNumbers()
        self._text = 0
        """The content block whose text came last, which a citation without a number is about."""

    def start(self, value: Json) -> Iterator[Event]:
        if not self.started:
            self.started = True
            self._id = as_str(value.get("id"))
            yield Started(self._id, as_str(value.get("model")))

    def whole(self, value: Json) -> Iterator[Event]:
        message = as_dict(value.get("message"))
        yield from self.start(value)
        yield from self.plan(message)
        for index, content in enumerate(map(as_dict, as_list(message.get("content")))):
            yield from self.content(index, content)
        for index, call in enumerate(map(as_dict, as_list(message.get("tool_calls")))):
            yield from self.call(index, call)
        for citation in map(as_dict, as_list(message.get("citations"))):
            yield from self.cite(citation)
        yield from self.end(value)

    def plan(self, message: Json) -> Iterator[Event]:
        if text := as_str(message.get("tool_plan")):
            yield ReasoningDelta(self._parts.number("plan", key="plan"), text, state=PLAN)

    def content(self, index: int, content: Json) -> Iterator[Event]:
        """A block or its next piece, which does not repeat the type."""
        text, thought = as_str(content.get("text")), as_str(content.get("thinking"))
        if text:
            self._text = index
            yield TextDelta(self._parts.number("text", key=index), text)
        if thought:
            yield ReasoningDelta(self._parts.number("thinking", key=index), thought, state=THINKING)
        kind = as_str(content.get("type"))
        if kind not in ("", "text", "thinking"):
            yield WholePart(self._parts.new("block"), Opaque(kind, {FORMAT: content}))

    def call(self, index: int, call: Json, first: bool = True) -> Iterator[Event]:
        function = as_dict(call.get("function"))
        identity = as_str(call.get("id")) or made_up_id(self._id, index)
        arguments = function.get("arguments")
        yield ToolCallDelta(
            self._parts.number("tool_call", key=index),
            "" if arguments is None else arguments_text(arguments),
            id=identity if first else "",
            name=as_str(function.get("name")) if first else "",
        )

    def cite(self, said: Json) -> Iterator[Event]:
        """Only what is said about the answer; plans and thoughts have citations too."""
        if as_str(said.get("type")) not in ("", "TEXT_CONTENT"):
            return
        index = as_int(said.get("content_index", self._text))
        part = self._parts.number("text", key=index)
        sources = [as_dict(source) for source in as_list(said.get("sources"))] or [{}]
        for number, source in enumerate(sources):
            state: State = NO_STATE if number else {FORMAT: said}
            yield CitationAdded(part, _citation(said, source, state))

    def end(self, value: Json) -> Iterator[Event]:
        """Usage and finish, from a whole answer or the ``delta`` of ``message-end``."""
        usage = read_usage(value.get("usage"))
        if usage is not None:
            yield UsageReported(usage)
        raw = as_str(value.get("finish_reason"))
        yield Finished(_FINISH.get(raw, "unknown"), raw=raw or None)


class ChatStream(EventStream[Frame]):
    """The stream of v2 chat. It is over at ``message-end``; the ``[DONE]`` behind it says nothing new."""

    def __init__(self) -> None:
        self._sse = SSESplitter()
        super().__init__(self._sse)
        self._reader = AnswerReader()

    def read(self, frame: Frame) -> Iterator[Event]:
        if frame.data.strip() == "[DONE]":
            return
        value = self.decode(frame.data)
        delta = as_dict(value.get("delta"))
        message, index = as_dict(delta.get("message")), as_int(value.get("index"))
        match value.get("type"):
            case "message-start":
                yield from self._reader.start(value)
            case "tool-plan-delta":
                yield from self._reader.plan(message)
            case "content-start" | "content-delta":
                yield from self._reader.content(index, as_dict(message.get("content")))
            case "tool-call-start":
                yield from self._reader.call(index, _one(message.get("tool_calls")))
            case "tool-call-delta":
                yield from self._reader.call(index, _one(message.get("tool_calls")), first=False)
            case "citation-start":
                yield from self._reader.cite(_one(message.get("citations")))
            case "message-end":
                yield from self._end(delta)
            case _ if failed(value):
                yield Failed(explain_value(value))

    def finish(self) -> list[Event]:
        stray = as_dict(_lenient(self._sse.stray))
        if not self._reader.started and failed(stray):  # an error in place of a stream
            return [Failed(explain_value(stray))]
        return [Failed(cut())]

    def _end(self, delta: Json) -> Iterator[Event]:
        if failed(delta):
            usage = read_usage(delta.get("usage"))
            if usage is not None:
                yield UsageReported(usage)
            yield Failed(explain_value(delta))
            return
        yield from self._reader.end(delta)
        yield Ended()


def _lenient(text: str) -> object:
    try:
        return decode(text)
    except ValueError:
        return None


def failed(value: Json) -> bool:
    """Whether an answer inside a 200, or the end of one, is an error."""
    bare = isinstance(value.get("message"), str)  # an answer's is an object
    return value.get("finish_reason") in ("ERROR", "TIMEOUT") or bool(value.get("error")) or bare


def explain_value(value: object) -> CallError:
    """The error of an answer that failed after its beginning."""
    said = as_dict(value)
    words = [as_str(said.get("error_type")).lower()]
    words += ["deadline_exceeded"] if said.get("finish_reason") == "TIMEOUT" else []
    message = as_str(said.get("error")) or as_str(said.get("message"))
    return error_for(200, Said(message, tuple(filter(None, words))))


def read_usage(value: object) -> Usage | None:
    """``tokens`` are what the model read and wrote, ``billed_units`` the part of them that is charged."""
    said = as_dict(value)
    tokens, billed = as_dict(said.get("tokens")), as_dict(said.get("billed_units"))
    counted = tokens or billed
    if not {"input_tokens", "output_tokens"} & counted.keys():
        return None
    return Usage(
        input_tokens=as_int(counted.get("input_tokens")),
        output_tokens=as_int(counted.get("output_tokens")),
        cached_tokens=as_int(said.get("cached_tokens")),
        reasoning_tokens=as_int(tokens.get("reasoning_tokens")),
        billed=_pair(billed) if tokens and billed else None,
    )


def _pair(counts: Json) -> tuple[int, int]:
    return as_int(counts.get("input_tokens")), as_int(counts.get("output_tokens"))


def _one(value: object) -> Json:
    """A stream has an object where a whole answer has a list of them."""
    return as_dict(value) or as_dict(next(iter(as_list(value)), None))


def _citation(said: Json, source: Json, state: State) -> Citation:
    """``text`` of Cohere's citation is the answer's own; what the source says is inside of it."""
    facts = as_dict(source.get("document")) or as_dict(source.get("tool_output"))
    name = as_str(source.get("id")) or as_str(facts.get("id"))
    address = as_str(facts.get("url")) or (name if name.startswith("http") else "")
    quotes = map(as_str, (facts.get("text"), facts.get("snippet"), facts.get("content")))
    start, end = as_int(said.get("start")), as_int(said.get("end"))
    return Citation(
        url=address or None,
        title=as_str(facts.get("title")) or name or None,
        quote=next(filter(None, quotes), None),
        start=start if end else None,
        end=end or None,
        state=state,
    )

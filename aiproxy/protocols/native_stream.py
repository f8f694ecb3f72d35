"""A streamed answer in our own dialect: server-sent events whose data is JSON with a ``type``.

    start      {id, model, provider, integrationId}
    text       {choice, part, text}              the next piece of the answer
    reasoning  {choice, part, text}              the next piece of what the model thought
    refusal    {choice, part, text}
    tool_call  {choice, part, index, arguments}  id and name come with a call's first piece
    citation   {choice, part, citation}          belongs to the text part of that number
    part       {choice, part, value}             a part that arrives whole, such as a picture
    usage      {usage}                           once, just before the end
    end        {id, model, provider, integrationId, finishReason, choices, usage, cost, metadata}
    error      {error}                           instead of the end

``part`` numbers the parts of one choice in their order, ``index`` counts its tool calls. ``end`` is the
whole answer without what was streamed already; its choices hold the finish reasons. Where a ``state`` is
given, put it on the part if the message is to be sent back.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aiproxy.protocols.base import Context, JsonObject, Renderer, encode
from aiproxy.protocols.native_answer import bill, identity, usage_object
from aiproxy.protocols.native_messages import render_citation, render_part
from providers.chat import FinishReason
from providers.events import (
    CitationAdded,
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
)
from providers.usage import Usage


class NativeStream(Renderer):
    def __init__(self, context: Context) -> None:
        self._context = context
        self._heads: dict[tuple[str, int, int], bytes] = {}
        self._calls: dict[int, dict[int, int]] = {}
        self._finish: dict[int, FinishReason] = {}
        self._usage: Usage | None = None

    def render(self, event: Event) -> bytes:
        return _HANDLERS[type(event)](self, event)

    def _started(self, event: Started) -> bytes:
        return _frame("start", identity(self._context))

    def _text(self, event: TextDelta) -> bytes:
        return self._piece("text", event.choice, event.part, event.text, event.state)

    def _reasoning(self, event: ReasoningDelta) -> bytes:
        return self._piece("reasoning", event.choice, event.part, event.text, event.state)

    def _refusal(self, event: RefusalDelta) -> bytes:
        return self._piece("refusal", event.choice, event.part, event.text, {})

    def _piece(self, kind: str, choice: int, part: int, text: str, state: Any) -> bytes:
        """A piece of text. The frame up to the text is the same for all pieces of a part."""
        if not (text or state):
            return b""
        head = self._heads.get((kind, choice, part))
        if head is None:
            opening = {"type": kind, "choice": choice, "part": part}
            head = b"event: %s\ndata: %s" % (kind.encode(), encode(opening)[:-1])
            head = self._heads[kind, choice, part] = head + b',"text":'
        if state:
            return head + encode(text) + b',"state":' + encode(dict(state)) + b"}\n\n"
        return head + encode(text) + b"}\n\n"

    def _tool_call(self, event: ToolCallDelta) -> bytes:
        calls = self._calls.setdefault(event.choice, {})
        data: JsonObject = {
            "choice": event.choice,
            "part": event.part,
            "index": calls.setdefault(event.part, len(calls)),
        }
        if event.id or event.name:
            data |= {"id": event.id, "name": event.name}
        data["arguments"] = event.arguments
        if event.state:
            data["state"] = dict(event.state)
        return _frame("tool_call", data)

    def _citation(self, event: CitationAdded) -> bytes:
        citation = render_citation(event.citation)
        return _frame("citation", {**_place(event), "citation": citation})

    def _whole(self, event: WholePart) -> bytes:
        return _frame("part", {**_place(event), "value": render_part(event.value)})

    def _finished(self, event: Finished) -> bytes:
        self._finish[event.choice] = event.reason
        return b""

    def _usage_reported(self, event: UsageReported) -> bytes:
        self._usage = event.usage
        return b""

    def _ended(self, event: Ended) -> bytes:
        used = b""
        if self._usage is not None:
            used = _frame("usage", {"usage": usage_object(self._usage)})
        finish = self._finish or {0: "unknown"}
        choices = [
            {"index": index, "finishReason": reason} for index, reason in sorted(finish.items())
        ]
        end = {
            **identity(self._context),
            "finishReason": choices[0]["finishReason"],
            "choices": choices,
            **bill(self._usage, self._context),
        }
        return used + _frame("end", end)

    def _failed(self, event: Failed) -> bytes:
        return _frame("error", {"error": event.error.as_dict(self._context.request_id)})


def _frame(kind: str, data: JsonObject) -> bytes:
    return b"event: %s\ndata: %s\n\n" % (kind.encode(), encode({"type": kind, **data}))


def _place(event: CitationAdded | WholePart) -> JsonObject:
    return {"choice": event.choice, "part": event.part}


_HANDLERS: dict[type, Callable[[NativeStream, Any], bytes]] = {
    Started: NativeStream._started,
    TextDelta: NativeStream._text,
    ReasoningDelta: NativeStream._reasoning,
    RefusalDelta: NativeStream._refusal,
    ToolCallDelta: NativeStream._tool_call,
    CitationAdded: NativeStream._citation,
    WholePart: NativeStream._whole,
    Finished: NativeStream._finished,
    UsageReported: NativeStream._usage_reported,
    Ended: NativeStream._ended,
    Failed: NativeStream._failed,
}

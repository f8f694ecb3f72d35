"""A streamed answer in OpenAI's words: ``chat.completion.chunk`` frames, then ``[DONE]``.

Almost every frame is a piece of text, so what never changes of it is written once for each choice
and a piece costs one string to encode. A failed stream ends in an error object, not in ``[DONE]``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aiproxy.protocols.base import Context, JsonObject, Renderer, encode, prefixed
from aiproxy.protocols.openai_answer import (
    FINISH,
    annotation,
    detail,
    error_body,
    own,
    picture,
    usage_object,
)
from providers.chat import Image, Opaque, Reasoning, Refusal, Text, ToolCall
from providers.events import (
    CitationAdded,
    Ended,
    Event,
    Failed,
    Finished,
    ReasoningDelta,
    RefusalDelta,
    TextDelta,
    ToolCallDelta,
    UsageReported,
    WholePart,
    merge_state,
)
from providers.usage import Usage

DONE = b"data: [DONE]\n\n"


class _Choice:
    """What must be remembered of one choice. ``head`` is a frame up to its delta."""

    __slots__ = ("calls", "custom", "finished", "head", "length", "pictures", "starts", "thoughts")

    def __init__(self, head: bytes) -> None:
        self.head = head
        self.calls: dict[int, int] = {}
        """A part's number to the index of its call, which counts the calls alone."""
        self.custom: set[int] = set()
        """Parts that are calls of custom tools, whose pieces are no JSON."""
        self.thoughts: dict[int, tuple[list[str], dict[str, object]]] = {}
        self.starts: dict[int, int] = {}
        """Where a text part begins in the whole text; citations count from there."""
        self.length = 0
        self.pictures = 0
        self.finished = False


class OpenAIStream(Renderer):
    def __init__(self, context: Context) -> None:
        self._context = context
        envelope = encode(
            {
                "id": prefixed("chatcmpl-", context.id),
                "object": "chat.completion.chunk",
                "created": context.created,
                "model": context.model,
                "system_fingerprint": None,
            }
        )
        self._envelope = b"data: " + envelope[:-1]
        self._after = b',"usage":null}\n\n' if context.style.include_usage else b"}\n\n"
        self._tail = b',"logprobs":null,"finish_reason":null}]' + self._after
        self._choices: dict[int, _Choice] = {}
        self._usage: Usage | None = None

    def render(self, event: Event) -> bytes:
        handler = _HANDLERS.get(type(event))
        return b"" if handler is None else handler(self, event)

    def _text(self, event: TextDelta) -> bytes:
        if not event.text:
            return b""
        opening, choice = self._choice(event.choice)
        if event.part not in choice.starts:
            choice.starts[event.part] = choice.length
        choice.length += len(event.text)
        return opening + choice.head + b'{"content":' + encode(event.text) + b"}" + self._tail

    def _reasoning(self, event: ReasoningDelta) -> bytes:
        opening, choice = self._choice(event.choice)
        pieces, state = choice.thoughts.get(event.part, ([], {}))
        pieces.append(event.text)
        choice.thoughts[event.part] = pieces, merge_state(state, event.state)
        if not event.text:
            return opening
        delta = b'{"reasoning_content":' + encode(event.text) + b"}"
        return opening + choice.head + delta + self._tail

    def _refusal(self, event: RefusalDelta) -> bytes:
        return self._delta(event.choice, {"refusal": event.text}) if event.text else b""

    def _tool_call(self, event: ToolCallDelta) -> bytes:
        opening, choice = self._choice(event.choice)
        index = choice.calls.setdefault(event.part, len(choice.calls))
        if not (event.id or event.name or event.state or choice.custom):
            piece = b'{"tool_calls":[{"index":%d,"function":{"arguments":' % index
            return opening + choice.head + piece + encode(event.arguments) + b"}}]}" + self._tail
        if own(event.state).get("type") == "custom":
            choice.custom.add(event.part)
        if event.part in choice.custom:
            return opening + self._frame(choice, {"tool_calls": [_custom_call(index, event)]})
        call: JsonObject = {"index": index}
        if event.id or event.name:
            call |= {"id": event.id, "type": "function"}
        function = {"name": event.name} if event.name else {}
        call["function"] = {**function, "arguments": event.arguments}
        if event.state:
            call["extra_content"] = dict(event.state)
        return opening + self._frame(choice, {"tool_calls": [call]})

    def _citation(self, event: CitationAdded) -> bytes:
        opening, choice = self._choice(event.choice)
        note = annotation(event.citation, choice.starts.setdefault(event.part, choice.length))
        return b"" if note is None else opening + self._frame(choice, {"annotations": [note]})

    def _whole(self, event: WholePart) -> bytes:
        match event.value:
            case Text(text=text, state=state):
                return self._text(TextDelta(event.part, text, event.choice, state))
            case Reasoning(text=text, state=state):
                return self._reasoning(ReasoningDelta(event.part, text, event.choice, state))
            case Refusal(text=text):
                return self._refusal(RefusalDelta(event.part, text, event.choice))
            case ToolCall(id=id_, name=name, arguments=arguments, state=state):
                delta = ToolCallDelta(event.part, arguments, id_, name, event.choice, state)
                return self._tool_call(delta)
            case Image() as image:
                opening, choice = self._choice(event.choice)
                choice.pictures += 1
                images = [picture(image, choice.pictures - 1)]
                return opening + self._frame(choice, {"images": images})
            case Opaque(kind="audio", state=state) if own(state):
                return self._delta(event.choice, {"audio": dict(own(state))})
            case Opaque(kind="annotation", state=state) if own(state):
                return self._delta(event.choice, {"annotations": [dict(own(state))]})
            case _:
                return b""

    def _finished(self, event: Finished) -> bytes:
        opening, choice = self._choice(event.choice)
        if choice.finished:
            return b""
        if event.reason == "error":
            # This dialect has no word but "stop" for it, and an error may be about to follow: _ended() says it.
            return opening
        choice.finished = True
        ending = b'{},"logprobs":null,"finish_reason":"%s"}]' % FINISH[event.reason].encode()
        return opening + self._sealed(choice) + choice.head + ending + self._after

    def _sealed(self, choice: _Choice) -> bytes:
        """All thoughts once more, with what the provider wants back, if it wants anything back."""
        if not any(state for _, state in choice.thoughts.values()):
            return b""
        details: list[JsonObject] = []
        for pieces, state in choice.thoughts.values():
            details += detail("".join(pieces), state)
        numbered = [{"index": index, **item} for index, item in enumerate(details)]
        return self._frame(choice, {"reasoning_details": numbered})

    def _usage_reported(self, event: UsageReported) -> bytes:
        self._usage = event.usage
        return b""

    def _ended(self, event: Ended) -> bytes:
        """Closes what the provider left open: clients wait for a finish reason in each choice."""
        numbers = list(self._choices) or [0]
        closing = b"".join(self._finished(Finished("unknown", number)) for number in numbers)
        if self._context.style.include_usage and self._usage is not None:
            usage = encode(usage_object(self._usage))
            closing += self._envelope + b',"choices":[],"usage":' + usage + b"}\n\n"
        return closing + DONE

    def _failed(self, event: Failed) -> bytes:
        body = error_body(event.error, self._context.request_id)
        return b"data: " + encode(body) + b"\n\n"

    def _choice(self, number: int) -> tuple[bytes, _Choice]:
        """The choice, and the frame that opens it the first time it is met."""
        known = self._choices.get(number)
        if known is not None:
            return b"", known
        head = self._envelope + b',"choices":[{"index":%d,"delta":' % number
        choice = self._choices[number] = _Choice(head)
        return self._frame(choice, {"role": "assistant", "content": "", "refusal": None}), choice

    def _delta(self, number: int, delta: JsonObject) -> bytes:
        opening, choice = self._choice(number)
        return opening + self._frame(choice, delta)

    def _frame(self, choice: _Choice, delta: JsonObject) -> bytes:
        return choice.head + encode(delta) + self._tail


def _custom_call(index: int, event: ToolCallDelta) -> JsonObject:
    first = {"id": event.id, "type": "custom"} if event.id or event.name else {}
    name = {"name": event.name} if event.name else {}
    return {"index": index, **first, "custom": {**name, "input": event.arguments}}


_HANDLERS: dict[type, Callable[[OpenAIStream, Any], bytes]] = {
    TextDelta: OpenAIStream._text,
    ReasoningDelta: OpenAIStream._reasoning,
    RefusalDelta: OpenAIStream._refusal,
    ToolCallDelta: OpenAIStream._tool_call,
    CitationAdded: OpenAIStream._citation,
    WholePart: OpenAIStream._whole,
    Finished: OpenAIStream._finished,
    UsageReported: OpenAIStream._usage_reported,
    Ended: OpenAIStream._ended,
    Failed: OpenAIStream._failed,
}

"""Gemini's answers read. A whole answer is a stream of one chunk, so one reader serves both.

What comes on a part besides its content (``thoughtSignature`` above all) is kept in ``state["gemini"]``; a part
that has such a thing is never joined with its neighbours, because it must go back on exactly that part
(https://ai.google.dev/gemini-api/docs/thought-signatures).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from providers.adapters.gemini_calls import PartialArguments
from providers.adapters.gemini_errors import explain_value
from providers.adapters.gemini_grounding import citations
from providers.adapters.gemini_request import NAME, SYNTHETIC
from providers.adapters.reading import PartNumbers, arguments_text, as_dict, as_int, as_list, as_str
from providers.chat import NO_STATE, File, FinishReason, Image, Opaque, State
from providers.errors import ContentBlocked
from providers.events import (
    CitationAdded,
    Event,
    Finished,
    ReasoningDelta,
    Started,
    TextDelta,
    ToolCallDelta,
    UsageReported,
    WholePart,
)
from providers.usage import Usage

_BLOCKED = (
    "SAFETY RECITATION BLOCKLIST PROHIBITED_CONTENT SPII MODEL_ARMOR ESCALATION PUP_LIMITED_DISABLED "
    "IMAGE_SAFETY IMAGE_PROHIBITED_CONTENT IMAGE_RECITATION LANGUAGE"
)
_BROKEN = (
    "MALFORMED_FUNCTION_CALL UNEXPECTED_TOOL_CALL TOO_MANY_TOOL_CALLS MALFORMED_RESPONSE "
    "MISSING_THOUGHT_SIGNATURE NO_IMAGE IMAGE_OTHER"
)
FINISH: Mapping[str, FinishReason] = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    "CONTINUATION": "pause",
    **dict.fromkeys(_BLOCKED.split(), "content_filter"),
    **dict.fromkeys(_BROKEN.split(), "error"),
}

_NUMBERED: Mapping[int, str] = {
    1: "STOP",
    2: "MAX_TOKENS",
    3: "SAFETY",
    4: "RECITATION",
    5: "OTHER",
    6: "BLOCKLIST",
    7: "PROHIBITED_CONTENT",
    8: "SPII",
    9: "MALFORMED_FUNCTION_CALL",
    10: "MODEL_ARMOR",
}
"""Finish reasons as the numbers that ``enum-encoding=int`` gives."""

_COUNTS = (
    "promptTokenCount",
    "candidatesTokenCount",
    "thoughtsTokenCount",
    "toolUsePromptTokenCount",
)
_NOT_A_KIND = ("thoughtSignature", "thought", "videoMetadata", "mediaResolution", "partMetadata")


class AnswerReader:
    """Chunks in, events out: ``chunk`` for each, ``finish`` after the last. Numbers are running totals."""

    def __init__(self) -> None:
        self._id = ""
        self.started = False
        self._usage: dict[str, Any] = {}
        self._choices: dict[int, _Choice] = {}

    @property
    def complete(self) -> bool:
        """Whether every answer that began has said why it stopped."""
        return bool(self._choices) and all(choice.raw for choice in self._choices.values())

    def chunk(self, body: Mapping[str, Any]) -> Iterator[Event]:
        """Raises a CallError for an error object, and ContentBlocked for a prompt that was refused."""
        if body.get("error"):
            raise explain_value(body)
        self._id = self._id or as_str(body.get("responseId"))
        if not self.started:
            self.started = True
            yield Started(self._id, as_str(body.get("modelVersion")))
        yield from self._count(body.get("usageMetadata"))
        for position, value in enumerate(as_list(body.get("candidates"))):
            candidate = as_dict(value)
            index = as_int(candidate.get("index")) or position
            if index not in self._choices:
                self._choices[index] = _Choice(index, self._id)
            yield from self._choices[index].read(candidate)
        blocked = _name(as_dict(body.get("promptFeedback")).get("blockReason"))
        if blocked:
            raise ContentBlocked(
                "The provider's filter refused the prompt. Change what is asked.",
                detail=f"blockReason {blocked}",
            )

    def finish(self) -> Iterator[Event]:
        """What can only be said at the end: a reason may be followed by more chunks."""
        for choice in self._choices.values():
            yield from choice.close()

    def _count(self, value: object) -> Iterator[Event]:
        counts = as_dict(value)
        if any(name in counts for name in _COUNTS):
            self._usage.update(counts)
            yield UsageReported(_usage(self._usage))


class _Choice:
    def __init__(self, index: int, response_id: str) -> None:
        self.raw = ""
        self._index = index
        self._prefix = SYNTHETIC + re.sub(r"[^A-Za-z0-9_-]", "", response_id)[:24]
        self._numbers = PartNumbers()
        self._texts: dict[int, str] = {}
        self._cited: set[tuple[str | None, str | None, int | None]] = set()
        self._calls = 0
        self._waiting = 0
        self._open: tuple[int, PartialArguments] | None = None

    def read(self, candidate: Mapping[str, Any]) -> Iterator[Event]:
        for part in as_list(as_dict(candidate.get("content")).get("parts")):
            yield from self._part(as_dict(part))
        for number, citation in citations(candidate, self._texts):
            known = (citation.url, citation.quote, citation.start)
            if known not in self._cited:
                self._cited.add(known)
                yield CitationAdded(number, citation, self._index)
        self.raw = _name(candidate.get("finishReason")) or self.raw

    def close(self) -> Iterator[Event]:
        yield from self._close_call()
        if self.raw:
            reason = FINISH.get(self.raw, "unknown")
            # STOP is also what Gemini says when it waits for a tool.
            yield Finished(
                "tool_calls" if reason == "stop" and self._waiting > 0 else reason,
                self._index,
                self.raw,
            )

    def _part(self, part: dict[str, Any]) -> Iterator[Event]:
        state = _state(part)
        call = part.get("functionCall")
        if isinstance(call, dict):
            yield from self._call(call, state)
            return
        if part.get("thought") and "text" in part:
            kept = {**state.get(NAME, {}), "thought": True}
            yield ReasoningDelta(
                self._number("reasoning", state), as_str(part["text"]), self._index, {NAME: kept}
            )
        elif "text" in part:
            yield from self._text(as_str(part["text"]), state)
        elif isinstance(part.get("inlineData"), dict):
            yield self._whole(_media(part["inlineData"], state))
        elif isinstance(part.get("fileData"), dict):
            file = part["fileData"]
            media_type = as_str(file.get("mimeType")) or None
            yield self._whole(File(media_type, url=as_str(file.get("fileUri")), state=state))
        else:
            yield from self._other(part, state)

    def _text(self, text: str, state: State) -> Iterator[Event]:
        if text or state:
            number = self._number("text", state)
            self._texts[number] = self._texts.get(number, "") + text
            yield TextDelta(number, text, self._index, state)

    def _other(self, part: dict[str, Any], state: State) -> Iterator[Event]:
        kind = next((key for key in part if key not in _NOT_A_KIND), None)
        if kind == "functionResponse":
            self._waiting -= 1
        if kind is not None:
            yield self._whole(Opaque(kind, {NAME: part}))
        elif state:
            yield from self._text("", state)

    def _call(self, call: dict[str, Any], state: State) -> Iterator[Event]:
        """A call; or, without a name, more of the call before it (``streamFunctionCallArguments``)."""
        name = as_str(call.get("name"))
        if name or self._open is None:
            yield from self._close_call()
            self._calls += 1
            self._waiting += 1
            number = self._numbers.new("call", self._index)
            given = as_str(call.get("id")) or f"{self._prefix}_{self._index}_{self._calls}"
            yield ToolCallDelta(number, "", given, name, self._index, state)
            self._open = (number, PartialArguments(as_dict(call.get("args"))))
        number, arguments = self._open or (0, PartialArguments({}))
        for piece in as_list(call.get("partialArgs")):
            arguments.add(as_dict(piece))
        if not call.get("willContinue"):
            yield from self._close_call()

    def _close_call(self) -> Iterator[Event]:
        if self._open is not None:
            number, arguments = self._open
            self._open = None
            yield ToolCallDelta(number, arguments_text(arguments.value), choice=self._index)

    def _number(self, kind: str, state: State) -> int:
        numbers = self._numbers
        return numbers.new(kind, self._index) if state else numbers.number(kind, self._index)

    def _whole(self, value: Image | File | Opaque) -> WholePart:
        return WholePart(self._numbers.new("whole", self._index), value, self._index)


def _state(part: Mapping[str, Any]) -> State:
    """What stands on the part besides its content; nothing for an opaque part, which is kept whole."""
    rest = {
        key: value
        for key, value in part.items()
        if key in _NOT_A_KIND and key != "thought" and value
    }
    return {NAME: rest} if rest else NO_STATE


def _media(data: Mapping[str, Any], state: State) -> Image | File:
    media_type = as_str(data.get("mimeType")) or None
    content = as_str(data.get("data"))
    if (media_type or "").startswith("image/"):
        return Image(media_type, content, state=state)
    return File(media_type, content, name=as_str(data.get("displayName")) or None, state=state)


def _name(value: object) -> str:
    """An enum's name; ``""`` for none and for the number of none."""
    number = as_int(value)
    return _NUMBERED.get(number, "OTHER") if number else as_str(value)


def _usage(counts: Mapping[str, Any]) -> Usage:
    """Thoughts stand beside the answer's tokens, and what tools read stands beside the prompt's."""
    thoughts = as_int(counts.get("thoughtsTokenCount"))
    return Usage(
        input_tokens=as_int(counts.get("promptTokenCount"))
        + as_int(counts.get("toolUsePromptTokenCount")),
        output_tokens=as_int(counts.get("candidatesTokenCount")) + thoughts,
        cached_tokens=as_int(counts.get("cachedContentTokenCount")),
        reasoning_tokens=thoughts,
    )

"""Our vocabulary for a chat: what every client dialect is parsed into and every provider format is built from.

Values only. A part may carry ``state``: opaque data a provider wants back with the same part in the next
turn (Anthropic's thinking signature, Gemini's thought signature, OpenAI's encrypted reasoning). It is keyed
by the wire format that gave it and is echoed to that format only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from providers.usage import Usage

Json = Any
"""Anything the JSON grammar knows. Wire data is checked where it is read, not by the type system."""

State = Mapping[str, Json]
"""Opaque data by wire format, e.g. ``{"anthropic": {"signature": "…"}}``."""


class _NoState(Mapping[str, Json]):
    """The empty State: immutable and hashable, as a dataclass default must be."""

    __slots__ = ()

    def __getitem__(self, key: str) -> Json:
        raise KeyError(key)

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0

    def __hash__(self) -> int:
        return 0

    def __repr__(self) -> str:
        return "{}"


NO_STATE: State = _NoState()

Role = Literal["system", "user", "assistant", "tool"]
FinishReason = Literal[
    "stop", "length", "tool_calls", "content_filter", "refusal", "pause", "error", "unknown"
]


@dataclass(frozen=True, slots=True)
class Citation:
    """Where an answer's statement comes from. ``start``/``end`` count characters of the part's text."""

    url: str | None = None
    title: str | None = None
    quote: str | None = None
    start: int | None = None
    end: int | None = None
    state: State = NO_STATE


@dataclass(frozen=True, slots=True)
class Text:
    text: str
    citations: tuple[Citation, ...] = ()
    state: State = NO_STATE


@dataclass(frozen=True, slots=True)
class Image:
    """A picture, either inline (``data`` is base64 without a prefix) or by ``url``; exactly one is set."""

    media_type: str | None = None
    data: str | None = None
    url: str | None = None
    detail: str | None = None
    state: State = NO_STATE


@dataclass(frozen=True, slots=True)
class File:
    """A document, sound or video: inline base64 ``data``, a ``url``, or the id of an upload at the provider."""

    media_type: str | None = None
    data: str | None = None
    url: str | None = None
    file_id: str | None = None
    name: str | None = None
    state: State = NO_STATE


@dataclass(frozen=True, slots=True)
class Reasoning:
    """What the model thought. ``text`` may be empty when the provider only gives its sealed form in ``state``."""

    text: str
    state: State = NO_STATE


@dataclass(frozen=True, slots=True)
class Refusal:
    """The model's own words for declining, where a provider keeps them apart from the answer."""

    text: str
    state: State = NO_STATE


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call the model asks for. ``arguments`` is the JSON text as it came, which may be cut short or invalid."""

    id: str
    name: str
    arguments: str
    state: State = NO_STATE


@dataclass(frozen=True, slots=True)
class ToolResult:
    call_id: str
    content: tuple[Text | Image | File, ...]
    name: str | None = None
    is_error: bool = False
    state: State = NO_STATE


@dataclass(frozen=True, slots=True)
class Opaque:
    """A block only one wire format understands (server-side tools, generated audio …), kept whole.

    ``state`` holds it under the format's name, so only that format gets it back.
    """

    kind: str
    state: State = NO_STATE


Part = Text | Image | File | Reasoning | Refusal | ToolCall | ToolResult | Opaque


@dataclass(frozen=True, slots=True)
class Message:
    role: Role
    parts: tuple[Part, ...]
    name: str | None = None
    state: State = NO_STATE

    @property
    def text(self) -> str:
        return text_of(self.parts)


@dataclass(frozen=True, slots=True)
class Tool:
    """A function the model may ask for. ``parameters`` is a JSON schema, or None for "no parameters given"."""

    name: str
    description: str | None = None
    parameters: Mapping[str, Json] | None = None
    strict: bool | None = None
    state: State = NO_STATE


@dataclass(frozen=True, slots=True)
class ToolChoice:
    """``mode`` "named" forces the tool ``name``; "required" forces any tool."""

    mode: Literal["auto", "none", "required", "named"]
    name: str | None = None


@dataclass(frozen=True, slots=True)
class ResponseFormat:
    """``json`` asks for some JSON object, ``json_schema`` for one that fits ``schema``."""

    kind: Literal["text", "json", "json_schema"]
    schema: Mapping[str, Json] | None = None
    name: str | None = None
    description: str | None = None
    strict: bool | None = None


@dataclass(frozen=True, slots=True)
class ReasoningOptions:
    """How hard to think: an ``effort`` word (none, minimal, low, medium, high, xhigh, max) or a token ``budget``."""

    effort: str | None = None
    budget: int | None = None
    include: bool | None = None
    """Whether the caller wants the thoughts in the answer; None leaves the provider's default."""


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """One chat call. ``None`` and empty mean "not said": the provider's default holds.

    ``extra`` holds parameters the vocabulary has no word for, by the dialect they came in:
    the adapter of the same wire format passes them on, every other one reports them as dropped.
    """

    model: str
    messages: tuple[Message, ...]
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    response_format: ResponseFormat | None = None
    reasoning: ReasoningOptions | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    n: int | None = None
    user: str | None = None
    stream: bool = False
    extra: Mapping[str, Mapping[str, Json]] = field(default_factory=dict)

    @property
    def has_images(self) -> bool:
        return any(isinstance(part, Image) for message in self.messages for part in message.parts)


@dataclass(frozen=True, slots=True)
class Choice:
    """One answer. ``raw_finish`` is the provider's own word, for the call's detail page."""

    parts: tuple[Part, ...]
    finish: FinishReason
    raw_finish: str | None = None

    @property
    def text(self) -> str:
        return text_of(self.parts)

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        return tuple(part for part in self.parts if isinstance(part, ToolCall))


@dataclass(frozen=True, slots=True)
class ChatResponse:
    """A finished answer; ``choices`` has more than one element only when the caller asked for ``n``.

    ``usage`` is None when the provider said nothing about it. ``model`` is the name the provider answered with.
    """

    id: str
    model: str
    choices: tuple[Choice, ...]
    usage: Usage | None = None
    state: State = NO_STATE

    @property
    def text(self) -> str:
        return self.choices[0].text if self.choices else ""

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        return self.choices[0].tool_calls if self.choices else ()

    @property
    def finish(self) -> FinishReason:
        return self.choices[0].finish if self.choices else "unknown"


def text_of(parts: Sequence[Part]) -> str:
    """The plain answer: all text parts joined, reasoning and refusals left out."""
    return "".join(part.text for part in parts if isinstance(part, Text))

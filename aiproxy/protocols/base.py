"""The contract of every client dialect: its words on one side, our vocabulary on the other.

A protocol is the mirror image of an adapter and as pure: Python values in, values or bytes out, no
request object, no clock, no socket. The endpoint decodes the body and sends what comes back.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, ClassVar

import msgspec

from providers.chat import ChatRequest, ChatResponse, Json
from providers.embedding import EmbeddingRequest, EmbeddingResponse
from providers.errors import CallError
from providers.events import Event
from providers.wire import Change

encode = msgspec.json.Encoder(decimal_format="string").encode
"""JSON bytes. Money is written as text, so that no float ever touches it."""

JsonObject = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Style:
    """How the caller wants the answer written. It is no business of the provider."""

    include_usage: bool = False
    """OpenAI's ``stream_options.include_usage``: usage as one more chunk at the end of a stream."""
    base64: bool = False
    """OpenAI's ``encoding_format``: vectors as base64 of little-endian 32-bit floats."""
    metadata: Mapping[str, Json] | None = None
    """Our own dialect's ``metadata``, which the answer repeats."""
    repeated: Mapping[str, Json] = field(default_factory=dict)
    """Members of a Responses request, which the answer repeats."""
    strict: bool = False
    """Our own dialect's ``strict``: refuse the call rather than change anything of it."""
    fallback: tuple[str, ...] = ()
    """Our own dialect's ``fallback``: models to turn to when the first one fails."""


@dataclass(slots=True)
class Context:
    """What an answer must say that the provider does not know.

    ``id`` is the bare id of the answer; each dialect puts its own prefix before it. ``model`` is
    the name the caller used. ``cost`` and ``changes`` are read when the end of an answer is
    written, so they may be set late.
    """

    request_id: str
    id: str
    model: str
    created: int
    """Unix time in whole seconds."""
    provider: str = ""
    integration_id: str = ""
    style: Style = field(default_factory=Style)
    cost: Decimal | None = None
    changes: tuple[Change, ...] = ()


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """One line of a list of models. ``provider`` is shown as its owner; a limit of 0 is not known."""

    id: str
    provider: str
    created: int = 0
    embeds: bool = False
    context: int = 0
    max_output: int = 0


class Renderer(ABC):
    """One streamed answer. Feed it every event in order; it keeps what the dialect needs."""

    media_type: ClassVar[str] = "text/event-stream; charset=utf-8"

    @abstractmethod
    def render(self, event: Event) -> bytes:
        """Complete SSE frames, or b"" for an event the dialect has no word for."""


class Protocol(ABC):
    """One client dialect."""

    name: ClassVar[str]
    keep_alive: ClassVar[bytes] = b": keep-alive\n\n"
    """What a silent stream says so that nobody takes it for dead; empty where clients would not understand it."""

    @abstractmethod
    def parse_request(self, body: Json) -> ChatRequest:
        """Raises InvalidRequest whose ``param`` names the field at fault; ``model`` may be empty.

        It leaves out how the answer is to be written, which ``style`` tells.
        """

    def style(self, body: Json) -> Style:
        """How to answer ``body``, which has been parsed without complaint."""
        return Style()

    @abstractmethod
    def render_response(self, response: ChatResponse, context: Context) -> JsonObject:
        """The body of a whole answer."""

    @abstractmethod
    def stream(self, context: Context) -> Renderer:
        """A renderer for one streamed answer."""

    def render_count(self, tokens: int) -> JsonObject:
        """The answer of a call that counts the tokens of a request, in the dialects that have one."""
        raise NotImplementedError(f"{self.name} has no counter")

    @abstractmethod
    def error_body(self, error: CallError, request_id: str) -> JsonObject:
        """The error object. It holds our words only, never the provider's ``detail``."""

    def render_error(
        self, error: CallError, request_id: str
    ) -> tuple[int, JsonObject, dict[str, str]]:
        """Status, body and further headers of a failed call."""
        return error.status, self.error_body(error, request_id), error_headers(error)


class EmbeddingProtocol(Protocol):
    """A dialect that has embeddings too. ``style`` answers for their bodies as well."""

    @abstractmethod
    def parse_embedding(self, body: Json) -> EmbeddingRequest:
        """Raises InvalidRequest whose ``param`` names the field at fault."""

    @abstractmethod
    def render_embedding(self, response: EmbeddingResponse, context: Context) -> JsonObject:
        """The body of the answer, vectors in the order of the inputs."""


def error_headers(error: CallError) -> dict[str, str]:
    """``Retry-After`` in whole seconds, and whether trying again can help.

    The official SDKs obey ``x-should-retry``; without it they retry every 409 and 5xx.
    """
    headers = {"x-should-retry": "true" if error.retryable else "false"}
    if error.retry_after is not None:
        headers["retry-after"] = str(max(0, math.ceil(error.retry_after)))
    return headers


def without_none(**members: Any) -> JsonObject:
    """An object of those members that are not None."""
    return {name: value for name, value in members.items() if value is not None}


def prefixed(prefix: str, bare: str) -> str:
    """``bare`` with the dialect's prefix, once."""
    return bare if bare.startswith(prefix) else prefix + bare

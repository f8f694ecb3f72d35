"""The contract of a format's server side."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import msgspec

from aiproxy.protocols.base import Context, Style
from providers.chat import ChatRequest, ChatResponse
from providers.embedding import EmbeddingRequest, EmbeddingResponse
from providers.events import Event

encode = msgspec.json.encode

JsonObject = dict[str, Any]
Operation = Literal["chat", "embed", "models", "model", "count", "version"]
Refusal = Literal["wrong_key", "restricted_key", "no_credit", "rate_limited"]

PLAIN = Style()
EVENT_STREAM = "text/event-stream; charset=utf-8"
NDJSON = "application/x-ndjson"


@dataclass(frozen=True, slots=True)
class Asked:
    """A request after routing. ``body`` is {} where the method has none."""

    operation: Operation
    model: str
    body: Mapping[str, Any]
    streams: bool = False
    array: bool = False
    """Gemini without ``alt=sse``: the stream is one JSON array."""
    batch: bool = False
    """Gemini's list of embeddings instead of a single one."""


class Dialect(ABC):
    """Reads requests into our vocabulary and writes answers out of it. Readers raise InvalidRequest."""

    name: ClassVar[str]
    stream_type: ClassVar[str] = EVENT_STREAM
    ping: ClassVar[bytes] = b": ping\n\n"
    """What shows in a stream that it is alive; b"" in a format that has no such thing."""

    @abstractmethod
    def chat(self, asked: Asked) -> ChatRequest: ...

    @abstractmethod
    def completion(self, response: ChatResponse, asked: Asked) -> JsonObject: ...

    @abstractmethod
    def renderer(self, asked: Asked, answer_id: str) -> Callable[[Event], bytes]:
        """Gives the bytes for each event of one stream, b"" where the format has nothing to say."""

    @abstractmethod
    def embedding(self, asked: Asked) -> EmbeddingRequest: ...

    @abstractmethod
    def vectors(self, response: EmbeddingResponse, asked: Asked) -> JsonObject: ...

    @abstractmethod
    def model(self, name: str) -> JsonObject: ...

    @abstractmethod
    def models(self, names: Sequence[str]) -> JsonObject: ...

    @abstractmethod
    def error(self, status: int, message: str) -> JsonObject:
        """The error object this format's servers send with ``status``."""

    @abstractmethod
    def refusal(self, why: Refusal) -> tuple[int, JsonObject]:
        """How the real servers refuse a key."""

    def count(self, tokens: int) -> JsonObject:
        """The answer to a request that only counts its tokens."""
        return {"total_tokens": tokens}

    def error_frame(self, status: int, message: str) -> bytes:
        """An error in the middle of a stream."""
        return b"data: " + encode(self.error(status, message)) + b"\n\n"


def context(asked: Asked, answer_id: str, style: Style = PLAIN) -> Context:
    return Context(
        request_id="", id=answer_id, model=asked.model, created=int(time.time()), style=style
    )

"""Google's dialect: ``/v1beta/models/{model}`` with ``:generateContent`` and its sisters.

The address tells the model and whether to stream, so bodies are parsed with what it said. Opaque state of other
providers travels in ``thoughtSignature``, which clients send back with its part.
"""

from __future__ import annotations

from collections.abc import Iterable

from aiproxy.protocols import gemini_answer, gemini_request
from aiproxy.protocols.base import Context, JsonObject, ModelEntry, Protocol
from aiproxy.protocols.gemini_contents import NAME
from aiproxy.protocols.gemini_stream import GeminiArray, GeminiStream
from providers.chat import ChatRequest, ChatResponse, Json
from providers.embedding import EmbeddingRequest, EmbeddingResponse
from providers.errors import CallError


class Gemini(Protocol):
    name = NAME
    keep_alive = b""  # Google's own SDK takes every line that is not empty for JSON, comments too

    def parse_request(self, body: Json, model: str = "", *, stream: bool = False) -> ChatRequest:
        return gemini_request.parse_chat(body, model, stream=stream)

    def parse_count(self, body: Json, model: str) -> ChatRequest:
        """``:countTokens``."""
        return gemini_request.parse_count(body, model)

    def parse_embedding(self, body: Json, model: str) -> EmbeddingRequest:
        """``:embedContent``."""
        return gemini_request.parse_embedding(body, model)

    def parse_embeddings(self, body: Json, model: str) -> EmbeddingRequest:
        """``:batchEmbedContents``."""
        return gemini_request.parse_embeddings(body, model)

    def render_response(self, response: ChatResponse, context: Context) -> JsonObject:
        return gemini_answer.answer(response, context)

    def render_embedding(self, response: EmbeddingResponse, context: Context) -> JsonObject:
        return gemini_answer.embedding(response)

    def render_embeddings(self, response: EmbeddingResponse, context: Context) -> JsonObject:
        return gemini_answer.embeddings(response)

    def render_count(self, tokens: int) -> JsonObject:
        return {"totalTokens": tokens}

    def render_model(self, entry: ModelEntry) -> JsonObject:
        return gemini_answer.model(entry)

    def render_models(self, entries: Iterable[ModelEntry]) -> JsonObject:
        return {"models": list(map(gemini_answer.model, entries))}

    def stream(self, context: Context) -> GeminiStream:
        return GeminiStream(context)

    def error_body(self, error: CallError, request_id: str) -> JsonObject:
        return gemini_answer.error_body(error, request_id)


class GeminiInArrays(Gemini):
    """Streams without ``alt=sse``."""

    def stream(self, context: Context) -> GeminiStream:
        return GeminiArray(context)


PROTOCOL = Gemini()
ARRAYS = GeminiInArrays()

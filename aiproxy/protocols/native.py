"""Our own dialect: ``/api/ai/chat``, ``generate``, ``vision`` and ``embeddings``.

Strict about names, so that a misspelt field is not silently without effect; generous about how a message's
content is written. ``choices[].message`` of an answer may be sent back as it is.
"""

from __future__ import annotations

from aiproxy.protocols import native_answer, native_request
from aiproxy.protocols.base import Context, EmbeddingProtocol, JsonObject, Style
from aiproxy.protocols.fields import Fields
from aiproxy.protocols.native_stream import NativeStream
from providers.chat import ChatRequest, ChatResponse, Json
from providers.embedding import EmbeddingRequest, EmbeddingResponse
from providers.errors import CallError


class Native(EmbeddingProtocol):
    name = "native"

    def parse_request(self, body: Json) -> ChatRequest:
        return native_request.parse_chat(body)

    def parse_generate(self, body: Json) -> ChatRequest:
        """A single prompt. The answer is a chat's."""
        return native_request.parse_generate(body)

    def parse_vision(self, body: Json) -> ChatRequest:
        """A chat that must hold a picture, which the endpoint checks; or a prompt and pictures."""
        return native_request.parse_vision(body)

    def parse_embedding(self, body: Json) -> EmbeddingRequest:
        return native_request.parse_embedding(body)

    def style(self, body: Json) -> Style:
        fields = Fields(body)
        options = fields.fields("options") or Fields({})
        return Style(
            metadata=fields.mapping("metadata") or options.mapping("metadata"),
            strict=fields.flag("strict") or options.flag("strict") or False,
            fallback=fields.words("fallback") or options.words("fallback"),
        )

    def render_response(self, response: ChatResponse, context: Context) -> JsonObject:
        return native_answer.chat(response, context)

    def stream(self, context: Context) -> NativeStream:
        return NativeStream(context)

    def render_embedding(self, response: EmbeddingResponse, context: Context) -> JsonObject:
        return native_answer.embeddings(response, context)

    def error_body(self, error: CallError, request_id: str) -> JsonObject:
        return {"error": error.as_dict(request_id)}


PROTOCOL = Native()

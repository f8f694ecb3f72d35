"""OpenAI's dialect: ``/v1/chat/completions``, ``/v1/embeddings`` and ``/v1/models``.

The shapes are those that the official SDKs and common tools check, with extensions that others have
made common: ``reasoning_content`` (DeepSeek), ``reasoning_details`` and ``images`` (OpenRouter),
``extra_content`` on a tool call (Google). ``reasoning_details`` and ``extra_content`` carry opaque
state: a client that sends an assistant's message back whole keeps a reasoning model's thread.
"""

from __future__ import annotations

from collections.abc import Iterable

from aiproxy.protocols import openai_answer, openai_request
from aiproxy.protocols.base import Context, EmbeddingProtocol, JsonObject, ModelEntry, Style
from aiproxy.protocols.fields import Fields
from aiproxy.protocols.openai_stream import OpenAIStream
from providers.chat import ChatRequest, ChatResponse, Json
from providers.embedding import EmbeddingRequest, EmbeddingResponse
from providers.errors import CallError


class OpenAI(EmbeddingProtocol):
    name = "openai"

    def parse_request(self, body: Json) -> ChatRequest:
        return openai_request.parse_chat(body)

    def parse_embedding(self, body: Json) -> EmbeddingRequest:
        return openai_request.parse_embedding(body)

    def style(self, body: Json) -> Style:
        fields = Fields(body)
        options = fields.fields("stream_options")
        return Style(
            include_usage=bool(options and options.flag("include_usage")),
            base64=fields.text("encoding_format") == "base64",
        )

    def render_response(self, response: ChatResponse, context: Context) -> JsonObject:
        return openai_answer.completion(response, context)

    def stream(self, context: Context) -> OpenAIStream:
        return OpenAIStream(context)

    def render_embedding(self, response: EmbeddingResponse, context: Context) -> JsonObject:
        return openai_answer.embeddings(response, context)

    def error_body(self, error: CallError, request_id: str) -> JsonObject:
        return openai_answer.error_body(error, request_id)

    def render_model(self, entry: ModelEntry) -> JsonObject:
        """The answer of ``GET /v1/models/{id}``."""
        return {
            "id": entry.id,
            "object": "model",
            "created": entry.created,
            "owned_by": entry.provider,
        }

    def render_models(self, entries: Iterable[ModelEntry]) -> JsonObject:
        """The answer of ``GET /v1/models``."""
        return {"object": "list", "data": [self.render_model(entry) for entry in entries]}


PROTOCOL = OpenAI()

"""Anthropic's dialect: ``POST /v1/messages``.

Opaque state of other providers travels in places that clients send back untouched: a thought's in its
``signature``, that of a tool call or a text in a member ``state`` of its block.
"""

from __future__ import annotations

from aiproxy.protocols import anthropic_answer, anthropic_request
from aiproxy.protocols.anthropic_stream import AnthropicStream
from aiproxy.protocols.base import Context, JsonObject, Protocol, error_headers
from providers.chat import ChatRequest, ChatResponse, Json
from providers.errors import CallError, Overloaded


class Anthropic(Protocol):
    name = "anthropic"
    keep_alive = b'event: ping\ndata: {"type":"ping"}\n\n'

    def parse_request(self, body: Json) -> ChatRequest:
        return anthropic_request.parse_chat(body)

    def render_response(self, response: ChatResponse, context: Context) -> JsonObject:
        return anthropic_answer.message(response, context)

    def render_count(self, tokens: int) -> JsonObject:
        return {"input_tokens": tokens}

    def stream(self, context: Context) -> AnthropicStream:
        return AnthropicStream(context)

    def error_body(self, error: CallError, request_id: str) -> JsonObject:
        return anthropic_answer.error_body(error, request_id)

    def render_error(
        self, error: CallError, request_id: str
    ) -> tuple[int, JsonObject, dict[str, str]]:
        """Anthropic's clients know "overloaded" by the status 529."""
        status = 529 if isinstance(error, Overloaded) else error.status
        return status, self.error_body(error, request_id), error_headers(error)


PROTOCOL = Anthropic()

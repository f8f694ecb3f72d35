"""OpenAI's newer dialect: ``POST /v1/responses``.

Opaque state of other providers travels in places that clients send back untouched: a thought's in
``encrypted_content``, that of a call or a text in a member ``state`` of it. Nothing is kept between calls, so a
client continues a conversation by sending the output back.
"""

from __future__ import annotations

from aiproxy.protocols import openai_answer, responses_answer, responses_request
from aiproxy.protocols.base import Context, JsonObject, Protocol, Style
from aiproxy.protocols.responses_input import NAME
from aiproxy.protocols.responses_stream import ResponsesStream
from providers.chat import ChatRequest, ChatResponse, Json
from providers.errors import CallError


class Responses(Protocol):
    name = NAME

    def parse_request(self, body: Json) -> ChatRequest:
        return responses_request.parse_chat(body)

    def style(self, body: Json) -> Style:
        members = body.items() if isinstance(body, dict) else ()
        said = {
            name: v for name, v in members if name in responses_answer.REPEATED and v is not None
        }
        return Style(repeated=said)

    def render_response(self, response: ChatResponse, context: Context) -> JsonObject:
        return responses_answer.response(response, context)

    def stream(self, context: Context) -> ResponsesStream:
        return ResponsesStream(context)

    def error_body(self, error: CallError, request_id: str) -> JsonObject:
        return openai_answer.error_body(error, request_id)


PROTOCOL = Responses()

"""Anthropic: messages, count_tokens, models."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from aiproxy.fake.dialects.base import Asked, Dialect, JsonObject, Refusal, context, encode
from aiproxy.protocols.anthropic import PROTOCOL
from providers.chat import ChatRequest, ChatResponse
from providers.embedding import EmbeddingRequest, EmbeddingResponse
from providers.errors import InvalidRequest
from providers.events import Event

_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}

# No credit is a 400 at Anthropic, told apart by its sentence.
_REFUSALS: dict[Refusal, tuple[int, str]] = {
    "wrong_key": (401, "invalid x-api-key"),
    "restricted_key": (403, "Your API key does not have permission to use the specified resource."),
    "no_credit": (
        400,
        "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing "
        "to upgrade or purchase credits.",
    ),
    "rate_limited": (429, "This request would exceed your account's rate limit."),
}


class Anthropic(Dialect):
    name = "anthropic"
    ping = b'event: ping\ndata: {"type":"ping"}\n\n'

    def chat(self, asked: Asked) -> ChatRequest:
        return PROTOCOL.parse_request(asked.body)

    def completion(self, response: ChatResponse, asked: Asked) -> JsonObject:
        return PROTOCOL.render_response(response, context(asked, response.id))

    def renderer(self, asked: Asked, answer_id: str) -> Callable[[Event], bytes]:
        return PROTOCOL.stream(context(asked, answer_id)).render

    def embedding(self, asked: Asked) -> EmbeddingRequest:
        raise InvalidRequest("This API has no embeddings.")

    def vectors(self, response: EmbeddingResponse, asked: Asked) -> JsonObject:
        raise InvalidRequest("This API has no embeddings.")

    def model(self, name: str) -> JsonObject:
        created = "2025-01-01T00:00:00Z"
        return {"type": "model", "id": name, "display_name": name, "created_at": created}

    def models(self, names: Sequence[str]) -> JsonObject:
        return {
            "data": [self.model(name) for name in names],
            "has_more": False,
            "first_id": names[0] if names else None,
            "last_id": names[-1] if names else None,
        }

    def count(self, tokens: int) -> JsonObject:
        return {"input_tokens": tokens}

    def error(self, status: int, message: str) -> JsonObject:
        kind = _TYPES.get(status, "api_error")
        error = {"type": kind, "message": message}
        return {"type": "error", "error": error, "request_id": "req_sandbox"}

    def refusal(self, why: Refusal) -> tuple[int, JsonObject]:
        status, message = _REFUSALS[why]
        return status, self.error(status, message)

    def error_frame(self, status: int, message: str) -> bytes:
        return b"event: error\ndata: " + encode(self.error(status, message)) + b"\n\n"

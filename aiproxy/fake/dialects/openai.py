"""OpenAI: chat completions, embeddings, models. Also what the built-in sandbox provider speaks."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from aiproxy.fake.dialects.base import Asked, Dialect, JsonObject, Refusal, context
from aiproxy.protocols.base import ModelEntry
from aiproxy.protocols.openai import PROTOCOL
from providers.chat import ChatRequest, ChatResponse
from providers.embedding import EmbeddingRequest, EmbeddingResponse
from providers.events import Event

_OWNER = "sandbox"
_TYPES = {
    400: "invalid_request_error",
    401: "invalid_request_error",
    403: "invalid_request_error",
    404: "invalid_request_error",
    429: "requests",
}
_CODES = {401: "invalid_api_key", 404: "model_not_found", 429: "rate_limit_exceeded"}

_REFUSALS: dict[Refusal, tuple[int, str, str, str | None]] = {
    "wrong_key": (
        401,
        "Incorrect API key provided. You can find your API key in the console.",
        "invalid_request_error",
        "invalid_api_key",
    ),
    "restricted_key": (
        403,
        "You have insufficient permissions for this operation. Missing scopes: api.model.read.",
        "invalid_request_error",
        None,
    ),
    "no_credit": (
        429,
        "You exceeded your current quota, please check your plan and billing details.",
        "insufficient_quota",
        "insufficient_quota",
    ),
    "rate_limited": (
        429,
        "Rate limit reached for requests per minute. Please try again in 2s.",
        "requests",
        "rate_limit_exceeded",
    ),
}


class OpenAI(Dialect):
    name = "openai"

    def chat(self, asked: Asked) -> ChatRequest:
        return PROTOCOL.parse_request(asked.body)

    def completion(self, response: ChatResponse, asked: Asked) -> JsonObject:
        return PROTOCOL.render_response(response, context(asked, response.id))

    def renderer(self, asked: Asked, answer_id: str) -> Callable[[Event], bytes]:
        style = PROTOCOL.style(asked.body)
        return PROTOCOL.stream(context(asked, answer_id, style)).render

    def embedding(self, asked: Asked) -> EmbeddingRequest:
        return PROTOCOL.parse_embedding(asked.body)

    def vectors(self, response: EmbeddingResponse, asked: Asked) -> JsonObject:
        style = PROTOCOL.style(asked.body)
        return PROTOCOL.render_embedding(response, context(asked, "", style))

    def model(self, name: str) -> JsonObject:
        return PROTOCOL.render_model(ModelEntry(name, _OWNER))

    def models(self, names: Sequence[str]) -> JsonObject:
        return PROTOCOL.render_models([ModelEntry(name, _OWNER) for name in names])

    def error(self, status: int, message: str) -> JsonObject:
        return _error(message, _TYPES.get(status, "server_error"), _CODES.get(status))

    def refusal(self, why: Refusal) -> tuple[int, JsonObject]:
        status, message, kind, code = _REFUSALS[why]
        return status, _error(message, kind, code)


def _error(message: str, kind: str, code: str | None) -> JsonObject:
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}

"""Anthropic Messages (https://docs.anthropic.com/en/api/messages), as Anthropic and its imitators speak it.

The request is in ``anthropic_request``, answers in ``anthropic_answer``, streams in ``anthropic_stream``.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from providers.adapters import anthropic_answer, anthropic_errors, anthropic_request
from providers.adapters.anthropic_stream import AnthropicStream
from providers.adapters.base import Host, StreamParser
from providers.adapters.reading import as_dict, as_int, as_list, as_str, reply_dict
from providers.catalogue.spec import Feature, ModelSpec
from providers.chat import ChatRequest, ChatResponse
from providers.embedding import EmbeddingRequest, EmbeddingResponse
from providers.errors import CallError, InvalidRequest, ServerError
from providers.wire import WireReply, WireRequest

_CAPABILITIES: tuple[tuple[str, Feature], ...] = (
    ("image_input", "vision"),
    ("thinking", "reasoning"),
    ("structured_outputs", "structured_output"),
)

_COUNTED = ("model", "system", "messages", "tools", "tool_choice", "thinking", "output_config")
"""What the counter of tokens takes (https://docs.anthropic.com/en/api/messages-count-tokens)."""


class AnthropicAdapter:
    name = anthropic_request.NAME

    def build(self, request: ChatRequest, host: Host) -> WireRequest:
        return anthropic_request.build(request, host)

    def parse(self, reply: WireReply, host: Host) -> ChatResponse:
        body = reply_dict(reply)
        if body.get("type") == "error" or body.get("error"):
            raise anthropic_errors.explain_value(body)
        if not isinstance(body.get("content"), list):
            raise ServerError(
                "The provider's answer is not a message. Check the integration's base URL.",
                detail=reply.body[:500].decode("utf-8", "replace"),
                upstream_status=reply.status,
            )
        return anthropic_answer.response(body)

    def stream(self, host: Host) -> StreamParser:
        return AnthropicStream()

    def explain(self, reply: WireReply, host: Host) -> CallError:
        return anthropic_errors.explain(reply)

    def build_embedding(self, request: EmbeddingRequest, host: Host) -> WireRequest:
        raise _no_embeddings(host)

    def parse_embedding(self, reply: WireReply, host: Host) -> EmbeddingResponse:
        raise _no_embeddings(host)

    def build_count(self, request: ChatRequest, host: Host) -> WireRequest | None:
        path = host.path("count", "/v1/messages/count_tokens")
        if not path:
            return None
        wire = anthropic_request.build(replace(request, stream=False), host)
        body = {name: value for name, value in (wire.body or {}).items() if name in _COUNTED}
        return replace(wire, path=path, body=body)

    def parse_count(self, reply: WireReply, host: Host) -> int:
        tokens = reply_dict(reply).get("input_tokens")
        if not isinstance(tokens, int):
            raise ServerError(
                "The provider's answer holds no number of tokens. Try again.",
                detail=reply.body[:500].decode("utf-8", "replace"),
                upstream_status=reply.status,
            )
        return tokens

    def build_models(self, host: Host) -> WireRequest:
        path = host.path("models", "/v1/models?limit=1000")
        if not path:
            raise InvalidRequest(
                "This provider has no list of models. Type the model's name instead."
            )
        return WireRequest("GET", path)

    def parse_models(self, reply: WireReply, host: Host) -> tuple[ModelSpec, ...]:
        entries = reply_dict(reply).get("data")
        if not isinstance(entries, list):
            raise ServerError(
                "The provider's answer is no list of models. Check the integration's base URL.",
                detail=reply.body[:500].decode("utf-8", "replace"),
                upstream_status=reply.status,
            )
        models = map(as_dict, as_list(entries))
        return tuple(
            _model(m) for m in models if as_str(m.get("id")) and m.get("lifecycle") != "retired"
        )


def _model(entry: dict[str, Any]) -> ModelSpec:
    told = as_dict(entry.get("capabilities"))
    able = tuple(
        ours for theirs, ours in _CAPABILITIES if as_dict(told.get(theirs)).get("supported")
    )
    return ModelSpec(
        id=entry["id"],
        name=as_str(entry.get("display_name")),
        context=as_int(entry.get("max_input_tokens")),
        max_output=as_int(entry.get("max_tokens")),
        capabilities=("chat", "streaming", "tools", *able) if told else (),
    )


def _no_embeddings(host: Host) -> InvalidRequest:
    return InvalidRequest(
        f"{host.provider.name} has no embeddings. Choose an integration that has them.",
        param="model",
    )

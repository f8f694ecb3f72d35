"""Cohere's v2 chat, embeddings and list of models.

``cohere_request`` builds a chat, ``cohere_messages`` its conversation, ``cohere_answer`` reads what comes back. Errors
are ``{"id", "message"}``, at times with a machine word in ``error_type``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from providers.adapters import cohere_request
from providers.adapters.base import Host
from providers.adapters.changes import Changes
from providers.adapters.cohere_answer import (
    FORMAT,
    AnswerReader,
    ChatStream,
    explain_value,
    failed,
    read_usage,
)
from providers.adapters.explaining import Said, error_for, explain
from providers.adapters.reading import as_dict, as_int, as_list, as_str, number_rows, reply_dict
from providers.catalogue.spec import Feature, ModelSpec
from providers.chat import ChatRequest, ChatResponse
from providers.embedding import EmbeddingRequest, EmbeddingResponse
from providers.errors import CallError, InvalidRequest, ServerError
from providers.events import Accumulator
from providers.wire import WireReply, WireRequest

_BLOCKED = 498
"""Cohere's status for input or output that its filter stopped."""

_TASKS: Mapping[str, str] = {
    "query": "search_query",
    "document": "search_document",
    "classification": "classification",
    "clustering": "clustering",
    "similarity": "clustering",
    "question": "search_query",
    "fact": "search_query",
    "code": "search_query",
}
_EMBEDDING_WORDS = ("input_type", "truncate", "max_tokens", "priority")
_FEATURES: Mapping[str, Feature] = {
    "tools": "tools",
    "vision": "vision",
    "reasoning": "reasoning",
    "json_schema": "structured_output",
}


class CohereAdapter:
    name = FORMAT

    def build(self, request: ChatRequest, host: Host) -> WireRequest:
        return cohere_request.build(request, host)

    def parse(self, reply: WireReply, host: Host) -> ChatResponse:
        value = reply_dict(reply)
        if failed(value):
            raise explain_value(value)
        if not isinstance(value.get("message"), dict):
            raise _nonsense("message", reply)
        answer = Accumulator()
        answer.extend(AnswerReader().whole(value))
        return answer.response()

    def stream(self, host: Host) -> ChatStream:
        return ChatStream()

    def explain(self, reply: WireReply, host: Host) -> CallError:
        if reply.status == _BLOCKED:
            detail = reply.body[:500].decode("utf-8", "replace")
            return error_for(reply.status, Said(detail, ("content_blocked",)), reply.headers)
        return explain(reply)

    def build_embedding(self, request: EmbeddingRequest, host: Host) -> WireRequest:
        path = host.path("embeddings", "/v2/embed")
        if not path:
            raise InvalidRequest("This provider has no embeddings. Choose another integration.")
        if not all(isinstance(text, str) for text in request.inputs):
            raise InvalidRequest(
                "Cohere embeds texts, not tokens. Send the texts themselves.", param="input"
            )
        changes = Changes()
        own = _own_words(request, changes)
        if request.task is None and "input_type" not in own:
            changes.changed("task", "document is assumed, the provider wants to be told")
        body: dict[str, Any] = {
            "model": request.model,
            "texts": list(request.inputs),
            "input_type": _TASKS.get(request.task or "document", request.task),
            "embedding_types": ["float"],
        }
        if request.dimensions is not None:
            body["output_dimension"] = request.dimensions
        if request.user:
            changes.dropped("user", "this format has no word for it")
        return WireRequest("POST", path, {**body, **own}, changes=changes.result())

    def parse_embedding(self, reply: WireReply, host: Host) -> EmbeddingResponse:
        value = reply_dict(reply)
        said = value.get("embeddings")
        # Asked without types (v1, some gateways) it answers with the bare list.
        rows = said.get("float") if isinstance(said, dict) else said
        vectors = number_rows(rows)
        if not vectors:
            raise _nonsense("embeddings", reply)
        return EmbeddingResponse("", vectors, read_usage(value.get("meta")))

    def build_models(self, host: Host) -> WireRequest:
        path = host.path("models", "/v1/models?page_size=1000")
        if not path:
            raise InvalidRequest("This provider has no list of models. Type the model's name.")
        return WireRequest("GET", path)

    def parse_models(self, reply: WireReply, host: Host) -> tuple[ModelSpec, ...]:
        items = reply_dict(reply).get("models")
        if not isinstance(items, list):
            raise _nonsense("models", reply)
        current = (item for item in map(as_dict, items) if not item.get("is_deprecated"))
        return tuple(_model(item) for item in current if as_str(item.get("name")))


def _own_words(request: EmbeddingRequest, changes: Changes) -> dict[str, Any]:
    """Cohere's own parameters, taken from the extras of every dialect."""
    own: dict[str, Any] = {}
    for dialect, values in request.extra.items():
        for name, value in values.items():
            if name in _EMBEDDING_WORDS:
                own[name] = value
            elif name == "embedding_types":
                changes.dropped(name, "the answer has place for plain numbers only")
            else:
                changes.dropped(name, f"only the {dialect} format knows it")
    return own


def _model(item: Mapping[str, Any]) -> ModelSpec:
    endpoints = as_list(item.get("endpoints"))
    chats, embeds = "chat" in endpoints, "embed" in endpoints
    features = [
        _FEATURES[name] for name in map(str, as_list(item.get("features"))) if name in _FEATURES
    ]
    capabilities: tuple[Feature, ...] = ("chat", "streaming", *features) if chats else ()
    return ModelSpec(
        id=as_str(item.get("name")),
        kind="chat" if chats else "embedding" if embeds else "other",
        context=as_int(item.get("context_length")),
        capabilities=("embeddings",) if embeds and not chats else capabilities,
    )


def _nonsense(field: str, reply: WireReply) -> ServerError:
    return ServerError(
        "The provider's answer lacks what it should hold. Check the integration's base URL.",
        detail=f"no usable {field!r} in {reply.body[:500].decode('utf-8', 'replace')}",
        upstream_status=reply.status,
    )

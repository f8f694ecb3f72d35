"""Gemini's generateContent (https://ai.google.dev/api/generate-content), as the Gemini API and Vertex speak it.

The request is in ``gemini_request``, answers in ``gemini_answer``, streams in ``gemini_stream``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from providers.adapters import gemini_errors, gemini_request
from providers.adapters.base import Host, StreamParser
from providers.adapters.changes import Changes
from providers.adapters.gemini_answer import AnswerReader
from providers.adapters.gemini_stream import GeminiStream
from providers.adapters.reading import as_dict, as_int, as_list, as_str, decode, reply_dict
from providers.catalogue.spec import ModelSpec
from providers.chat import ChatRequest, ChatResponse
from providers.embedding import EmbeddingRequest, EmbeddingResponse
from providers.errors import CallError, InvalidRequest, ServerError
from providers.events import Accumulator
from providers.usage import Usage
from providers.wire import WireReply, WireRequest

_TASKS = {
    "query": "RETRIEVAL_QUERY",
    "document": "RETRIEVAL_DOCUMENT",
    "similarity": "SEMANTIC_SIMILARITY",
    "classification": "CLASSIFICATION",
    "clustering": "CLUSTERING",
    "question": "QUESTION_ANSWERING",
    "fact": "FACT_VERIFICATION",
    "code": "CODE_RETRIEVAL_QUERY",
}


class GeminiAdapter:
    name = gemini_request.NAME

    def build(self, request: ChatRequest, host: Host) -> WireRequest:
        return gemini_request.build(request, host)

    def parse(self, reply: WireReply, host: Host) -> ChatResponse:
        reader, answer = AnswerReader(), Accumulator()
        for chunk in _chunks(reply):
            answer.extend(reader.chunk(chunk))
        answer.extend(reader.finish())
        if not reader.complete:
            raise ServerError(
                "The provider's answer holds no answer. Try again, or use another model.",
                detail=reply.body[:500].decode("utf-8", "replace"),
                upstream_status=reply.status,
            )
        return answer.response()

    def stream(self, host: Host) -> StreamParser:
        return GeminiStream()

    def explain(self, reply: WireReply, host: Host) -> CallError:
        return gemini_errors.explain(reply)

    def build_embedding(self, request: EmbeddingRequest, host: Host) -> WireRequest:
        changes = Changes()
        path = gemini_request.model_path(host, request.model, "embeddings", "batchEmbedContents")
        if not all(isinstance(text, str) for text in request.inputs):
            raise InvalidRequest(
                "Gemini embeds texts, not tokens. Send the texts themselves.", param="input"
            )
        common: dict[str, Any] = {"model": f"models/{request.model.removeprefix('models/')}"}
        if request.dimensions is not None:
            common["outputDimensionality"] = request.dimensions
        if request.task:
            common["taskType"] = _TASKS.get(request.task, request.task.upper())
        if request.user:
            changes.dropped("user", "this format has no word for it")
        own = request.extra.get(self.name, {})
        requests = [{**common, "content": {"parts": [{"text": text}]}} for text in request.inputs]
        return WireRequest("POST", path, {"requests": requests, **own}, changes=changes.result())

    def parse_embedding(self, reply: WireReply, host: Host) -> EmbeddingResponse:
        body = reply_dict(reply)
        if body.get("error"):
            raise gemini_errors.explain_value(body)
        entries = [as_dict(entry).get("values") for entry in as_list(body.get("embeddings"))]
        if not entries or not all(isinstance(values, list) for values in entries):
            raise ServerError(
                "The provider's answer holds no vectors. Try again, or use another model.",
                detail=reply.body[:500].decode("utf-8", "replace"),
                upstream_status=reply.status,
            )
        tokens = as_int(as_dict(body.get("usageMetadata")).get("promptTokenCount"))
        vectors = tuple(tuple(map(float, values)) for values in map(as_list, entries))
        return EmbeddingResponse(
            as_str(body.get("model")), vectors, Usage(tokens) if tokens else None
        )

    def build_models(self, host: Host) -> WireRequest:
        path = host.path("models", "/models?pageSize=1000")
        if not path:
            raise InvalidRequest(
                "This provider has no list of models. Type the model's name instead."
            )
        return WireRequest("GET", path)

    def parse_models(self, reply: WireReply, host: Host) -> tuple[ModelSpec, ...]:
        entries = reply_dict(reply).get("models")
        if not isinstance(entries, list):
            raise ServerError(
                "The provider's answer is no list of models. Check the integration's base URL.",
                detail=reply.body[:500].decode("utf-8", "replace"),
                upstream_status=reply.status,
            )
        return tuple(_model(entry) for entry in map(as_dict, entries) if as_str(entry.get("name")))


def _chunks(reply: WireReply) -> list[dict[str, Any]]:
    """The answer as chunks: one object, or the array of them that streaming without SSE gives."""
    try:
        value = decode(reply.body)
    except ValueError:
        value = None
    return [as_dict(item) for item in value] if isinstance(value, list) else [reply_dict(reply)]


def _model(entry: Mapping[str, Any]) -> ModelSpec:
    methods = as_list(entry.get("supportedGenerationMethods"))
    chats = "generateContent" in methods
    embeds = "embedContent" in methods or "batchEmbedContents" in methods
    thinks = bool(entry.get("thinking"))
    return ModelSpec(
        id=as_str(entry.get("name")).removeprefix("models/"),
        name=as_str(entry.get("displayName")),
        kind="chat" if chats else "embedding" if embeds else "other",
        context=as_int(entry.get("inputTokenLimit")),
        max_output=as_int(entry.get("outputTokenLimit")) if chats else 0,
        capabilities=("chat", "streaming", *(("reasoning",) if thinks else ()))
        if chats
        else ("embeddings",)
        if embeds
        else (),
    )

"""Gemini's generateContent (https://ai.google.dev/api/generate-content), as the Gemini API and Vertex speak it.

The request is in ``gemini_request``, answers in ``gemini_answer``, streams in ``gemini_stream``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from providers.adapters import gemini_errors, gemini_predict, gemini_request
from providers.adapters.base import Host, StreamParser
from providers.adapters.changes import Changes
from providers.adapters.gemini_answer import AnswerReader
from providers.adapters.gemini_stream import GeminiStream
from providers.adapters.reading import (
    as_dict,
    as_int,
    as_list,
    as_str,
    decode,
    number_rows,
    reply_dict,
)
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
        texts = [text for text in request.inputs if isinstance(text, str)]
        task = _TASKS.get(request.task, request.task.upper()) if request.task else ""
        if request.user:
            changes.dropped("user", "this format has no word for it")
        changes.foreign_extras(request, self.name)
        own = request.extra.get(self.name, {})
        if host.quirk("embeddings") == "predict":
            body = gemini_predict.body(texts, task, request.dimensions)
            return WireRequest("POST", path, {**body, **own}, changes=changes.result())
        common: dict[str, Any] = {"model": f"models/{request.model.removeprefix('models/')}"}
        if request.dimensions is not None:
            common["outputDimensionality"] = request.dimensions
        if task:
            common["taskType"] = task
        common |= own
        requests = [{**common, "content": {"parts": [{"text": text}]}} for text in texts]
        return WireRequest("POST", path, {"requests": requests}, changes=changes.result())

    def parse_embedding(self, reply: WireReply, host: Host) -> EmbeddingResponse:
        body = reply_dict(reply)
        if body.get("error"):
            raise gemini_errors.explain_value(body)
        single = [body["embedding"]] if body.get("embedding") else []  # embedContent's answer
        entries = as_list(body.get("embeddings")) or single
        rows = [as_dict(entry).get("values") for entry in entries]
        vectors = number_rows(rows or gemini_predict.vectors(body))
        if not vectors:
            raise ServerError(
                "The provider's answer holds no vectors. Try again, or use another model.",
                detail=reply.body[:500].decode("utf-8", "replace"),
                upstream_status=reply.status,
            )
        tokens = as_int(as_dict(body.get("usageMetadata")).get("promptTokenCount"))
        tokens = tokens or gemini_predict.tokens(body)
        return EmbeddingResponse(
            as_str(body.get("model")), vectors, Usage(tokens) if tokens else None
        )

    def build_count(self, request: ChatRequest, host: Host) -> WireRequest | None:
        """The request as it would be sent. The Gemini API wants it inside another one, or counts the contents
        alone; Vertex takes it as it is (quirk ``count_bare``).
        """
        path = gemini_request.model_path(host, request.model, "count", "countTokens")
        if not path:
            return None
        wire = gemini_request.build(replace(request, stream=False), host)
        body = dict(wire.body or {})
        if host.quirk("count_bare"):
            taken = ("contents", "systemInstruction", "tools", "generationConfig")
            bare = {name: value for name, value in body.items() if name in taken}
            return replace(wire, path=path, body=bare)
        model = f"models/{request.model.removeprefix('models/')}"
        return replace(wire, path=path, body={"generateContentRequest": {"model": model, **body}})

    def parse_count(self, reply: WireReply, host: Host) -> int:
        body = reply_dict(reply)
        if not isinstance(body.get("totalTokens"), int):
            raise ServerError(
                "The provider's answer holds no number of tokens. Try again.",
                detail=reply.body[:500].decode("utf-8", "replace"),
                upstream_status=reply.status,
            )
        return as_int(body["totalTokens"])

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

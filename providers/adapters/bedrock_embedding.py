"""Embeddings on Bedrock: Converse has none, so the models' own formats go through ``InvokeModel``.

Quirk ``embedding``: "titan" (one text for a call) or "cohere" (a list of texts).
https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-titan-embed-text.html
https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-embed.html
"""

from __future__ import annotations

from typing import Any

from providers.adapters.base import Host
from providers.adapters.bedrock_messages import NAME
from providers.adapters.bedrock_request import model_path
from providers.adapters.changes import Changes
from providers.adapters.reading import as_int, as_list, number_rows, reply_dict
from providers.embedding import EmbeddingRequest, EmbeddingResponse
from providers.errors import InvalidRequest, ServerError
from providers.usage import Usage
from providers.wire import WireReply, WireRequest

_TOKENS = "x-amzn-bedrock-input-token-count"
_TASKS = {"query": "search_query", "document": "search_document"}
_DEFAULT_TASK = "search_document"
_MOST_TEXTS = 96


def build(request: EmbeddingRequest, host: Host) -> WireRequest:
    """Raises InvalidRequest for a model that makes no vectors, for tokens, and for too many texts at once."""
    texts = [text for text in request.inputs if isinstance(text, str)]
    if len(texts) != len(request.inputs):
        raise InvalidRequest(
            "Bedrock embeds texts, not tokens. Send the texts themselves.", param="input"
        )
    changes = Changes()
    if request.user:
        changes.dropped("user", "this format has no word for it")
    match host.quirk("embedding"):
        case "titan":
            body = _titan(request, texts, changes)
        case "cohere":
            body = _cohere(request, texts, host, changes)
        case _:
            raise InvalidRequest(
                "This model is not known to make embeddings. Choose one that is listed with them.",
                param="model",
            )
    changes.foreign_extras(request, NAME)
    path = model_path(host, request.model, "invoke", "invoke")
    body |= request.extra.get(NAME, {})
    return WireRequest("POST", path, body, changes=changes.result())


def _titan(request: EmbeddingRequest, texts: list[str], changes: Changes) -> dict[str, Any]:
    if len(texts) != 1:
        raise InvalidRequest(
            "This model embeds one text in a call. Send the texts one by one.", param="input"
        )
    if request.task:
        changes.dropped("task", "the model does not take it")
    dimensions = {} if request.dimensions is None else {"dimensions": request.dimensions}
    return {"inputText": texts[0], **dimensions}


def _cohere(
    request: EmbeddingRequest, texts: list[str], host: Host, changes: Changes
) -> dict[str, Any]:
    if len(texts) > _MOST_TEXTS:
        raise InvalidRequest(
            f"This model embeds at most {_MOST_TEXTS} texts in a call. Send fewer.", param="input"
        )
    task = request.task or _DEFAULT_TASK
    body: dict[str, Any] = {"texts": texts, "input_type": _TASKS.get(task, task)}
    if request.dimensions is not None and host.quirk("dimensions", True) is False:
        changes.dropped("dimensions", "the model does not take it")
    elif request.dimensions is not None:
        body["output_dimension"] = request.dimensions
    return body


def parse(reply: WireReply, host: Host) -> EmbeddingResponse:
    """Raises ServerError for an answer without vectors."""
    body = reply_dict(reply)
    found = body.get("embeddings")
    if isinstance(found, dict):  # by the type of its numbers
        found = found.get("float")
    vectors = number_rows(as_list(found) or [body.get("embedding")])
    if not vectors:
        raise ServerError(
            "The provider's answer holds no vectors. Try again, or use another model.",
            detail=reply.body[:500].decode("utf-8", "replace"),
            upstream_status=reply.status,
        )
    header = reply.headers.get(_TOKENS, "")
    tokens = int(header) if header.isdecimal() else as_int(body.get("inputTextTokenCount"))
    return EmbeddingResponse(
        host.model.id if host.model else "",
        vectors,
        Usage(tokens) if tokens else None,
    )

"""The objects of a Gemini answer, whole ones and the pieces that streams share with them."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from aiproxy.protocols.base import Context, JsonObject, ModelEntry, without_none
from aiproxy.protocols.gemini_contents import NAME
from aiproxy.protocols.sealing import seal
from providers.chat import (
    ChatResponse,
    Choice,
    Citation,
    File,
    FinishReason,
    Image,
    Opaque,
    Part,
    Reasoning,
    Refusal,
    State,
    Text,
    ToolCall,
)
from providers.embedding import EmbeddingResponse
from providers.errors import CallError
from providers.usage import Usage

FINISH: Mapping[FinishReason, str] = {
    "stop": "STOP",
    "length": "MAX_TOKENS",
    "tool_calls": "STOP",
    "content_filter": "SAFETY",
    "refusal": "STOP",
    "pause": "STOP",
    "error": "OTHER",
    "unknown": "FINISH_REASON_UNSPECIFIED",
}
OWN_WORDS = frozenset(
    {
        "RECITATION", "LANGUAGE", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "MALFORMED_FUNCTION_CALL",
        "IMAGE_SAFETY", "UNEXPECTED_TOOL_CALL", "NO_IMAGE", "TOO_MANY_TOOL_CALLS", "OTHER",
    }
)  # fmt: skip
"""Finer words of this format's own providers, which say more than ours."""

STATUSES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    402: "RESOURCE_EXHAUSTED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    405: "UNIMPLEMENTED",
    408: "DEADLINE_EXCEEDED",
    409: "FAILED_PRECONDITION",
    413: "INVALID_ARGUMENT",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
"""Google's word for a status; all others are ``INTERNAL``."""


def answer(response: ChatResponse, context: Context) -> JsonObject:
    return {
        "candidates": [_candidate(choice, index) for index, choice in enumerate(response.choices)],
        "usageMetadata": usage_object(response.usage or Usage()),
        **tail(context),
    }


def tail(context: Context) -> JsonObject:
    """What ends every chunk."""
    return {"modelVersion": context.model, "responseId": context.id}


def _candidate(choice: Choice, index: int) -> JsonObject:
    made = [piece for part in choice.parts for piece in parts(part)]
    texts = [part for part in choice.parts if isinstance(part, Text)]
    grounding = Grounding()
    for number, text in enumerate(texts):
        for citation in text.citations:
            grounding.add(number, text.text, citation)
    return {
        "content": {"parts": made, "role": "model"},
        "finishReason": finish_reason(choice.finish, choice.raw_finish),
        "index": index,
        **grounding.metadata(),
    }


def finish_reason(finish: FinishReason, raw: str | None) -> str:
    return raw if raw in OWN_WORDS else FINISH[finish]


def parts(part: Part) -> list[JsonObject]:
    """The part in Google's words; none for what only another format understands."""
    match part:
        case Text():
            return [{**beside(part.state), "text": part.text}]
        case Refusal():
            return [{"text": part.text}]
        case Reasoning():
            return [{**beside(part.state), "text": part.text, "thought": True}]
        case ToolCall():
            return [{**beside(part.state), "functionCall": call(part)}]
        case Image() | File() if part.data:
            media = {"mimeType": part.media_type or "image/png", "data": part.data}
            return [{**beside(part.state), "inlineData": media}]
        case Image() | File() if part.url:
            media = without_none(fileUri=part.url, mimeType=part.media_type)
            return [{**beside(part.state), "fileData": media}]
        case Opaque() if isinstance(part.state.get(NAME), dict):
            return [dict(part.state[NAME])]
        case _:
            return []


def beside(state: State) -> JsonObject:
    """What goes on the part itself. Another provider's state takes the place of a signature."""
    own = state.get(NAME)
    if isinstance(own, dict):
        return dict(own)
    if not state:
        return {}
    return {"thoughtSignature": base64.b64encode(seal(state).encode()).decode()}


def call(part: ToolCall) -> JsonObject:
    """A call. Arguments that were cut off are empty; the finish reason says that they were."""
    try:
        arguments = msgspec.json.decode(part.arguments or "{}")
    except (ValueError, RecursionError):
        arguments = {}
    known = {"id": part.id} if part.id else {}
    return {**known, "name": part.name, "args": arguments if isinstance(arguments, dict) else {}}


class Grounding:
    """Collects citations as Google Search's grounding shows them; places count bytes of UTF-8."""

    def __init__(self) -> None:
        self._chunks: list[JsonObject] = []
        self._supports: list[JsonObject] = []

    def add(self, part: int, text: str, citation: Citation) -> None:
        if not citation.url:
            return
        chunk = {"web": without_none(uri=citation.url, title=citation.title)}
        if chunk not in self._chunks:
            self._chunks.append(chunk)
        if citation.start is None or citation.end is None:
            return
        segment = {
            "partIndex": part,
            "startIndex": len(text[: citation.start].encode()),
            "endIndex": len(text[: citation.end].encode()),
            "text": text[citation.start : citation.end],
        }
        indices = [self._chunks.index(chunk)]
        self._supports.append({"segment": segment, "groundingChunkIndices": indices})

    def metadata(self) -> JsonObject:
        if not self._chunks:
            return {}
        supports = {"groundingSupports": self._supports} if self._supports else {}
        return {"groundingMetadata": {"groundingChunks": self._chunks, **supports}}


def usage_object(usage: Usage) -> JsonObject:
    """Thoughts stand beside the answer's tokens here, not inside."""
    thoughts = usage.reasoning_tokens
    more = {"cachedContentTokenCount": usage.cached_tokens, "thoughtsTokenCount": thoughts}
    return {
        "promptTokenCount": usage.input_tokens,
        "candidatesTokenCount": max(0, usage.output_tokens - thoughts),
        "totalTokenCount": usage.total_tokens,
        **{name: count for name, count in more.items() if count},
    }


def embedding(response: EmbeddingResponse) -> JsonObject:
    """The answer of ``:embedContent``."""
    return {"embedding": {"values": list(response.vectors[0])}, **_counted(response.usage)}


def embeddings(response: EmbeddingResponse) -> JsonObject:
    """The answer of ``:batchEmbedContents``."""
    vectors: Iterable[Sequence[float]] = response.vectors
    return {
        "embeddings": [{"values": list(vector)} for vector in vectors],
        **_counted(response.usage),
    }


def _counted(usage: Usage | None) -> JsonObject:
    return {"usageMetadata": {"promptTokenCount": usage.input_tokens}} if usage else {}


def model(entry: ModelEntry) -> JsonObject:
    methods = ["generateContent", "streamGenerateContent", "countTokens"]
    limits = {"inputTokenLimit": entry.context, "outputTokenLimit": entry.max_output}
    return {
        "name": f"models/{entry.id}",
        "version": "001",
        "displayName": entry.id.partition("/")[2] or entry.id,
        "description": f"Served by {entry.provider}.",
        **{name: limit for name, limit in limits.items() if limit},
        "supportedGenerationMethods": (
            ["embedContent", "batchEmbedContents"] if entry.embeds else methods
        ),
    }


def error_body(error: CallError, request_id: str) -> JsonObject:
    """Google's error object, with our own code as its reason, and what our vocabulary adds."""
    metadata = without_none(
        code=error.code, provider=error.provider, requestId=request_id, param=error.param
    )
    details: list[JsonObject] = [
        {
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "reason": error.code.upper(),
            "domain": "aim",
            "metadata": metadata,
        }
    ]
    if error.retry_after is not None:
        details.append(
            {
                "@type": "type.googleapis.com/google.rpc.RetryInfo",
                "retryDelay": f"{error.retry_after:g}s",
            }
        )
    return {
        "error": {
            "code": error.status,
            "message": error.message,
            "status": STATUSES.get(error.status, "INTERNAL"),
            "details": details,
            "provider": error.provider,
            "retryable": error.retryable,
            "retryAfter": error.retry_after,
            "requestId": request_id,
        }
    }

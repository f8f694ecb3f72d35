"""The objects of an OpenAI answer, whole ones and the pieces that streams share with them."""

from __future__ import annotations

import base64
import sys
from array import array
from collections.abc import Mapping, Sequence
from typing import Any

from aiproxy.protocols.base import Context, JsonObject, prefixed, without_none
from aiproxy.protocols.openai_messages import OURS
from providers.chat import (
    ChatResponse,
    Choice,
    Citation,
    FinishReason,
    Image,
    Opaque,
    Reasoning,
    Refusal,
    State,
    Text,
    ToolCall,
)
from providers.embedding import EmbeddingResponse
from providers.errors import (
    AuthFailed,
    CallError,
    CallTimeout,
    ContentBlocked,
    InvalidRequest,
    NotFound,
    PermissionDenied,
    QuotaExceeded,
    RateLimited,
)
from providers.usage import Usage

FINISH: Mapping[FinishReason, str] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "content_filter": "content_filter",
    "refusal": "content_filter",
    "pause": "stop",
    "error": "stop",
    "unknown": "stop",
}
"""Our finish reasons in the few words that clients of this dialect accept."""

ERROR_TYPES: Mapping[type[CallError], str] = {
    PermissionDenied: "permission_error",
    AuthFailed: "authentication_error",
    RateLimited: "rate_limit_error",
    QuotaExceeded: "insufficient_quota",
    NotFound: "not_found_error",
    InvalidRequest: "invalid_request_error",
    ContentBlocked: "invalid_request_error",
    CallTimeout: "timeout_error",
}
"""Most special class first; all others are ``server_error``."""


def completion(response: ChatResponse, context: Context) -> JsonObject:
    return {
        "id": prefixed("chatcmpl-", context.id),
        "object": "chat.completion",
        "created": context.created,
        "model": context.model,
        "choices": [_choice(choice, index) for index, choice in enumerate(response.choices)],
        "usage": None if response.usage is None else usage_object(response.usage),
        "system_fingerprint": None,
    }


def _choice(choice: Choice, index: int) -> JsonObject:
    return {
        "index": index,
        "message": message(choice),
        "logprobs": None,
        "finish_reason": FINISH[choice.finish],
    }


def message(choice: Choice) -> JsonObject:
    """The assistant's message. ``content`` is null only beside tool calls or a refusal."""
    thoughts = [part for part in choice.parts if isinstance(part, Reasoning)]
    refusals = "".join(part.text for part in choice.parts if isinstance(part, Refusal))
    calls = [tool_call(call) for call in choice.tool_calls]
    images = [part for part in choice.parts if isinstance(part, Image)]
    return {
        "role": "assistant",
        "content": choice.text or (None if calls or refusals else ""),
        "refusal": refusals or None,
        "annotations": _annotations(choice),
        **({"tool_calls": calls} if calls else {}),
        **_reasoning(thoughts),
        **({"images": [picture(image, i) for i, image in enumerate(images)]} if images else {}),
        **_sound(choice),
    }


def _sound(choice: Choice) -> JsonObject:
    """A spoken answer, which only providers of this format give."""
    kept = (own(p.state) for p in choice.parts if isinstance(p, Opaque) and p.kind == "audio")
    sound = next(filter(None, kept), None)
    return {} if sound is None else {"audio": dict(sound)}


def _reasoning(thoughts: Sequence[Reasoning]) -> JsonObject:
    text = "".join(part.text for part in thoughts)
    found: JsonObject = {"reasoning_content": text} if text else {}
    if any(part.state for part in thoughts):
        details = [item for part in thoughts for item in detail(part.text, part.state)]
        found["reasoning_details"] = [{"index": i, **item} for i, item in enumerate(details)]
    return found


def detail(text: str, state: Mapping[str, Any]) -> list[JsonObject]:
    """A thought with its opaque state, in OpenRouter's form, to be sent back as it is."""
    details = own(state).get("reasoning_details")
    if isinstance(details, list):
        return [dict(item) for item in details]
    sealed = {"state": dict(state)} if state else {}
    return [{"type": "reasoning.text", "text": text, "format": OURS, **sealed}]


def tool_call(call: ToolCall) -> JsonObject:
    """A call of a function, or of a custom tool, whose input is no JSON."""
    if own(call.state).get("type") == "custom":
        custom = {"name": call.name, "input": call.arguments}
        return {"id": call.id, "type": "custom", "custom": custom}
    return {
        "id": call.id,
        "type": "function",
        "function": {"name": call.name, "arguments": call.arguments},
        **_extra_content(call.state),
    }


def own(state: Mapping[str, Any]) -> Mapping[str, Any]:
    """What providers of this format keep in ``state``."""
    value = state.get("openai")
    return value if isinstance(value, Mapping) else {}


def _extra_content(state: State) -> JsonObject:
    return {"extra_content": dict(state)} if state else {}


def _annotations(choice: Choice) -> list[JsonObject]:
    found: list[JsonObject] = []
    start = 0
    for part in choice.parts:
        if isinstance(part, Opaque) and part.kind == "annotation" and own(part.state):
            found.append(dict(own(part.state)))
        if isinstance(part, Text):
            notes = (annotation(citation, start) for citation in part.citations)
            found += [note for note in notes if note is not None]
            start += len(part.text)
    return found


def annotation(citation: Citation, start: int) -> JsonObject | None:
    """A citation counted from the start of the whole text; None where it has no address to show."""
    if not citation.url:
        return None
    return {
        "type": "url_citation",
        "url_citation": {
            "url": citation.url,
            "title": citation.title or "",
            "start_index": start + (citation.start or 0),
            "end_index": start + (citation.end or 0),
            **without_none(content=citation.quote),
        },
    }


def picture(image: Image, index: int) -> JsonObject:
    """A generated image the way OpenRouter carries it in this dialect."""
    url = image.url or f"data:{image.media_type or 'image/png'};base64,{image.data or ''}"
    return {"type": "image_url", "index": index, "image_url": {"url": url}}


def usage_object(usage: Usage) -> JsonObject:
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.total_tokens,
        "prompt_tokens_details": {
            "cached_tokens": usage.cached_tokens,
            "cache_write_tokens": usage.cache_write_tokens,
        },
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
    }


def embeddings(response: EmbeddingResponse, context: Context) -> JsonObject:
    used = response.usage or Usage()
    form = packed if context.style.base64 else list
    return {
        "object": "list",
        "data": [
            {"object": "embedding", "index": index, "embedding": form(vector)}
            for index, vector in enumerate(response.vectors)
        ],
        "model": context.model,
        "usage": {"prompt_tokens": used.input_tokens, "total_tokens": used.total_tokens},
    }


def packed(vector: Sequence[float]) -> str:
    """Base64 of little-endian 32-bit floats; the official SDKs ask for it unless told otherwise."""
    floats = array("f", vector)
    if sys.byteorder == "big":
        floats.byteswap()
    return base64.b64encode(floats).decode()


def error_body(error: CallError, request_id: str) -> JsonObject:
    """OpenAI's error object, its ``code`` one of our own, and what our vocabulary adds."""
    kind = next(
        (name for cls, name in ERROR_TYPES.items() if isinstance(error, cls)), "server_error"
    )
    return {
        "error": {
            "message": error.message,
            "type": kind,
            "param": error.param,
            "code": error.code,
            "provider": error.provider,
            "retryable": error.retryable,
            "retryAfter": error.retry_after,
            "requestId": request_id,
        }
    }

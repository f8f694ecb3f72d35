"""The objects of an Anthropic answer, whole ones and the pieces that streams share with them."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from aiproxy.protocols.anthropic_messages import NAME
from aiproxy.protocols.base import Context, JsonObject, prefixed, without_none
from aiproxy.protocols.sealing import seal
from providers.chat import (
    ChatResponse,
    Choice,
    Citation,
    FinishReason,
    Json,
    Opaque,
    Part,
    Reasoning,
    Refusal,
    State,
    Text,
    ToolCall,
)
from providers.errors import (
    AuthFailed,
    CallError,
    CallTimeout,
    ContentBlocked,
    InvalidRequest,
    NotFound,
    Overloaded,
    PermissionDenied,
    QuotaExceeded,
    RateLimited,
)
from providers.usage import Usage

STOP: Mapping[FinishReason, str] = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "content_filter": "refusal",
    "refusal": "refusal",
    "pause": "pause_turn",
    "error": "end_turn",
    "unknown": "end_turn",
}
OWN_WORDS = frozenset({"stop_sequence", "model_context_window_exceeded", "compaction"})
"""Finer words of this format's own providers, which say more than ours."""

ERROR_TYPES: Mapping[type[CallError], str] = {
    PermissionDenied: "permission_error",
    AuthFailed: "authentication_error",
    RateLimited: "rate_limit_error",
    QuotaExceeded: "billing_error",
    NotFound: "not_found_error",
    InvalidRequest: "invalid_request_error",
    ContentBlocked: "invalid_request_error",
    Overloaded: "overloaded_error",
    CallTimeout: "timeout_error",
}
"""Most special class first; all others are ``api_error``."""


def message(response: ChatResponse, context: Context) -> JsonObject:
    """A whole message: the first choice, as this format has no others."""
    choice = response.choices[0] if response.choices else Choice((), "unknown")
    return {
        **head(context),
        "content": [block for part in choice.parts for block in blocks(part)],
        "stop_reason": stop_reason(choice.finish, choice.raw_finish),
        "stop_sequence": None,
        "usage": usage_object(response.usage or Usage()),
    }


def head(context: Context) -> JsonObject:
    return {
        "id": prefixed("msg_", context.id),
        "type": "message",
        "role": "assistant",
        "model": context.model,
    }


def stop_reason(finish: FinishReason, raw: str | None) -> str:
    return raw if raw in OWN_WORDS else STOP[finish]


def blocks(part: Part) -> list[JsonObject]:
    """The block of a part; none for pictures and other providers' own blocks."""
    match part:
        case Text():
            notes = [note for citation in part.citations if (note := cited(citation))]
            return [block("text", part.state, text=part.text, citations=notes or None)]
        case Refusal():
            return [block("text", {}, text=part.text, citations=None)]
        case Reasoning():
            return [thought(part)]
        case ToolCall():
            arguments = arguments_object(part.arguments)
            return [block("tool_use", part.state, id=part.id, name=part.name, input=arguments)]
        case Opaque() if isinstance(part.state.get(NAME), dict):
            return [dict(part.state[NAME])]
        case _:
            return []


def block(kind: str, state: State, **members: Json) -> JsonObject:
    """A block with what Anthropic added to it, and what others did under ``state``."""
    own = state.get(NAME)
    foreign = {name: value for name, value in state.items() if name != NAME}
    return {
        **(own if isinstance(own, dict) else {}),
        "type": kind,
        **members,
        **({"state": foreign} if foreign else {}),
    }


def thought(part: Reasoning) -> JsonObject:
    if data := sealed_thought(part.state):
        return {"type": "redacted_thinking", "data": data}
    return {"type": "thinking", "thinking": part.text, "signature": signature(part.state)}


def sealed_thought(state: State) -> str:
    """The data of a thought that Anthropic gave out only sealed, or ""."""
    return _own(state, "data")


def signature(state: State) -> str:
    """Anthropic's own signature, or another provider's state in the guise of one."""
    return _own(state, "signature") or (seal(state) if state else "")


def _own(state: State, name: str) -> str:
    own = state.get(NAME)
    value = own.get(name) if isinstance(own, dict) else None
    return value if isinstance(value, str) else ""


def arguments_object(text: str) -> JsonObject:
    """The input of a call. One that was cut off is empty; the stop reason says that it was."""
    try:
        value = msgspec.json.decode(text or "{}")
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def cited(citation: Citation) -> JsonObject | None:
    """A citation as Anthropic's web search gives them; None where it has no address to show."""
    own = citation.state.get(NAME)
    if isinstance(own, dict):
        return own
    if not citation.url:
        return None
    return {
        "type": "web_search_result_location",
        "url": citation.url,
        "title": citation.title,
        "cited_text": citation.quote or "",
        "encrypted_index": "",
    }


def usage_object(usage: Usage) -> JsonObject:
    """Cached input stands beside ``input_tokens`` here, not inside."""
    cached, written = usage.cached_tokens, usage.cache_write_tokens
    return {
        "input_tokens": max(0, usage.input_tokens - cached - written),
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": cached,
        "output_tokens": usage.output_tokens,
    }


def error_body(error: CallError, request_id: str) -> JsonObject:
    """Anthropic's error object and what our vocabulary adds."""
    types = (name for cls, name in ERROR_TYPES.items() if isinstance(error, cls))
    kind = "request_too_large" if error.status == 413 else next(types, "api_error")
    return {
        "type": "error",
        "error": {
            "type": kind,
            "message": error.message,
            "code": error.code,
            "provider": error.provider,
            "retryable": error.retryable,
            "retryAfter": error.retry_after,
            **without_none(param=error.param),
        },
        "request_id": request_id,
    }

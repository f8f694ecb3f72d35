"""Converse's answers read: content blocks, citations, usage, stop reasons. Whole answers and streams share it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from providers.adapters.base import Host
from providers.adapters.bedrock_messages import NAME
from providers.adapters.reading import arguments_text, as_dict, as_int, as_list, as_str
from providers.chat import (
    NO_STATE,
    ChatResponse,
    Choice,
    Citation,
    FinishReason,
    Image,
    Opaque,
    Part,
    Reasoning,
    State,
    Text,
    ToolCall,
)
from providers.usage import Usage

FINISH: Mapping[str, FinishReason] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "guardrail_intervened": "content_filter",
    "content_filtered": "content_filter",
    "refusal": "refusal",
    "pause_turn": "pause",
    "malformed_model_output": "error",
    "malformed_tool_use": "error",
}

_COUNTS = ("inputTokens", "outputTokens", "cacheReadInputTokens", "cacheWriteInputTokens")
_REQUEST_ID = "x-amzn-requestid"


def response(body: Mapping[str, Any], headers: Mapping[str, str], host: Host) -> ChatResponse:
    """A whole answer. It does not name its model, so that is the one that was asked, where it is known."""
    message = as_dict(as_dict(body.get("output")).get("message"))
    parts = tuple(p for block in as_list(message.get("content")) for p in part_of(as_dict(block)))
    raw = as_str(body.get("stopReason"))
    return ChatResponse(
        headers.get(_REQUEST_ID, ""),
        host.model.id if host.model else "",
        (Choice(parts, finish(raw), raw or None),),
        usage(body.get("usage")),
    )


def part_of(block: dict[str, Any]) -> tuple[Part, ...]:
    """The part a content block stands for; empty text, which could not be sent back, is none."""
    kind = next(iter(block), "")
    value = as_dict(block.get(kind))
    match kind:
        case "text":
            text = as_str(block.get("text"))
            return (Text(text),) if text else ()
        case "citationsContent":
            text = "".join(as_str(as_dict(c).get("text")) for c in as_list(value.get("content")))
            notes = tuple(map(citation, map(as_dict, as_list(value.get("citations")))))
            return (Text(text, notes),) if text or notes else ()
        case "reasoningContent":
            told = as_dict(value.get("reasoningText"))
            return (Reasoning(as_str(told.get("text")), sealed({**value, **told})),)
        case "toolUse" if is_call(value):
            arguments = arguments_text(value.get("input"))
            return (ToolCall(as_str(value.get("toolUseId")), as_str(value.get("name")), arguments),)
        case "image":
            data = as_str(as_dict(value.get("source")).get("bytes"))
            return (Image(f"image/{as_str(value.get('format')) or 'png'}", data),) if data else ()
        case "":
            return ()
        case _:
            return (Opaque(as_str(value.get("type")) or kind, {NAME: block}),)


def is_call(tool_use: Mapping[str, Any]) -> bool:
    """Whether the caller is to run the tool; those of the server come with their result."""
    return as_str(tool_use.get("type")) in ("", "tool_use")


def sealed(value: Mapping[str, Any]) -> State:
    """What a thought must come back with; of a stream's delta, its piece of that."""
    said = {"signature": value.get("signature"), "redacted": value.get("redactedContent")}
    own = {name: text for name, text in said.items() if as_str(text)}
    return {NAME: own} if own else NO_STATE


def citation(raw: dict[str, Any]) -> Citation:
    """Where a statement comes from. The places count in the source, not in the answer: kept in state."""
    web = as_dict(as_dict(raw.get("location")).get("web"))
    quote = "".join(as_str(as_dict(c).get("text")) for c in as_list(raw.get("sourceContent")))
    title = as_str(raw.get("title")) or as_str(web.get("domain"))
    return Citation(as_str(web.get("url")) or None, title or None, quote or None, state={NAME: raw})


def finish(raw: str) -> FinishReason:
    return FINISH.get(raw, "unknown")


def usage(value: object) -> Usage | None:
    """None when nothing is counted. Cached input stands beside ``inputTokens`` here, not inside."""
    counts = as_dict(value)
    if not any(isinstance(counts.get(name), int) for name in _COUNTS):
        return None
    given, written_out, read, written = (as_int(counts.get(name)) for name in _COUNTS)
    kept = [as_dict(item) for item in as_list(counts.get("cacheDetails"))]
    return Usage(
        input_tokens=given + read + written,
        output_tokens=written_out,
        cached_tokens=read,
        cache_write_tokens=written,
        cache_write_1h_tokens=sum(
            as_int(i.get("inputTokens")) for i in kept if i.get("ttl") == "1h"
        ),
    )

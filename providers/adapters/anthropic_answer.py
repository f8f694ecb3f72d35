"""Anthropic's answers read: content blocks, citations, usage, stop reasons. Whole answers and streams share it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from providers.adapters.reading import arguments_text, as_dict, as_int, as_list, as_str
from providers.chat import (
    NO_STATE,
    ChatResponse,
    Choice,
    Citation,
    FinishReason,
    Opaque,
    Part,
    Reasoning,
    State,
    Text,
    ToolCall,
)
from providers.usage import Usage

NAME = "anthropic"

FINISH: Mapping[str, FinishReason] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "pause_turn": "pause",
    "compaction": "pause",
    "refusal": "refusal",
}

_COUNTS = (
    "input_tokens",
    "output_tokens",
    "cache_read_input_tokens",
    "cache_creation_input_tokens",
)


def response(body: Mapping[str, Any]) -> ChatResponse:
    """A whole message."""
    parts = tuple(
        part for block in as_list(body.get("content")) for part in part_of(as_dict(block))
    )
    raw = as_str(body.get("stop_reason"))
    choice = Choice(parts, finish(raw), raw or None)
    return ChatResponse(
        as_str(body.get("id")), as_str(body.get("model")), (choice,), usage(body.get("usage"))
    )


def part_of(block: dict[str, Any]) -> tuple[Part, ...]:
    """The part a content block stands for; empty text, which could not be sent back, is none."""
    match block.get("type"):
        case "text":
            cited = tuple(map(citation, map(as_dict, as_list(block.get("citations")))))
            text = as_str(block.get("text"))
            return (Text(text, cited),) if text or cited else ()
        case "thinking":
            return (Reasoning(as_str(block.get("thinking")), signature(block.get("signature"))),)
        case "redacted_thinking":
            return (Reasoning("", redacted(block)),)
        case "tool_use":
            arguments = arguments_text(block.get("input"))
            return (
                ToolCall(
                    as_str(block.get("id")), as_str(block.get("name")), arguments, call_state(block)
                ),
            )
        case None:
            return ()
        case kind:
            return (Opaque(str(kind), {NAME: block}),)


def citation(raw: dict[str, Any]) -> Citation:
    """Where a statement comes from. Anthropic's indexes count in the source, not in the answer: kept in state."""
    url = as_str(raw.get("url")) or as_str(raw.get("source"))
    title = as_str(raw.get("title")) or as_str(raw.get("document_title"))
    return Citation(
        url or None, title or None, as_str(raw.get("cited_text")) or None, state={NAME: raw}
    )


def signature(value: object) -> State:
    return {NAME: {"signature": value}} if as_str(value) else NO_STATE


def redacted(block: Mapping[str, Any]) -> State:
    return {NAME: {"data": as_str(block.get("data"))}}


def call_state(block: Mapping[str, Any]) -> State:
    """Whatever else a ``tool_use`` block carries, for example who called the tool."""
    rest = {
        key: value for key, value in block.items() if key not in ("type", "id", "name", "input")
    }
    return {NAME: rest} if rest else NO_STATE


def finish(raw: str) -> FinishReason:
    return FINISH.get(raw, "unknown")


def usage(value: object) -> Usage | None:
    """None when nothing is counted. Cached input stands beside ``input_tokens`` here, not inside."""
    counts = as_dict(value)
    if not any(isinstance(counts.get(name), int) for name in _COUNTS):
        return None
    read = as_int(counts.get("cache_read_input_tokens"))
    written = as_int(counts.get("cache_creation_input_tokens"))
    return Usage(
        input_tokens=as_int(counts.get("input_tokens")) + read + written,
        output_tokens=as_int(counts.get("output_tokens")),
        cached_tokens=read,
        cache_write_tokens=written,
        cache_write_1h_tokens=as_int(
            as_dict(counts.get("cache_creation")).get("ephemeral_1h_input_tokens")
        ),
        reasoning_tokens=as_int(
            as_dict(counts.get("output_tokens_details")).get("thinking_tokens")
        ),
    )

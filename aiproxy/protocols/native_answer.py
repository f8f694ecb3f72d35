"""The answers of our own dialect: ``/api/ai/*``."""

from __future__ import annotations

from aiproxy.protocols.base import Context, JsonObject, prefixed
from aiproxy.protocols.native_messages import render_part, render_tool_call
from providers.chat import ChatResponse, Choice
from providers.embedding import EmbeddingResponse
from providers.usage import Usage


def chat(response: ChatResponse, context: Context) -> JsonObject:
    """``content`` and ``toolCalls`` are those of the first choice; ``choices`` holds everything."""
    return {
        **identity(context),
        "content": response.text,
        "finishReason": response.finish,
        "toolCalls": [render_tool_call(call) for call in response.tool_calls],
        "choices": [_choice(choice, index) for index, choice in enumerate(response.choices)],
        **bill(response.usage, context),
    }


def identity(context: Context) -> JsonObject:
    """Who answered."""
    return {
        "id": prefixed("chat_", context.id),
        "model": context.model,
        "provider": context.provider,
        "integrationId": context.integration_id,
    }


def bill(usage: Usage | None, context: Context) -> JsonObject:
    """What it took, the caller's own metadata, and what the provider could not be told."""
    metadata = context.style.metadata
    shown: JsonObject = {
        "usage": None if usage is None else usage_object(usage),
        "cost": _cost(context),
        "metadata": {} if metadata is None else dict(metadata),
    }
    if context.changes:
        shown["changes"] = [str(change) for change in context.changes]
    return shown


def _cost(context: Context) -> JsonObject | None:
    """Exact decimal text; None when nobody knows the price, which is not the same as free."""
    if context.cost is None:
        return None
    return {"amount": format(context.cost, "f"), "currency": "USD"}


def usage_object(usage: Usage) -> JsonObject:
    return {
        "promptTokens": usage.input_tokens,
        "completionTokens": usage.output_tokens,
        "totalTokens": usage.total_tokens,
        "cachedTokens": usage.cached_tokens,
        "cacheWriteTokens": usage.cache_write_tokens,
        "reasoningTokens": usage.reasoning_tokens,
    }


def _choice(choice: Choice, index: int) -> JsonObject:
    return {
        "index": index,
        "message": {
            "role": "assistant",
            "content": [render_part(part) for part in choice.parts],
        },
        "finishReason": choice.finish,
    }


def embeddings(response: EmbeddingResponse, context: Context) -> JsonObject:
    return {
        **identity(context),
        "id": prefixed("emb_", context.id),
        "embeddings": [list(vector) for vector in response.vectors],
        "dimensions": len(response.vectors[0]) if response.vectors else 0,
        **bill(response.usage, context),
    }

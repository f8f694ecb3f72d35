from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from aiproxy.protocols.base import Style
from aiproxy.protocols.native import PROTOCOL
from providers.chat import ChatResponse, Choice, Reasoning, Text, ToolCall
from providers.embedding import EmbeddingResponse
from providers.errors import RateLimited
from providers.usage import Usage
from providers.wire import Change

USAGE = Usage(10, 5, 4, 1, 2)
SHOWN_USAGE = {
    "promptTokens": 10,
    "completionTokens": 5,
    "totalTokens": 15,
    "cachedTokens": 4,
    "cacheWriteTokens": 1,
    "reasoningTokens": 2,
}


def test_whole_answer(facts):
    parts = (Reasoning("hm"), Text("hi"), ToolCall("c", "f", '{"a":1}'))
    response = ChatResponse("p", "m", (Choice(parts, "tool_calls"),), USAGE)
    shown = replace(facts, cost=Decimal("0.0000125"), style=Style(metadata={"job": 7}))
    assert PROTOCOL.render_response(response, shown) == {
        "id": "chat_abc",
        "model": "sandbox/sandbox",
        "provider": "sandbox",
        "integrationId": "0191",
        "content": "hi",
        "finishReason": "tool_calls",
        "toolCalls": [{"id": "c", "name": "f", "arguments": '{"a":1}'}],
        "choices": [
            {
                "index": 0,
                "message": {
                    "role": "assistant",
                    "content": [
                        {"type": "reasoning", "text": "hm"},
                        {"type": "text", "text": "hi"},
                        {"type": "toolCall", "id": "c", "name": "f", "arguments": '{"a":1}'},
                    ],
                },
                "finishReason": "tool_calls",
            }
        ],
        "usage": SHOWN_USAGE,
        "cost": {"amount": "0.0000125", "currency": "USD"},
        "metadata": {"job": 7},
    }


def test_unknown_price_and_usage_are_null_not_zero(facts):
    body = PROTOCOL.render_response(ChatResponse("p", "m", (Choice((), "stop"),)), facts)
    assert (body["usage"], body["cost"], body["metadata"]) == (None, None, {})


def test_free_is_not_unknown(facts):
    free = replace(facts, cost=Decimal(0))
    body = PROTOCOL.render_response(ChatResponse("p", "m", (Choice((), "stop"),)), free)
    assert body["cost"] == {"amount": "0", "currency": "USD"}


def test_small_cost_is_written_out(facts):
    tiny = replace(facts, cost=Decimal("1.25E-9"))
    body = PROTOCOL.render_response(ChatResponse("p", "m", (Choice((), "stop"),)), tiny)
    assert body["cost"]["amount"] == "0.00000000125"


def test_changes_are_told(facts):
    changed = replace(facts, changes=(Change("dropped", "seed", "not known there"),))
    body = PROTOCOL.render_response(ChatResponse("p", "m", (Choice((), "stop"),)), changed)
    assert body["changes"] == ["dropped seed: not known there"]


def test_message_of_an_answer_may_be_sent_back_as_it_is(facts):
    parts = (Reasoning("hm", {"anthropic": {"signature": "s"}}), ToolCall("c", "f", "{}"))
    body = PROTOCOL.render_response(ChatResponse("p", "m", (Choice(parts, "tool_calls"),)), facts)
    request = PROTOCOL.parse_request({"messages": [body["choices"][0]["message"]]})
    assert request.messages[0].parts == parts


def test_embeddings(facts):
    body = PROTOCOL.render_embedding(EmbeddingResponse("m", ((0.5, 1.0),), Usage(3)), facts)
    assert body["id"] == "emb_abc"
    assert (body["embeddings"], body["dimensions"]) == ([[0.5, 1.0]], 2)
    assert body["usage"]["promptTokens"] == 3


def test_error_object(facts):
    error = RateLimited("Slow down.", provider="openai", retry_after=2.5, param="n")
    status, body, _ = PROTOCOL.render_error(error, "req_1")
    assert status == 429
    assert body == {
        "error": {
            "code": "rate_limit",
            "message": "Slow down.",
            "provider": "openai",
            "retryable": True,
            "retryAfter": 2.5,
            "requestId": "req_1",
            "param": "n",
        }
    }

from __future__ import annotations

import base64

import pytest
from google.genai import types

from aiproxy.protocols.base import ModelEntry
from aiproxy.protocols.gemini import PROTOCOL
from aiproxy.protocols.sealing import unseal
from providers.chat import (
    ChatResponse,
    Choice,
    Citation,
    File,
    Image,
    Opaque,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
)
from providers.embedding import EmbeddingResponse
from providers.errors import Overloaded, QuotaExceeded, RateLimited
from providers.usage import Usage


def render(facts, *parts, finish="stop", raw=None, usage=None):
    answer = ChatResponse("", "m", (Choice(parts, finish, raw),), usage)
    body = PROTOCOL.render_response(answer, facts)
    types.GenerateContentResponse.model_validate(body)
    return body


def parts(facts, *said):
    return render(facts, *said)["candidates"][0]["content"]["parts"]


def test_usage_counts_thoughts_apart(facts):
    used = render(facts, Text("a"), usage=Usage(10, 7, 4, reasoning_tokens=2))["usageMetadata"]
    assert used == {
        "promptTokenCount": 10,
        "candidatesTokenCount": 5,
        "thoughtsTokenCount": 2,
        "cachedContentTokenCount": 4,
        "totalTokenCount": 17,
    }


@pytest.mark.parametrize(
    ("finish", "raw", "word"),
    [
        ("stop", None, "STOP"),
        ("tool_calls", "tool_use", "STOP"),
        ("length", None, "MAX_TOKENS"),
        ("content_filter", None, "SAFETY"),
        ("content_filter", "RECITATION", "RECITATION"),
        ("error", "MALFORMED_FUNCTION_CALL", "MALFORMED_FUNCTION_CALL"),
    ],
)
def test_finish_reason(facts, finish, raw, word):
    assert render(facts, finish=finish, raw=raw)["candidates"][0]["finishReason"] == word


def test_parts(facts):
    assert parts(
        facts,
        Reasoning("hm"),
        Text("so"),
        Refusal("no"),
        ToolCall("c", "f", '{"a":1}'),
        ToolCall("c", "f", '{"a":'),
        Image("image/png", "QUJD"),
        File("video/mp4", url="https://a.test/v"),
        Opaque("executableCode", {"gemini": {"executableCode": {"code": "1"}}}),
        Opaque("server_tool_use", {"anthropic": {}}),
    ) == [
        {"text": "hm", "thought": True},
        {"text": "so"},
        {"text": "no"},
        {"functionCall": {"id": "c", "name": "f", "args": {"a": 1}}},
        {"functionCall": {"id": "c", "name": "f", "args": {}}},
        {"inlineData": {"mimeType": "image/png", "data": "QUJD"}},
        {"fileData": {"fileUri": "https://a.test/v", "mimeType": "video/mp4"}},
        {"executableCode": {"code": "1"}},
    ]


def test_own_state_stands_on_its_part(facts):
    (part,) = parts(facts, ToolCall("c", "f", "{}", {"gemini": {"thoughtSignature": "c2VhbA=="}}))
    assert part["thoughtSignature"] == "c2VhbA=="


def test_state_of_another_format_is_a_signature(facts):
    state = {"anthropic": {"signature": "s"}}
    (part,) = parts(facts, Reasoning("hm", state))
    assert unseal(base64.b64decode(part["thoughtSignature"]).decode(), "") == state


def test_citations_count_bytes(facts):
    note = Citation("https://a.test", "A", start=3, end=8)
    body = render(facts, Text("Hé, world", (note, Citation("https://b.test"), Citation())))
    grounding = body["candidates"][0]["groundingMetadata"]
    assert [chunk["web"]["uri"] for chunk in grounding["groundingChunks"]] == [
        "https://a.test",
        "https://b.test",
    ]
    (support,) = grounding["groundingSupports"]
    assert support["segment"] == {"partIndex": 0, "startIndex": 4, "endIndex": 9, "text": " worl"}


def test_embeddings(facts):
    answer = EmbeddingResponse("m", ((0.5,), (0.25,)), Usage(3))
    assert PROTOCOL.render_embeddings(answer, facts)["embeddings"][1] == {"values": [0.25]}
    assert PROTOCOL.render_embedding(answer, facts)["embedding"] == {"values": [0.5]}


def test_models():
    chat = ModelEntry("openai/gpt", "openai", context=10, max_output=5)
    shown, embed = PROTOCOL.render_models([chat, ModelEntry("a/e", "a", embeds=True)])["models"]
    assert (shown["name"], shown["inputTokenLimit"]) == ("models/openai/gpt", 10)
    assert "embedContent" in embed["supportedGenerationMethods"]
    assert "inputTokenLimit" not in embed


@pytest.mark.parametrize(
    ("error", "code", "status"),
    [
        (RateLimited("Wait."), 429, "RESOURCE_EXHAUSTED"),
        (QuotaExceeded("Pay."), 402, "RESOURCE_EXHAUSTED"),
        (Overloaded("Busy."), 503, "UNAVAILABLE"),
    ],
)
def test_error(error, code, status):
    body = PROTOCOL.error_body(error, "req_1")["error"]
    assert (body["code"], body["status"]) == (code, status)
    assert body["details"][0]["metadata"]["requestId"] == "req_1"


def test_error_says_when_to_try_again():
    body = PROTOCOL.error_body(RateLimited("Wait.", retry_after=2.5), "req_1")["error"]
    assert body["details"][1]["retryDelay"] == "2.5s"

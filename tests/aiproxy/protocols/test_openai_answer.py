from __future__ import annotations

import struct
from base64 import b64decode
from dataclasses import replace

import pytest
from openai.types import CreateEmbeddingResponse, Model
from openai.types.chat import ChatCompletion

from aiproxy.protocols.base import ModelEntry, Style
from aiproxy.protocols.openai import PROTOCOL
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
from providers.errors import (
    AuthFailed,
    CallTimeout,
    Cancelled,
    ContentBlocked,
    ContextTooLong,
    InvalidRequest,
    NetworkError,
    NotFound,
    Overloaded,
    PermissionDenied,
    QuotaExceeded,
    RateLimited,
)
from providers.usage import Usage


@pytest.fixture
def rendered(facts):
    """The object, after OpenAI's own types have accepted it."""

    def render(*choices: Choice, usage: Usage | None = None) -> dict:
        body = PROTOCOL.render_response(ChatResponse("p", "m", choices, usage), facts)
        ChatCompletion.model_validate(body, strict=True)
        return body

    return render


@pytest.fixture
def message(rendered):
    return lambda *parts: rendered(Choice(parts, "stop"))["choices"][0]["message"]


def test_plain_answer(rendered):
    usage = Usage(10, 5, cached_tokens=4, cache_write_tokens=1, reasoning_tokens=2)
    assert rendered(Choice((Text("hi"),), "stop"), usage=usage) == {
        "id": "chatcmpl-abc",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": "sandbox/sandbox",
        "choices": [
            {
                "index": 0,
                "message": {
                    "role": "assistant",
                    "content": "hi",
                    "refusal": None,
                    "annotations": [],
                },
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": {
            "prompt_tokens": 10,
            "completion_tokens": 5,
            "total_tokens": 15,
            "prompt_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 1},
            "completion_tokens_details": {"reasoning_tokens": 2},
        },
        "system_fingerprint": None,
    }


def test_unknown_usage_is_null(rendered):
    assert rendered(Choice((Text("hi"),), "stop"))["usage"] is None


def test_several_choices_are_numbered(rendered):
    body = rendered(Choice((Text("a"),), "stop"), Choice((Text("b"),), "length"))
    assert [(c["index"], c["finish_reason"]) for c in body["choices"]] == [
        (0, "stop"),
        (1, "length"),
    ]


@pytest.mark.parametrize(
    ("finish", "word"),
    [
        ("stop", "stop"),
        ("length", "length"),
        ("tool_calls", "tool_calls"),
        ("content_filter", "content_filter"),
        ("refusal", "content_filter"),
        ("pause", "stop"),
        ("error", "stop"),
        ("unknown", "stop"),
    ],
)
def test_finish_reason_is_one_that_clients_know(rendered, finish, word):
    assert rendered(Choice((Text(""),), finish))["choices"][0]["finish_reason"] == word


def test_tool_calls(message):
    shown = message(ToolCall("c1", "f", '{"a":1}', {"gemini": {"thoughtSignature": "s"}}))
    assert shown["content"] is None
    assert shown["tool_calls"] == [
        {
            "id": "c1",
            "type": "function",
            "function": {"name": "f", "arguments": '{"a":1}'},
            "extra_content": {"gemini": {"thoughtSignature": "s"}},
        }
    ]


def test_custom_tool_call(message):
    shown = message(ToolCall("c1", "sql", "SELECT 1", {"openai": {"type": "custom"}}))
    assert shown["tool_calls"] == [
        {"id": "c1", "type": "custom", "custom": {"name": "sql", "input": "SELECT 1"}}
    ]


def test_refusal(message):
    shown = message(Refusal("I cannot."))
    assert (shown["content"], shown["refusal"]) == (None, "I cannot.")


def test_empty_answer_has_empty_content(message):
    assert message()["content"] == ""


def test_thoughts_without_state_are_plain_text(message):
    shown = message(Reasoning("a"), Reasoning("b"), Text("c"))
    assert shown["reasoning_content"] == "ab"
    assert "reasoning_details" not in shown


def test_thoughts_with_state_have_details(message):
    state = {"anthropic": {"signature": "s"}}
    shown = message(Reasoning("a"), Reasoning("b", state))
    assert shown["reasoning_details"] == [
        {"index": 0, "type": "reasoning.text", "text": "a", "format": "aim-v1"},
        {"index": 1, "type": "reasoning.text", "text": "b", "format": "aim-v1", "state": state},
    ]


def test_own_details_go_through_as_they_came(message):
    details = [{"type": "reasoning.encrypted", "data": "x", "index": 7}]
    shown = message(Reasoning("", {"openai": {"reasoning_details": details}}))
    assert shown["reasoning_details"] == details
    assert "reasoning_content" not in shown


def test_citations_count_from_the_start_of_the_whole_text(message):
    cited = Citation("https://a.test", "A", "quoted", 1, 3)
    shown = message(Text("1234"), Text("567", (cited, Citation(title="no address"))))
    assert shown["annotations"] == [
        {
            "type": "url_citation",
            "url_citation": {
                "url": "https://a.test",
                "title": "A",
                "start_index": 5,
                "end_index": 7,
                "content": "quoted",
            },
        }
    ]


def test_generated_pictures(message):
    shown = message(Image("image/png", "QUJD"), Image(url="https://a.test/x"))
    assert [item["image_url"]["url"] for item in shown["images"]] == [
        "data:image/png;base64,QUJD",
        "https://a.test/x",
    ]


def test_spoken_answer_is_put_back(message):
    sound = {"id": "a1", "data": "QUJD", "expires_at": 1, "transcript": "hi"}
    assert message(Opaque("audio", {"openai": sound}))["audio"] == sound


def test_other_formats_blocks_and_files_are_left_out(message):
    shown = message(Text("a"), Opaque("other", {"anthropic": {}}), File("x/y", "QQ=="))
    assert shown == {"role": "assistant", "content": "a", "refusal": None, "annotations": []}


def test_annotation_of_this_format_is_put_back(facts):
    note = {"type": "file_citation", "file_id": "f"}
    choice = Choice((Text("a"), Opaque("annotation", {"openai": note})), "stop")
    body = PROTOCOL.render_response(ChatResponse("p", "m", (choice,)), facts)
    assert body["choices"][0]["message"]["annotations"] == [note]


def test_embeddings_as_numbers(facts):
    response = EmbeddingResponse("m", ((0.5, 1.0), (0.25, 0.0)), Usage(3))
    body = PROTOCOL.render_embedding(response, facts)
    parsed = CreateEmbeddingResponse.model_validate(body)
    assert [(item.index, item.embedding) for item in parsed.data] == [
        (0, [0.5, 1.0]),
        (1, [0.25, 0.0]),
    ]
    assert body["usage"] == {"prompt_tokens": 3, "total_tokens": 3}
    assert body["model"] == "sandbox/sandbox"


def test_embeddings_as_base64(facts):
    styled = replace(facts, style=Style(base64=True))
    body = PROTOCOL.render_embedding(EmbeddingResponse("m", ((0.5, -1.0),)), styled)
    assert struct.unpack("<2f", b64decode(body["data"][0]["embedding"])) == (0.5, -1.0)


def test_models():
    entries = [ModelEntry("openai/gpt", "openai"), ModelEntry("sandbox/s", "sandbox", 5)]
    body = PROTOCOL.render_models(entries)
    assert body["object"] == "list"
    assert [Model.model_validate(item, strict=True).id for item in body["data"]] == [
        "openai/gpt",
        "sandbox/s",
    ]
    assert PROTOCOL.render_model(entries[1])["created"] == 5


@pytest.mark.parametrize(
    ("error", "status", "kind", "code"),
    [
        (AuthFailed("m"), 401, "authentication_error", "auth_failed"),
        (PermissionDenied("m"), 403, "permission_error", "auth_failed"),
        (RateLimited("m"), 429, "rate_limit_error", "rate_limit"),
        (QuotaExceeded("m"), 402, "insufficient_quota", "quota_exceeded"),
        (NotFound("m"), 404, "not_found_error", "not_found"),
        (InvalidRequest("m"), 400, "invalid_request_error", "invalid_request"),
        (ContextTooLong("m"), 400, "invalid_request_error", "context_length"),
        (ContentBlocked("m"), 400, "invalid_request_error", "content_filter"),
        (CallTimeout("m"), 504, "timeout_error", "timeout"),
        (NetworkError("m"), 502, "server_error", "network_error"),
        (Overloaded("m"), 503, "server_error", "server_error"),
        (Cancelled("m"), 499, "server_error", "cancelled"),
    ],
)
def test_error_object(error, status, kind, code):
    error.param = "x"
    shown, body, _ = PROTOCOL.render_error(error, "req_1")
    assert shown == status
    assert body["error"] == {
        "message": "m",
        "type": kind,
        "param": "x",
        "code": code,
        "provider": None,
        "retryable": error.retryable,
        "retryAfter": None,
        "requestId": "req_1",
    }

from __future__ import annotations

import pytest
from anthropic.types import Message

from aiproxy.errors import BodyTooLarge
from aiproxy.protocols.anthropic import PROTOCOL
from providers.chat import (
    ChatResponse,
    Choice,
    Citation,
    Image,
    Opaque,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
)
from providers.errors import (
    AuthFailed,
    CallTimeout,
    ContentBlocked,
    ContextTooLong,
    InvalidRequest,
    NetworkError,
    NotFound,
    Overloaded,
    PermissionDenied,
    QuotaExceeded,
    RateLimited,
    ServerError,
)
from providers.usage import Usage

GEMINI = {"gemini": {"thoughtSignature": "s"}}


@pytest.fixture
def rendered(facts):
    """The object, after Anthropic's own type has accepted it."""

    def render(*parts, finish="stop", raw=None, usage=None) -> dict:
        choice = Choice(parts, finish, raw)
        body = PROTOCOL.render_response(ChatResponse("p", "m", (choice,), usage), facts)
        Message.model_validate(body, strict=True)
        return body

    return render


@pytest.fixture
def block(rendered):
    def render(part):
        (only,) = rendered(part)["content"]
        return only

    return render


def test_plain_answer(rendered):
    usage = Usage(10, 5, cached_tokens=4, cache_write_tokens=1)
    assert rendered(Text("hi"), usage=usage) == {
        "id": "msg_abc",
        "type": "message",
        "role": "assistant",
        "model": "sandbox/sandbox",
        "content": [{"type": "text", "text": "hi", "citations": None}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {
            "input_tokens": 5,
            "cache_creation_input_tokens": 1,
            "cache_read_input_tokens": 4,
            "output_tokens": 5,
        },
    }


def test_answer_without_choices_is_empty(facts):
    body = PROTOCOL.render_response(ChatResponse("p", "m", ()), facts)
    assert body["content"] == []


@pytest.mark.parametrize(
    ("finish", "raw", "word"),
    [
        ("stop", "stop", "end_turn"),
        ("stop", "stop_sequence", "stop_sequence"),
        ("length", None, "max_tokens"),
        ("tool_calls", None, "tool_use"),
        ("content_filter", None, "refusal"),
        ("refusal", "refusal", "refusal"),
        ("pause", "pause_turn", "pause_turn"),
        ("error", None, "end_turn"),
        ("unknown", None, "end_turn"),
    ],
)
def test_stop_reason(rendered, finish, raw, word):
    assert rendered(finish=finish, raw=raw)["stop_reason"] == word


def test_tool_call(block):
    state = {"anthropic": {"caller": {"type": "direct"}}, **GEMINI}
    assert block(ToolCall("t", "f", '{"a":1}', state)) == {
        "type": "tool_use",
        "id": "t",
        "name": "f",
        "input": {"a": 1},
        "caller": {"type": "direct"},
        "state": GEMINI,
    }


@pytest.mark.parametrize("arguments", ["", '{"a":', "[1]", "null", '{"a":' * 100_000])
def test_arguments_that_are_no_object_are_empty(block, arguments):
    assert block(ToolCall("t", "f", arguments))["input"] == {}


def test_thought_with_anthropic_s_signature(block):
    assert block(Reasoning("hm", {"anthropic": {"signature": "s"}})) == {
        "type": "thinking",
        "thinking": "hm",
        "signature": "s",
    }


def test_sealed_thought(block):
    assert block(Reasoning("", {"anthropic": {"data": "x"}})) == {
        "type": "redacted_thinking",
        "data": "x",
    }


def test_thought_without_state(block):
    assert block(Reasoning("hm"))["signature"] == ""


def test_refusal_is_text(block):
    assert block(Refusal("no")) == {"type": "text", "text": "no", "citations": None}


def test_citations(block):
    own = {
        "type": "char_location",
        "cited_text": "q",
        "document_index": 0,
        "document_title": None,
        "start_char_index": 0,
        "end_char_index": 1,
        "file_id": None,
    }
    cited = (
        Citation(state={"anthropic": own}),
        Citation("https://a.test", "A"),
        Citation(title="no address"),
    )
    assert block(Text("a", cited))["citations"] == [
        own,
        {
            "type": "web_search_result_location",
            "url": "https://a.test",
            "title": "A",
            "cited_text": "",
            "encrypted_index": "",
        },
    ]


def test_blocks_of_this_format_are_put_back(block):
    use = {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"query": "x"}}
    assert block(Opaque("server_tool_use", {"anthropic": use})) == use


def test_pictures_and_foreign_blocks_have_no_word(rendered):
    assert rendered(Image("image/png", "QUJD"), Opaque("x", {"openai": {}}))["content"] == []


def test_message_of_an_answer_may_be_sent_back_as_it_is(rendered):
    parts = (
        Reasoning("a", {"anthropic": {"signature": "s"}}),
        Reasoning("b", GEMINI),
        Text("c", state=GEMINI),
        ToolCall("t", "f", '{"a":1}', GEMINI),
    )
    body = rendered(*parts)
    sent = {"role": body["role"], "content": body["content"]}
    request = PROTOCOL.parse_request({"max_tokens": 9, "messages": [sent]})
    assert request.messages[0].parts == parts


@pytest.mark.parametrize(
    ("error", "status", "kind"),
    [
        (AuthFailed("m"), 401, "authentication_error"),
        (PermissionDenied("m"), 403, "permission_error"),
        (RateLimited("m"), 429, "rate_limit_error"),
        (QuotaExceeded("m"), 402, "billing_error"),
        (NotFound("m"), 404, "not_found_error"),
        (InvalidRequest("m"), 400, "invalid_request_error"),
        (ContextTooLong("m"), 400, "invalid_request_error"),
        (BodyTooLarge("m"), 413, "request_too_large"),
        (ContentBlocked("m"), 400, "invalid_request_error"),
        (Overloaded("m"), 529, "overloaded_error"),
        (CallTimeout("m"), 504, "timeout_error"),
        (ServerError("m"), 502, "api_error"),
        (NetworkError("m"), 502, "api_error"),
    ],
)
def test_error_object(error, status, kind):
    shown, body, _ = PROTOCOL.render_error(error, "req_1")
    assert shown == status
    assert body == {
        "type": "error",
        "error": {
            "type": kind,
            "message": "m",
            "code": error.code,
            "provider": None,
            "retryable": error.retryable,
            "retryAfter": None,
        },
        "request_id": "req_1",
    }


def test_error_names_the_member_at_fault():
    body = PROTOCOL.error_body(InvalidRequest("m", param="messages"), "req_1")
    assert body["error"]["param"] == "messages"

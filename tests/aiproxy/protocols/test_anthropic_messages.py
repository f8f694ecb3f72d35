from __future__ import annotations

import pytest

from aiproxy.protocols.anthropic import PROTOCOL
from aiproxy.protocols.sealing import SEAL, seal
from providers.chat import (
    Citation,
    File,
    Image,
    Message,
    Opaque,
    Reasoning,
    Text,
    ToolCall,
    ToolResult,
)
from providers.errors import InvalidRequest

MARK = {"cache_control": {"type": "ephemeral"}}
MARKED = {"anthropic": MARK}


def parse(*messages) -> tuple[Message, ...]:
    return PROTOCOL.parse_request({"max_tokens": 9, "messages": list(messages)}).messages


def block(value, role="user"):
    return parse({"role": role, "content": [value]})[0].parts[0]


def test_roles():
    assert parse(
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": [{"type": "text", "text": "b"}]},
        {"role": "system", "content": "c"},
    ) == (
        Message("user", (Text("a"),)),
        Message("assistant", (Text("b"),)),
        Message("system", (Text("c"),)),
    )


def test_picture_from_each_source():
    inline = {"type": "base64", "media_type": "image/png", "data": "QUJD"}
    assert block({"type": "image", "source": inline, **MARK}) == Image(
        "image/png", "QUJD", state=MARKED
    )
    remote = {"type": "url", "url": "https://a.test/x"}
    assert block({"type": "image", "source": remote}) == Image(url="https://a.test/x")
    upload = {"type": "image", "source": {"type": "file", "file_id": "f"}}
    assert block(upload) == Opaque("image", {"anthropic": upload})


def test_document_from_each_source():
    inline = {"type": "base64", "media_type": "application/pdf", "data": "QUJD"}
    assert block({"type": "document", "source": inline, "title": "a", **MARK}) == File(
        "application/pdf", "QUJD", name="a", state=MARKED
    )
    text = {"type": "text", "media_type": "text/plain", "data": "ABC"}
    assert block({"type": "document", "source": text}) == File("text/plain", "QUJD")
    remote = {"type": "url", "url": "https://a.test/a.pdf"}
    assert block({"type": "document", "source": remote}) == File(
        "application/pdf", url="https://a.test/a.pdf"
    )
    upload = {"type": "file", "file_id": "f"}
    assert block({"type": "document", "source": upload}) == File(file_id="f")
    blocks = {"type": "document", "source": {"type": "content", "content": "a"}}
    assert block(blocks) == Opaque("document", {"anthropic": blocks})


def test_thoughts():
    assert block({"type": "thinking", "thinking": "hm", "signature": "s"}, "assistant") == (
        Reasoning("hm", {"anthropic": {"signature": "s"}})
    )
    assert block({"type": "thinking", "thinking": "hm", "signature": ""}, "assistant") == (
        Reasoning("hm")
    )
    assert block({"type": "redacted_thinking", "data": "x"}, "assistant") == (
        Reasoning("", {"anthropic": {"data": "x"}})
    )


def test_another_provider_s_state_comes_back_out_of_a_signature():
    state = {"gemini": {"thoughtSignature": "s"}}
    thought = {"type": "thinking", "thinking": "hm", "signature": seal(state)}
    assert block(thought, "assistant") == Reasoning("hm", state)


def test_tool_use():
    use = {"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}, "caller": {"type": "x"}}
    assert block(use, "assistant") == ToolCall(
        "t", "f", '{"a":1}', {"anthropic": {"caller": {"type": "x"}}}
    )


def test_another_provider_s_state_of_a_tool_call():
    state = {"gemini": {"thoughtSignature": "s"}}
    use = {"type": "tool_use", "id": "t", "name": "f", "input": {}, "state": state}
    assert block(use, "assistant") == ToolCall("t", "f", "{}", state)


def test_results_and_words_of_one_turn():
    results = [
        {"type": "tool_result", "tool_use_id": "a", "content": "1", **MARK},
        {"type": "tool_result", "tool_use_id": "b", "is_error": True,
         "content": [{"type": "text", "text": "2"}]},
        {"type": "text", "text": "and?"},
    ]  # fmt: skip
    assert parse({"role": "user", "content": results}) == (
        Message(
            "tool",
            (
                ToolResult("a", (Text("1"),), state=MARKED),
                ToolResult("b", (Text("2"),), is_error=True),
            ),
        ),
        Message("user", (Text("and?"),)),
    )


def test_result_with_blocks_only_anthropic_knows_is_kept_whole():
    found = {"type": "search_result", "source": "https://a.test", "title": "A", "content": []}
    result = {"type": "tool_result", "tool_use_id": "a", "content": [found]}
    assert block(result) == Opaque("tool_result", {"anthropic": result})


def test_block_of_a_server_s_tool_is_kept_whole():
    use = {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"query": "x"}}
    assert block(use, "assistant") == Opaque("server_tool_use", {"anthropic": use})


def test_citations_keep_what_only_anthropic_understands():
    raw = {
        "type": "web_search_result_location",
        "url": "https://a.test",
        "title": "A",
        "cited_text": "q",
        "encrypted_index": "e",
    }
    text = block({"type": "text", "text": "a", "citations": [raw]}, "assistant")
    assert text == Text("a", (Citation("https://a.test", "A", "q", state={"anthropic": raw}),))


CONTENT = "messages[0].content"


@pytest.mark.parametrize(
    ("message", "param"),
    [
        ({"content": "a"}, "messages[0].role"),
        ({"role": "tool", "content": "a"}, "messages[0].role"),
        ({"role": "user"}, CONTENT),
        ({"role": "user", "content": 1}, CONTENT),
        ({"role": "user", "content": [1]}, f"{CONTENT}[0]"),
        ({"role": "user", "content": [{"type": "text"}]}, f"{CONTENT}[0].text"),
        ({"role": "user", "content": [{"type": "image"}]}, f"{CONTENT}[0].source"),
        (
            {"role": "user", "content": [{"type": "image", "source": {"type": "base64"}}]},
            f"{CONTENT}[0].source.media_type",
        ),
        (
            {"role": "user", "content": [
                {"type": "image", "source": {"type": "url", "url": "file:///x"}}]},
            f"{CONTENT}[0].source.url",
        ),
        ({"role": "user", "content": [{"type": "tool_result"}]}, f"{CONTENT}[0].tool_use_id"),
        (
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "t", "content": [{"type": "tool_result"}]}]},
            f"{CONTENT}[0].content[0]",
        ),
        (
            {"role": "assistant", "content": [{"type": "tool_use", "name": "f", "input": "x"}]},
            f"{CONTENT}[0].input",
        ),
        (
            {"role": "assistant", "content": [
                {"type": "thinking", "thinking": "", "signature": f"{SEAL}%%%"}]},
            f"{CONTENT}[0].signature",
        ),
        (
            {"role": "assistant", "content": [
                {"type": "thinking", "thinking": "", "signature": f"{SEAL}IjEi"}]},
            f"{CONTENT}[0].signature",
        ),
    ],
)  # fmt: skip
def test_bad_message_is_named(message, param):
    with pytest.raises(InvalidRequest) as caught:
        parse(message)
    assert caught.value.param == param

from __future__ import annotations

import pytest

from aiproxy.protocols.native import PROTOCOL
from aiproxy.protocols.native_messages import render_part
from providers.chat import (
    Citation,
    File,
    Image,
    Message,
    Opaque,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
    ToolResult,
)
from providers.errors import InvalidRequest

STATE = {"gemini": {"thoughtSignature": "s"}}


def parse(*messages) -> tuple[Message, ...]:
    return PROTOCOL.parse_request({"messages": list(messages)}).messages


def part(value):
    return parse({"role": "assistant", "content": [value]})[0].parts[0]


@pytest.mark.parametrize("role", ["system", "developer"])
def test_instructions(role):
    assert parse({"role": role, "content": "a"}) == (Message("system", (Text("a"),)),)


def test_user_with_a_name():
    assert parse({"role": "user", "content": "a", "name": "ann"}) == (
        Message("user", (Text("a"),), "ann"),
    )


@pytest.mark.parametrize(
    "call",
    [
        {"toolCalls": [{"id": "c", "name": "f", "arguments": '{"a":1}'}]},
        {"toolCalls": [{"id": "c", "name": "f", "arguments": {"a": 1}}]},
        {"tool_calls": [{"id": "c", "function": {"name": "f", "arguments": '{"a":1}'}}]},
        {"content": [{"type": "toolCall", "id": "c", "name": "f", "arguments": '{"a":1}'}]},
    ],
)
def test_tool_call_in_any_form(call):
    (message,) = parse({"role": "assistant", **call})
    assert message.parts == (ToolCall("c", "f", '{"a":1}'),)


@pytest.mark.parametrize(
    "result",
    [
        {"role": "tool", "toolCallId": "c", "content": "42"},
        {"role": "tool", "tool_call_id": "c", "content": "42"},
        {"role": "tool", "content": [{"type": "toolResult", "toolCallId": "c", "content": "42"}]},
        {"role": "user", "content": [{"type": "toolResult", "toolCallId": "c", "content": "42"}]},
    ],
)
def test_tool_result_in_any_form(result):
    assert parse(result) == (Message("tool", (ToolResult("c", (Text("42"),)),)),)


def test_failed_tool():
    (message,) = parse({"role": "tool", "toolCallId": "c", "content": "no", "isError": True})
    assert message.parts == (ToolResult("c", (Text("no"),), is_error=True),)


def test_openai_s_parts_work_too():
    url = {"url": "data:image/png;base64,QUJD", "detail": "low"}
    assert part({"type": "image_url", "image_url": url}) == Image("image/png", "QUJD", detail="low")
    sound = {"data": "QUJD", "format": "wav"}
    assert part({"type": "input_audio", "input_audio": sound}) == File("audio/wav", "QUJD")
    assert part({"type": "file", "file": {"file_id": "f"}}) == File(file_id="f")


def test_picture_s_format_is_recognised():
    assert part({"type": "image", "data": "/9j/4AAQ"}) == Image("image/jpeg", "/9j/4AAQ")


PARTS = [
    Text("a"),
    Text("a", (Citation("https://a.test", "A", "q", 0, 1, {"anthropic": {"x": 1}}),), STATE),
    Image("image/png", "QUJD", detail="low"),
    Image(url="https://a.test/x", state=STATE),
    File("application/pdf", "QUJD", name="a.pdf"),
    File("application/pdf", url="https://a.test/a.pdf"),
    File("application/pdf", file_id="f1", name="a.pdf"),
    Reasoning("hm", {"anthropic": {"signature": "s"}}),
    Reasoning("", {"anthropic": {"data": "s"}}),
    Refusal("no"),
    ToolCall("c", "f", '{"a":', STATE),
    ToolResult("c", (Text("42"), Image("image/png", "QUJD")), "f", True, STATE),
    Opaque("server_tool_use", {"anthropic": {"type": "server_tool_use"}}),
]


@pytest.mark.parametrize("value", PARTS, ids=lambda value: type(value).__name__)
def test_every_part_reads_back_as_it_was_written(value):
    assert part(render_part(value)) == value


CONTENT = "messages[0].content"


@pytest.mark.parametrize(
    ("message", "param"),
    [
        ({"content": "a"}, "messages[0].role"),
        ({"role": "bot", "content": "a"}, "messages[0].role"),
        ({"role": "user"}, CONTENT),
        ({"role": "user", "content": []}, CONTENT),
        ({"role": "user", "content": 1}, CONTENT),
        ({"role": "user", "content": [{"type": "video"}]}, f"{CONTENT}[0].type"),
        ({"role": "user", "content": [{"type": "image"}]}, f"{CONTENT}[0].url"),
        ({"role": "user", "content": [{"type": "image", "url": "x"}]}, f"{CONTENT}[0].url"),
        ({"role": "user", "content": [{"type": "image", "data": "x"}]}, f"{CONTENT}[0].data"),
        ({"role": "user", "content": [{"type": "file"}]}, f"{CONTENT}[0].url"),
        ({"role": "user", "content": [{"type": "file", "data": "x"}]}, f"{CONTENT}[0].mediaType"),
        ({"role": "user", "content": [{"type": "toolResult"}]}, f"{CONTENT}[0].toolCallId"),
        (
            {"role": "user", "content": [
                {"type": "toolResult", "toolCallId": "c", "content": [{"type": "toolResult"}]}]},
            f"{CONTENT}[0].content[0]",
        ),
        ({"role": "user", "content": [{"type": "refusal"}]}, f"{CONTENT}[0].refusal"),
        ({"role": "user", "content": [{"type": "opaque"}]}, f"{CONTENT}[0].kind"),
        ({"role": "user", "content": [{"type": "text", "text": "a", "state": 1}]},
         f"{CONTENT}[0].state"),
        ({"role": "tool", "content": "a"}, "messages[0].toolCallId"),
        ({"role": "assistant", "toolCalls": [{}]}, "messages[0].toolCalls[0].name"),
    ],
)  # fmt: skip
def test_bad_message_is_named(message, param):
    with pytest.raises(InvalidRequest) as caught:
        parse(message)
    assert caught.value.param == param


def test_unknown_members_of_a_message_are_not_minded():
    assert parse({"role": "user", "content": "a", "createdAt": 5})[0].text == "a"

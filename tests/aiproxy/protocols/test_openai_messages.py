from __future__ import annotations

import pytest

from aiproxy.protocols.openai import PROTOCOL
from providers.chat import (
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


def parse(*messages) -> tuple[Message, ...]:
    return PROTOCOL.parse_request({"model": "m", "messages": list(messages)}).messages


def part(value):
    return parse({"role": "user", "content": [value]})[0].parts[0]


def complaint(*messages) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        parse(*messages)
    return caught.value


def test_roles():
    system, developer, user = parse(
        {"role": "system", "content": "a"},
        {"role": "developer", "content": "b"},
        {"role": "user", "content": "c", "name": "ann"},
    )
    assert system == Message("system", (Text("a"),))
    assert developer == Message("system", (Text("b"),), state={"openai": {"role": "developer"}})
    assert user == Message("user", (Text("c"),), "ann")


def test_assistant_with_everything():
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}
    (message,) = parse(
        {
            "role": "assistant",
            "content": "words",
            "reasoning_content": "hm",
            "refusal": None,
            "tool_calls": [call],
            "annotations": [],
        }
    )
    assert message.parts == (
        Reasoning("hm"),
        Text("words"),
        ToolCall("c1", "f", '{"a":1}'),
    )
    assert message.state == {}


def test_assistant_may_have_no_content():
    (message,) = parse({"role": "assistant", "content": None, "refusal": "no"})
    assert message.parts == (Refusal("no"),)


def test_assistant_s_sound_and_prefix_are_kept():
    (message,) = parse({"role": "assistant", "content": "a", "audio": {"id": "x"}, "prefix": True})
    assert message.state == {"openai": {"audio": {"id": "x"}, "prefix": True}}


def test_tool_result():
    (message,) = parse({"role": "tool", "tool_call_id": "c1", "content": "42"})
    assert message == Message("tool", (ToolResult("c1", (Text("42"),)),))


def test_tool_result_in_parts():
    (message,) = parse(
        {"role": "tool", "tool_call_id": "c1", "content": [{"type": "text", "text": "42"}]}
    )
    assert message.parts == (ToolResult("c1", (Text("42"),)),)


def test_old_function_call_and_its_result_are_paired_by_name():
    called, answered = parse(
        {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}},
        {"role": "function", "name": "f", "content": "42"},
    )
    assert called.parts == (ToolCall("call_f", "f", "{}"),)
    assert answered.parts == (ToolResult("call_f", (Text("42"),), "f"),)


def test_custom_tool_call():
    call = {"id": "c", "type": "custom", "custom": {"name": "sql", "input": "SELECT 1"}}
    (message,) = parse({"role": "assistant", "tool_calls": [call]})
    assert message.parts == (ToolCall("c", "sql", "SELECT 1", {"openai": {"type": "custom"}}),)


def test_arguments_may_be_an_object():
    call = {"id": "c", "function": {"name": "f", "arguments": {"a": 1}}}
    (message,) = parse({"role": "assistant", "tool_calls": [call]})
    assert message.parts == (ToolCall("c", "f", '{"a":1}'),)


def test_state_of_a_tool_call_comes_back():
    state = {"gemini": {"thoughtSignature": "s"}}
    call = {"id": "c", "function": {"name": "f", "arguments": "{}"}, "extra_content": state}
    (message,) = parse({"role": "assistant", "tool_calls": [call]})
    assert message.parts[0].state == state


def test_our_reasoning_details_come_back_part_by_part():
    details = [
        {"type": "reasoning.text", "format": "aim-v1", "text": "a", "index": 0},
        {
            "type": "reasoning.text",
            "format": "aim-v1",
            "text": "b",
            "state": {"anthropic": {"x": 1}},
        },
    ]
    (message,) = parse(
        {"role": "assistant", "reasoning_content": "ab", "reasoning_details": details}
    )
    assert message.parts == (Reasoning("a"), Reasoning("b", {"anthropic": {"x": 1}}))


def test_a_provider_s_own_reasoning_details_stay_together():
    details = [
        {"type": "reasoning.summary", "summary": "a"},
        {"type": "reasoning.encrypted", "data": "x", "format": "openai-responses-v1"},
    ]
    (message,) = parse({"role": "assistant", "content": "", "reasoning_details": details})
    assert message.parts[0] == Reasoning("a", {"openai": {"reasoning_details": details}})


def test_picture_by_data_url_and_by_address():
    url = {"url": "data:image/png;base64,QUJD", "detail": "low"}
    assert part({"type": "image_url", "image_url": url}) == Image("image/png", "QUJD", detail="low")
    assert part({"type": "image_url", "image_url": "https://a.test/x"}) == Image(
        url="https://a.test/x"
    )


def test_sound():
    sound = {"data": "QUJD", "format": "wav"}
    assert part({"type": "input_audio", "input_audio": sound}) == File("audio/wav", "QUJD")


def test_file_by_data_and_by_id():
    data = {"filename": "a.pdf", "file_data": "data:application/pdf;base64,QUJD"}
    assert part({"type": "file", "file": data}) == File("application/pdf", "QUJD", name="a.pdf")
    assert part({"type": "file", "file": {"file_id": "f1"}}) == File(file_id="f1")


def test_refusal_in_parts():
    assert part({"type": "refusal", "refusal": "no"}) == Refusal("no")


def test_unknown_part_is_kept_for_the_same_format():
    video = {"type": "video_url", "video_url": {"url": "https://a.test/v"}}
    assert part(video) == Opaque("video_url", {"openai": video})


def test_cache_mark_is_meant_for_anthropic():
    mark = {"type": "ephemeral"}
    assert part({"type": "text", "text": "a", "cache_control": mark}) == Text(
        "a", state={"anthropic": {"cache_control": mark}}
    )


USER = "messages[0].content[0]"


@pytest.mark.parametrize(
    ("message", "param"),
    [
        ("hi", "messages[0]"),
        ({}, "messages[0].role"),
        ({"role": "robot", "content": "a"}, "messages[0].role"),
        ({"role": "user"}, "messages[0].content"),
        ({"role": "user", "content": None}, "messages[0].content"),
        ({"role": "user", "content": 5}, "messages[0].content"),
        ({"role": "user", "content": ["a"]}, USER),
        ({"role": "user", "content": [{}]}, f"{USER}.type"),
        ({"role": "user", "content": [{"type": "text"}]}, f"{USER}.text"),
        ({"role": "user", "content": [{"type": "image_url"}]}, f"{USER}.image_url"),
        ({"role": "user", "content": [{"type": "image_url", "image_url": 3}]}, f"{USER}.image_url"),
        (
            {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x.png"}}]},
            f"{USER}.image_url.url",
        ),
        ({"role": "user", "content": [{"type": "input_audio"}]}, f"{USER}.input_audio"),
        ({"role": "user", "content": [{"type": "file"}]}, f"{USER}.file"),
        ({"role": "user", "content": [{"type": "file", "file": {}}]}, f"{USER}.file.file_data"),
        ({"role": "tool", "content": "a"}, "messages[0].tool_call_id"),
        (
            {"role": "tool", "tool_call_id": "c", "content": [{"type": "refusal", "refusal": "n"}]},
            "messages[0].content[0]",
        ),
        ({"role": "assistant", "tool_calls": [{}]}, "messages[0].tool_calls[0].function"),
        (
            {"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": 1}}]},
            "messages[0].tool_calls[0].function.arguments",
        ),
        (
            {"role": "assistant", "reasoning_details": [{"state": 1}]},
            "messages[0].reasoning_details[0].state",
        ),
    ],
)
def test_bad_message_is_named(message, param):
    assert complaint(message).param == param

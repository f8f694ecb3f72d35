from __future__ import annotations

from typing import Any

import pytest

from aiproxy.protocols.responses import PROTOCOL
from aiproxy.protocols.sealing import seal
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


def messages(*items, **members):
    return PROTOCOL.parse_request({"model": "m", "input": list(items), **members}).messages


def parts(*content: Any, role: str = "user"):
    (message,) = messages({"role": role, "content": list(content)})
    return message.parts


def complaint(*items: Any) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        messages(*items)
    return caught.value


CALL = {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"}
RESULT = {"type": "function_call_output", "call_id": "c1", "output": "sunny"}


def test_text_is_the_users():
    request = PROTOCOL.parse_request({"model": "m", "input": "hello", "instructions": "be brief"})
    assert request.messages == (
        Message("system", (Text("be brief"),)),
        Message("user", (Text("hello"),)),
    )


def test_roles():
    system, developer, user = messages(
        {"role": "system", "content": "a"},
        {"type": "message", "role": "developer", "content": "b"},
        {"role": "user", "content": "c"},
    )
    assert (system.role, developer.role, user.role) == ("system", "system", "user")
    assert developer.state == {"openai": {"role": "developer"}}


def test_user_content():
    text, image, far, file, url, uploaded = parts(
        {"type": "input_text", "text": "look"},
        {"type": "input_image", "image_url": "data:image/png;base64,QUJD", "detail": "low"},
        {"type": "input_image", "image_url": "https://a.test/x.png"},
        {
            "type": "input_file",
            "filename": "a.pdf",
            "file_data": "data:application/pdf;base64,QUJD",
        },
        {"type": "input_file", "file_url": "https://a.test/a.pdf"},
        {"type": "input_file", "file_id": "file_1"},
    )
    assert text == Text("look")
    assert image == Image("image/png", "QUJD", detail="low")
    assert far == Image(url="https://a.test/x.png")
    assert file == File("application/pdf", "QUJD", name="a.pdf")
    assert url == File(url="https://a.test/a.pdf")
    assert uploaded == File(file_id="file_1")


def test_uploaded_picture_is_for_its_own_provider():
    said = {"type": "input_image", "file_id": "file_1"}
    assert parts(said) == (Opaque("input_image", {"responses": said}),)


def test_file_without_content_is_named():
    error = complaint({"role": "user", "content": [{"type": "input_file", "filename": "a"}]})
    assert error.param == "input[0].content[0].file_data"


def test_assistant_content_with_phase_and_notes():
    note = {
        "type": "url_citation",
        "url": "https://a.test",
        "title": "A",
        "start_index": 0,
        "end_index": 2,
    }
    text = {"type": "output_text", "text": "so", "annotations": [note]}
    (message,) = messages(
        {
            "type": "message",
            "role": "assistant",
            "id": "msg_1",
            "phase": "commentary",
            "content": [text, {"type": "refusal", "refusal": "no"}],
        }
    )
    state = {"responses": {"phase": "commentary"}}
    assert message.parts == (
        Text("so", (Citation("https://a.test", "A", start=0, end=2),), state),
        Refusal("no", state),
    )


def test_thoughts_words_and_calls_are_one_turn():
    thought = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "x"}
    said = {"type": "message", "role": "assistant", "content": "Let me see."}
    turn, results = messages(
        thought, said, CALL, {**CALL, "call_id": "c2"}, RESULT, {**RESULT, "call_id": "c2"}
    )
    assert [type(part).__name__ for part in turn.parts] == [
        "Reasoning",
        "Text",
        "ToolCall",
        "ToolCall",
    ]
    assert [part.call_id for part in results.parts if isinstance(part, ToolResult)] == ["c1", "c2"]


def test_two_messages_of_the_assistant_stay_two():
    said = {"role": "assistant", "content": "a"}
    assert len(messages(said, said)) == 2


def test_call_keeps_what_it_carries():
    (message,) = messages({**CALL, "id": "fc_1", "status": "completed", "namespace": "n"})
    assert message.parts == (ToolCall("c1", "f", "{}", {"responses": {"namespace": "n"}}),)


def test_call_gives_back_another_providers_state():
    state = {"gemini": {"thoughtSignature": "c2VhbA=="}}
    (message,) = messages({**CALL, "state": state})
    assert message.parts[0].state == state


def test_custom_call_and_its_result():
    call, result = messages(
        {"type": "custom_tool_call", "call_id": "c1", "name": "f", "input": "free text"},
        {"type": "custom_tool_call_output", "call_id": "c1", "output": "done"},
    )
    assert call.parts[0].arguments == "free text"
    assert result.parts == (ToolResult("c1", (Text("done"),)),)


def test_result_with_a_picture():
    output = [{"type": "input_image", "image_url": "data:image/png;base64,QUJD"}]
    (message,) = messages({**RESULT, "output": output})
    assert message.parts[0].content == (Image("image/png", "QUJD"),)


def test_sealed_thought_of_this_format():
    item = {
        "type": "reasoning",
        "id": "rs_1",
        "summary": [{"type": "summary_text", "text": "a"}, {"type": "summary_text", "text": "b"}],
        "encrypted_content": "x",
    }
    (message,) = messages(item)
    own = {name: value for name, value in item.items() if name != "type"}
    assert message.parts == (Reasoning("a\n\nb", {"responses": own}),)


def test_sealed_thought_of_another_format():
    state = {"anthropic": {"signature": "c2VhbA=="}}
    (message,) = messages({"type": "reasoning", "summary": [], "encrypted_content": seal(state)})
    assert message.parts == (Reasoning("", state),)


def test_open_thought_has_no_state():
    (message,) = messages(
        {"type": "reasoning", "id": "rs", "summary": [{"type": "summary_text", "text": "a"}]}
    )
    assert message.parts == (Reasoning("a"),)


@pytest.mark.parametrize("item", [{"type": "item_reference", "id": "msg_1"}, {"id": "msg_1"}])
def test_item_by_its_id_is_refused_with_what_to_do(item):
    error = complaint(item)
    assert error.param == "input[0]"
    assert "Send the whole item" in error.message


@pytest.mark.parametrize(
    ("kind", "role"),
    [
        ({"type": "web_search_call", "id": "ws"}, "assistant"),
        ({"type": "computer_call_output", "call_id": "c"}, "user"),
        ({"type": "mcp_approval_response", "approve": True}, "user"),
        ({"type": "additional_tools", "role": "developer", "tools": []}, "system"),
    ],
)
def test_hosted_items_are_kept_whole(kind, role):
    (message,) = messages(kind)
    assert message == Message(role, (Opaque(kind["type"], {"responses": kind}),))


def test_generated_picture_comes_back():
    item = {"type": "image_generation_call", "id": "ig", "result": "QUJD", "output_format": "webp"}
    (message,) = messages(item)
    own = {"type": "image_generation_call", "id": "ig", "output_format": "webp"}
    assert message.parts == (Image("image/webp", "QUJD", state={"responses": own}),)


@pytest.mark.parametrize(
    ("item", "param"),
    [
        ({"role": "robot", "content": "a"}, "input[0].role"),
        ({"role": "user"}, "input[0].content"),
        ({"type": "message", "content": "a"}, "input[0].role"),
        ({"type": "function_call", "call_id": "c"}, "input[0].name"),
        ({"type": "function_call_output", "call_id": "c"}, "input[0].output"),
        ({"role": "user", "content": 5}, "input[0].content"),
        ("text", "input[0]"),
    ],
)
def test_bad_item_is_named(item, param):
    assert complaint(item).param == param


@pytest.mark.parametrize("said", [[], None, 5])
def test_input_must_say_something(said):
    with pytest.raises(InvalidRequest) as caught:
        PROTOCOL.parse_request({"model": "m", "input": said})
    assert caught.value.param == "input"

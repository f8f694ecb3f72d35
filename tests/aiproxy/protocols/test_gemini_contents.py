from __future__ import annotations

import base64
from typing import Any

import pytest

from aiproxy.protocols.gemini import PROTOCOL
from aiproxy.protocols.sealing import seal
from providers.chat import File, Image, Message, Opaque, Reasoning, Text, ToolCall, ToolResult
from providers.errors import InvalidRequest


def messages(*contents):
    return PROTOCOL.parse_request({"contents": list(contents)}, "m").messages


def model(*parts: Any) -> tuple[Any, ...]:
    (message,) = messages({"role": "model", "parts": list(parts)})
    return message.parts


def test_roles():
    said = messages({"parts": [{"text": "a"}]}, {"role": "model", "parts": [{"text": "b"}]})
    assert [message.role for message in said] == ["user", "assistant"]


def test_content_without_parts_is_empty():
    assert messages({"role": "model"}) == (Message("assistant", ()),)


def test_media():
    image, pdf, far = model(
        {"inlineData": {"mimeType": "image/png", "data": "QUJD"}},
        {"inline_data": {"mime_type": "application/pdf", "data": "QUJD", "display_name": "a"}},
        {"fileData": {"fileUri": "https://a.test/v.mp4", "mimeType": "video/mp4"}},
    )
    assert image == Image("image/png", "QUJD")
    assert pdf == File("application/pdf", "QUJD", name="a")
    assert far == File("video/mp4", url="https://a.test/v.mp4")


def test_thought_and_its_signature():
    thought, text = model(
        {"text": "hm", "thought": True, "thoughtSignature": "c2VhbA=="},
        {"text": "so", "thought_signature": "c2VhbA=="},
    )
    assert thought == Reasoning("hm", {"gemini": {"thought": True, "thoughtSignature": "c2VhbA=="}})
    assert text == Text("so", state={"gemini": {"thoughtSignature": "c2VhbA=="}})


@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
def test_signature_of_ours_gives_another_providers_state_back(encode):
    state = {"anthropic": {"signature": "?>~" * 9}}
    signature = encode(seal(state).encode()).decode()
    assert model({"text": "hm", "thought": True, "thoughtSignature": signature}) == (
        Reasoning("hm", state),
    )


def test_calls_and_results_are_paired_by_name_where_they_have_no_ids():
    call = {"functionCall": {"name": "f", "args": {"a": 1}}}
    result = {"functionResponse": {"name": "f", "response": {"output": "x"}}}
    said, answered = messages(
        {"role": "model", "parts": [call, call]}, {"role": "user", "parts": [result, result]}
    )
    ids = [part.id for part in said.parts if isinstance(part, ToolCall)]
    assert len(set(ids)) == 2
    assert [part.call_id for part in answered.parts if isinstance(part, ToolResult)] == ids


def test_result_without_an_id_answers_the_call_that_has_one():
    _, answered = messages(
        {"role": "model", "parts": [{"functionCall": {"id": "c1", "name": "f"}}]},
        {"role": "function", "parts": [{"functionResponse": {"name": "f", "response": {}}}]},
    )
    assert answered.parts[0].call_id == "c1"


@pytest.mark.parametrize(
    ("response", "text", "is_error"),
    [
        ({"output": "sunny"}, "sunny", False),
        ({"error": "broken"}, "broken", True),
        ({"error": {"code": 1}}, '{"code":1}', True),
        ({"output": {"a": 1}}, '{"output":{"a":1}}', False),
        ({"temperature": 20}, '{"temperature":20}', False),
    ],
)
def test_words_of_a_result(response, text, is_error):
    (message,) = messages(
        {"parts": [{"functionResponse": {"id": "c", "name": "f", "response": response}}]}
    )
    result = message.parts[0]
    assert (result.content, result.is_error, result.name) == ((Text(text),), is_error, "f")


def test_media_of_a_result():
    part = {"inlineData": {"mimeType": "image/png", "data": "QUJD"}}
    response = {"name": "f", "response": {"output": "see"}, "parts": [part]}
    (message,) = messages({"parts": [{"functionResponse": response}]})
    assert message.parts[0].content == (Text("see"), Image("image/png", "QUJD"))


def test_words_beside_results_are_the_users():
    result = {"functionResponse": {"name": "f", "response": {}}}
    said = messages({"role": "user", "parts": [result, {"text": "go on"}]})
    assert [message.role for message in said] == ["tool", "user"]


def test_other_parts_are_kept_whole():
    part = {"executableCode": {"language": "PYTHON", "code": "1"}, "thoughtSignature": "c2VhbA=="}
    assert model(part) == (Opaque("executableCode", {"gemini": part}),)


@pytest.mark.parametrize(
    ("part", "param"),
    [
        ({"functionCall": {}}, "contents[0].parts[0].functionCall.name"),
        ({"functionCall": {"name": "f", "args": []}}, "contents[0].parts[0].functionCall.args"),
        ({"inlineData": {}}, "contents[0].parts[0].inlineData.data"),
        ({"text": 5}, "contents[0].parts[0].text"),
        ("text", "contents[0].parts[0]"),
        (
            {"functionResponse": {"name": "f", "parts": [{}]}},
            "contents[0].parts[0].functionResponse.parts[0].inlineData",
        ),
    ],
)
def test_bad_part_is_named(part, param):
    with pytest.raises(InvalidRequest) as caught:
        model(part)
    assert caught.value.param == param

from __future__ import annotations

from dataclasses import replace

import pytest
from openai.types.responses import Response

from aiproxy.protocols.base import Style
from aiproxy.protocols.responses import PROTOCOL
from aiproxy.protocols.sealing import unseal
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
from providers.usage import Usage


def render(facts, *parts, finish="stop", usage=None):
    answer = ChatResponse("", "m", (Choice(parts, finish),), usage)
    return PROTOCOL.render_response(answer, facts)


def test_answer_is_one_that_the_sdk_accepts(facts):
    call = ToolCall("c1", "f", "{}")
    body = render(facts, Reasoning("hm"), Text("so"), call, usage=Usage(10, 5, 2, 1, 3))
    answer = Response.model_validate(body, strict=False)
    assert [item.type for item in answer.output] == ["reasoning", "message", "function_call"]
    assert answer.output_text == "so"
    assert answer.usage is not None
    assert answer.usage.input_tokens_details.cached_tokens == 2
    assert answer.usage.output_tokens_details.reasoning_tokens == 3
    assert answer.usage.total_tokens == 15


def test_answer_repeats_the_request(facts):
    facts.style = Style(repeated={"instructions": "Be brief.", "temperature": 0.5})
    body = render(facts, Text("so"))
    assert (body["instructions"], body["temperature"], body["store"]) == ("Be brief.", 0.5, False)


@pytest.mark.parametrize(
    ("finish", "status", "reason"),
    [
        ("stop", "completed", None),
        ("tool_calls", "completed", None),
        ("length", "incomplete", "max_output_tokens"),
        ("content_filter", "incomplete", "content_filter"),
        ("error", "failed", None),
    ],
)
def test_status(facts, finish, status, reason):
    body = render(facts, Text("so"), finish=finish)
    assert body["status"] == status
    assert body["incomplete_details"] == (reason and {"reason": reason})
    assert (body["error"] is not None) == (status == "failed")
    assert body["output"][-1]["status"] == ("completed" if status == "completed" else "incomplete")


def test_words_in_a_row_are_one_message_with_notes(facts):
    note = Citation("https://a.test", "A", start=0, end=2)
    (item,) = render(facts, Text("so", (note, Citation())), Text(" it is"), Refusal("no"))["output"]
    assert [piece["type"] for piece in item["content"]] == ["output_text", "output_text", "refusal"]
    assert item["content"][0]["annotations"] == [
        {
            "type": "url_citation",
            "url": "https://a.test",
            "title": "A",
            "start_index": 0,
            "end_index": 2,
        }
    ]


def test_phases_are_messages_of_their_own(facts):
    remark = Text("wait", state={"responses": {"phase": "commentary"}})
    first, second = render(facts, remark, Text("so"))["output"]
    assert first["phase"] == "commentary"
    assert "phase" not in second


def test_thought_of_this_format_is_its_own_item(facts):
    own = {"id": "rs_9", "summary": [], "encrypted_content": "x"}
    (item,) = render(facts, Reasoning("", {"responses": own}))["output"]
    assert item == {"type": "reasoning", **own}


def test_thought_of_another_format_is_sealed(facts):
    state = {"anthropic": {"signature": "c2VhbA=="}}
    (item,) = render(facts, Reasoning("hm", state))["output"]
    assert item["summary"] == [{"type": "summary_text", "text": "hm"}]
    assert unseal(item["encrypted_content"], "") == state


def test_state_of_another_format_stands_beside_a_call(facts):
    state = {"gemini": {"thoughtSignature": "c2VhbA=="}}
    (item,) = render(facts, ToolCall("c1", "f", "{}", state))["output"]
    assert item["state"] == state


def test_custom_call(facts):
    state = {"openai": {"type": "custom"}, "responses": {"type": "custom_tool_call"}}
    (item,) = render(facts, ToolCall("c1", "f", "free text", state))["output"]
    assert (item["type"], item["input"]) == ("custom_tool_call", "free text")


def test_picture_and_hosted_item(facts):
    search = {"type": "web_search_call", "id": "ws"}
    output = render(
        facts,
        Image("image/png", "QUJD"),
        Opaque("web_search_call", {"responses": search}),
        Opaque("server_tool_use", {"anthropic": {}}),
    )["output"]
    assert [item["type"] for item in output] == ["image_generation_call", "web_search_call"]
    assert output[0]["result"] == "QUJD"


def test_answer_without_choices_is_empty(facts):
    body = PROTOCOL.render_response(replace(ChatResponse("", "m", ())), facts)
    assert (body["status"], body["output"]) == ("completed", [])

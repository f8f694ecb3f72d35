from __future__ import annotations

from typing import Any

import pytest

from aiproxy.protocols.gemini import PROTOCOL
from providers.chat import ReasoningOptions, ResponseFormat, Text, Tool, ToolChoice
from providers.errors import InvalidRequest

CONTENTS = [{"role": "user", "parts": [{"text": "hello"}]}]
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}


def parse(**members: Any):
    return PROTOCOL.parse_request({"contents": CONTENTS, **members}, "m")


def configured(**members: Any):
    return parse(generationConfig=members)


def complaint(**members: Any) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        parse(**members)
    return caught.value


def test_address_tells_model_and_stream():
    request = PROTOCOL.parse_request({"contents": CONTENTS, "model": "other"}, "m", stream=True)
    assert (request.model, request.stream, request.extra) == ("m", True, {})


def test_settings_in_either_spelling():
    request = configured(
        temperature=0.5, top_p=0.9, topK=3, max_output_tokens=9, stopSequences=["a"], seed=1,
        presencePenalty=0.1, frequency_penalty=0.2, candidateCount=2,
    )  # fmt: skip
    assert (request.temperature, request.top_p, request.top_k) == (0.5, 0.9, 3)
    assert (request.max_tokens, request.stop, request.seed, request.n) == (9, ("a",), 1, 2)
    assert (request.presence_penalty, request.frequency_penalty) == (0.1, 0.2)
    assert request.extra == {}


def test_what_only_google_knows_is_kept():
    request = parse(
        safety_settings=[{"category": "X"}], generationConfig={"responseModalities": ["IMAGE"]}
    )
    assert request.extra == {
        "gemini": {
            "safetySettings": [{"category": "X"}],
            "generationConfig": {"responseModalities": ["IMAGE"]},
        }
    }


@pytest.mark.parametrize(
    "said", ["be brief", {"parts": [{"text": "be brief"}]}, {"parts": {"text": "be brief"}}]
)
def test_system_instruction(said):
    first, _ = parse(systemInstruction=said).messages
    assert (first.role, first.parts) == ("system", (Text("be brief"),))


def test_functions_and_googles_own_tools():
    declared = {"name": "f", "description": "d", "parameters_json_schema": SCHEMA}
    request = parse(
        tools=[{"functionDeclarations": [declared], "codeExecution": {}}, {"google_search": {}}]
    )
    assert request.tools == (Tool("f", "d", SCHEMA),)
    assert request.extra == {"gemini": {"tools": [{"codeExecution": {}}, {"googleSearch": {}}]}}


def test_schema_of_google_becomes_json_schema():
    said = {"type": "OBJECT", "properties": {"city": {"type": "STRING"}}}
    (tool,) = parse(tools=[{"functionDeclarations": {"name": "f", "parameters": said}}]).tools
    assert tool.parameters == SCHEMA


@pytest.mark.parametrize(
    ("said", "choice", "kept"),
    [
        ({"mode": "AUTO"}, ToolChoice("auto"), None),
        ({"mode": "ANY"}, ToolChoice("required"), None),
        ({"mode": "NONE"}, ToolChoice("none"), None),
        ({"mode": "ANY", "allowedFunctionNames": ["f"]}, ToolChoice("named", "f"), None),
        (
            {"mode": "ANY", "allowedFunctionNames": ["f", "g"]},
            ToolChoice("required"),
            {"mode": "ANY", "allowedFunctionNames": ["f", "g"]},
        ),
        ({"mode": "VALIDATED"}, ToolChoice("auto"), {"mode": "VALIDATED"}),
        ({"streamFunctionCallArguments": True}, None, {"streamFunctionCallArguments": True}),
    ],
)
def test_tool_choice(said, choice, kept):
    request = parse(toolConfig={"functionCallingConfig": said})
    assert request.tool_choice == choice
    config = {"gemini": {"toolConfig": {"functionCallingConfig": kept}}} if kept else {}
    assert request.extra == config


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        ({"responseMimeType": "application/json"}, ResponseFormat("json")),
        (
            {"responseMimeType": "application/json", "responseJsonSchema": SCHEMA},
            ResponseFormat("json_schema", SCHEMA),
        ),
        (
            {"response_mime_type": "application/json", "response_schema": {"type": "STRING"}},
            ResponseFormat("json_schema", {"type": "string"}),
        ),
        ({"responseMimeType": "text/plain"}, ResponseFormat("text")),
        ({}, None),
    ],
)
def test_structured_output(said, wanted):
    request = configured(**said)
    assert (request.response_format, request.extra) == (wanted, {})


def test_other_forms_of_answer_are_kept():
    said = {"responseMimeType": "text/x.enum", "responseJsonSchema": {"enum": ["a"]}}
    assert configured(**said).extra == {"gemini": {"generationConfig": said}}


@pytest.mark.parametrize(
    ("said", "options"),
    [
        ({"thinkingLevel": "HIGH"}, ReasoningOptions("high")),
        ({"thinking_budget": 512, "include_thoughts": True}, ReasoningOptions(None, 512, True)),
        ({"thinkingBudget": -1}, None),
        ({"includeThoughts": False}, ReasoningOptions(None, None, False)),
        ({"thinkingLevel": "THINKING_LEVEL_UNSPECIFIED"}, None),
    ],
)
def test_thinking(said, options):
    assert configured(thinkingConfig=said).reasoning == options


@pytest.mark.parametrize(
    ("members", "param"),
    [
        ({"contents": []}, "contents"),
        ({"contents": "hello"}, "contents"),
        ({"contents": [{"role": "robot", "parts": []}]}, "contents[0].role"),
        ({"generationConfig": {"temperature": "hot"}}, "generationConfig.temperature"),
        ({"tools": [{"functionDeclarations": [{}]}]}, "tools[0].functionDeclarations[0].name"),
        ({"base_url": "https://a.test"}, "base_url"),
    ],
)
def test_bad_member_is_named(members, param):
    assert complaint(**members).param == param


def test_counting_takes_contents_or_a_whole_request():
    whole = {"generateContentRequest": {"model": "models/m", "contents": CONTENTS, "tools": []}}
    assert PROTOCOL.parse_count(whole, "m") == PROTOCOL.parse_count({"contents": CONTENTS}, "m")


def test_embedding():
    body = {
        "content": {"parts": [{"text": "a"}, {"text": "b"}]},
        "taskType": "RETRIEVAL_QUERY",
        "title": "t",
    }
    request = PROTOCOL.parse_embedding({**body, "output_dimensionality": 8}, "m")
    assert (request.model, request.inputs, request.dimensions) == ("m", ("ab",), 8)
    assert (request.task, request.extra) == ("query", {"gemini": {"title": "t"}})


def test_batch_of_embeddings():
    requests = [{"model": "models/m", "content": {"parts": [{"text": text}]}} for text in "ab"]
    assert PROTOCOL.parse_embeddings({"requests": requests}, "m").inputs == ("a", "b")


@pytest.mark.parametrize(
    ("requests", "param"),
    [
        ([], "requests"),
        ([{"content": {"parts": []}}], "requests[0].content.parts"),
        ([{"content": {"parts": [{"inlineData": {}}]}}], "requests[0].content.parts[0]"),
    ],
)
def test_what_cannot_be_embedded_is_named(requests, param):
    with pytest.raises(InvalidRequest) as caught:
        PROTOCOL.parse_embeddings({"requests": requests}, "m")
    assert caught.value.param == param

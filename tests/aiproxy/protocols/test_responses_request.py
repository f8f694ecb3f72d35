from __future__ import annotations

from typing import Any

import pytest

from aiproxy.protocols.responses import PROTOCOL
from providers.chat import ReasoningOptions, ResponseFormat, Tool, ToolChoice
from providers.errors import InvalidRequest

SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}


def parse(**members: Any):
    return PROTOCOL.parse_request({"model": "m", "input": "hello", **members})


def complaint(**members: Any) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        parse(**members)
    return caught.value


def test_plain_request():
    request = parse(
        temperature=0.5,
        top_p=0.9,
        max_output_tokens=9,
        user="ada",
        stream=True,
        metadata={"a": "b"},
    )
    assert (request.model, request.max_tokens, request.user, request.stream) == (
        "m",
        9,
        "ada",
        True,
    )
    assert (request.temperature, request.top_p) == (0.5, 0.9)
    assert request.extra == {}


@pytest.mark.parametrize(
    ("name", "value", "hint"),
    [
        ("previous_response_id", "resp_1", "Send the whole conversation in input"),
        ("conversation", {"id": "conv_1"}, "Send the whole conversation in input"),
        ("background", True, "set stream to true"),
    ],
)
def test_what_needs_a_memory_is_refused_with_what_to_do(name, value, hint):
    error = complaint(**{name: value})
    assert error.param == name
    assert hint in error.message


@pytest.mark.parametrize(
    "said", [{"previous_response_id": None}, {"background": False}, {"store": False}]
)
def test_what_asks_for_no_memory_is_fine(said):
    assert parse(**said).extra == {}


def test_storing_at_the_provider_is_for_those_who_can():
    assert parse(store=True).extra == {"responses": {"store": True}}


def test_functions_and_other_tools():
    function = {"type": "function", "name": "f", "parameters": SCHEMA, "strict": True}
    request = parse(tools=[{"type": "web_search"}, {**function, "defer_loading": True}])
    assert request.tools == (Tool("f", None, SCHEMA, True, {"responses": {"defer_loading": True}}),)
    assert request.extra == {"responses": {"tools": [{"type": "web_search"}]}}


@pytest.mark.parametrize(
    ("said", "choice"),
    [
        ("auto", ToolChoice("auto")),
        ("required", ToolChoice("required")),
        ({"type": "function", "name": "f"}, ToolChoice("named", "f")),
    ],
)
def test_tool_choice(said, choice):
    assert parse(tool_choice=said).tool_choice == choice


def test_choice_of_a_hosted_tool_is_kept():
    said = {"type": "file_search"}
    assert parse(tool_choice=said).extra == {"responses": {"tool_choice": said}}


@pytest.mark.parametrize("said", ["some", {"type": "function"}, 5])
def test_bad_tool_choice_is_named(said):
    assert (complaint(tool_choice=said).param or "").startswith("tool_choice")


@pytest.mark.parametrize(
    ("format_", "wanted"),
    [
        ({"type": "text"}, ResponseFormat("text")),
        ({"type": "json_object"}, ResponseFormat("json")),
        (
            {"type": "json_schema", "name": "n", "schema": SCHEMA, "strict": True},
            ResponseFormat("json_schema", SCHEMA, "n", strict=True),
        ),
    ],
)
def test_structured_output(format_, wanted):
    request = parse(text={"format": format_, "verbosity": "low"})
    assert request.response_format == wanted
    assert request.extra == {"responses": {"text": {"verbosity": "low"}}}


@pytest.mark.parametrize("format_", [{}, {"type": "xml"}, {"type": "json_schema"}])
def test_bad_format_is_named(format_):
    assert (complaint(text={"format": format_}).param or "").startswith("text.format")


@pytest.mark.parametrize(
    ("said", "options", "kept"),
    [
        ({"effort": "high"}, ReasoningOptions("high"), {}),
        ({"summary": "auto"}, ReasoningOptions(None, None, True), {}),
        (
            {"effort": "low", "summary": "concise"},
            ReasoningOptions("low", None, True),
            {"responses": {"reasoning": {"summary": "concise"}}},
        ),
        ({"generate_summary": "auto"}, ReasoningOptions(None, None, True), {}),
        ({}, None, {}),
    ],
)
def test_reasoning(said, options, kept):
    request = parse(reasoning=said)
    assert (request.reasoning, request.extra) == (options, kept)


def test_other_parameters_are_kept():
    assert parse(truncation="auto").extra == {"responses": {"truncation": "auto"}}


def test_destination_is_refused():
    assert complaint(base_url="https://a.test").param == "base_url"


def test_answer_repeats_what_was_asked():
    style = PROTOCOL.style({"instructions": "Be brief.", "metadata": {"a": "b"}, "input": "x"})
    assert style.repeated == {"instructions": "Be brief.", "metadata": {"a": "b"}}

from __future__ import annotations

import pytest

from aiproxy.protocols.anthropic import PROTOCOL
from providers.chat import ReasoningOptions, ResponseFormat, Text, Tool, ToolChoice
from providers.errors import InvalidRequest

HELLO = [{"role": "user", "content": "hello"}]
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}


def parse(**members):
    return PROTOCOL.parse_request({"model": "m", "max_tokens": 9, "messages": HELLO, **members})


def complaint(**members) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        parse(**members)
    return caught.value


def test_plain_request():
    request = parse(
        temperature=0.5, top_p=0.9, top_k=3, stop_sequences=["a", "b"], stream=True, system=None
    )
    assert (request.model, request.max_tokens, request.stream) == ("m", 9, True)
    assert (request.temperature, request.top_p, request.top_k) == (0.5, 0.9, 3)
    assert request.stop == ("a", "b")
    assert request.messages[0].parts == (Text("hello"),)
    assert request.extra == {}


def test_system_as_text_and_as_blocks():
    assert parse(system="a").messages[0].parts == (Text("a"),)
    mark = {"type": "ephemeral"}
    blocks = [{"type": "text", "text": "a", "cache_control": mark}]
    system = parse(system=blocks).messages[0]
    assert system.role == "system"
    assert system.parts == (Text("a", state={"anthropic": {"cache_control": mark}}),)


def test_user_id_is_the_user_and_the_rest_of_metadata_stays():
    request = parse(metadata={"user_id": "u", "team": "t"})
    assert request.user == "u"
    assert request.extra == {"anthropic": {"metadata": {"team": "t"}}}


def test_tools_of_the_caller():
    mark = {"type": "ephemeral"}
    tool = {"name": "w", "description": "d", "input_schema": SCHEMA, "cache_control": mark}
    assert parse(tools=[tool]).tools == (
        Tool("w", "d", SCHEMA, state={"anthropic": {"cache_control": mark}}),
    )
    assert parse(tools=[{"type": "custom", "name": "w", "strict": True}]).tools == (
        Tool("w", strict=True),
    )


def test_tools_that_anthropic_runs_are_kept_whole():
    search = {"type": "web_search_20250305", "name": "web_search", "max_uses": 3}
    request = parse(tools=[search, {"name": "w"}])
    assert request.tools == (Tool("w"),)
    assert request.extra == {"anthropic": {"tools": [search]}}


@pytest.mark.parametrize(
    ("given", "choice", "parallel"),
    [
        ({"type": "auto"}, ToolChoice("auto"), None),
        ({"type": "any"}, ToolChoice("required"), None),
        ({"type": "none"}, ToolChoice("none"), None),
        ({"type": "tool", "name": "w"}, ToolChoice("named", "w"), None),
        ({"type": "auto", "disable_parallel_tool_use": True}, ToolChoice("auto"), False),
        (None, None, None),
    ],
)
def test_tool_choice(given, choice, parallel):
    request = parse(tool_choice=given)
    assert (request.tool_choice, request.parallel_tool_calls) == (choice, parallel)


@pytest.mark.parametrize(
    ("members", "options"),
    [
        ({"thinking": {"type": "enabled", "budget_tokens": 2048}}, ReasoningOptions(None, 2048)),
        ({"thinking": {"type": "disabled"}}, ReasoningOptions("none")),
        ({"thinking": {"type": "between_tools"}}, ReasoningOptions("none")),
        ({"thinking": {"type": "adaptive"}}, ReasoningOptions()),
        (
            {
                "thinking": {"type": "adaptive", "display": "omitted"},
                "output_config": {"effort": "high"},
            },
            ReasoningOptions("high", None, False),
        ),
        ({}, None),
    ],
)
def test_thinking(members, options):
    request = parse(**members)
    assert request.reasoning == options
    assert request.extra == {}


def test_effort_alone_turns_no_thinking_on():
    request = parse(output_config={"effort": "low"})
    assert request.reasoning is None
    assert request.extra == {"anthropic": {"output_config": {"effort": "low"}}}


@pytest.mark.parametrize(
    "members",
    [
        {"output_config": {"format": {"type": "json_schema", "schema": SCHEMA}}},
        {"output_format": {"type": "json_schema", "schema": SCHEMA}},
    ],
)
def test_structured_output(members):
    request = parse(**members)
    assert request.response_format == ResponseFormat("json_schema", SCHEMA, strict=True)
    assert request.extra == {}


def test_words_we_do_not_have_are_kept_for_the_same_format():
    assert parse(service_tier="auto", container=None).extra == {
        "anthropic": {"service_tier": "auto"}
    }


@pytest.mark.parametrize(
    ("members", "param"),
    [
        ({"model": 1}, "model"),
        ({"messages": None}, "messages"),
        ({"messages": []}, "messages"),
        ({"max_tokens": "many"}, "max_tokens"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"system": 1}, "system"),
        ({"system": [{"type": "text"}]}, "system[0].text"),
        ({"stop_sequences": [1]}, "stop_sequences[0]"),
        ({"metadata": []}, "metadata"),
        ({"metadata": {"user_id": 1}}, "metadata.user_id"),
        ({"tools": [{}]}, "tools[0].name"),
        ({"tools": [{"name": "w", "input_schema": []}]}, "tools[0].input_schema"),
        ({"tool_choice": "auto"}, "tool_choice"),
        ({"tool_choice": {}}, "tool_choice.type"),
        ({"tool_choice": {"type": "function"}}, "tool_choice.type"),
        ({"tool_choice": {"type": "tool"}}, "tool_choice.name"),
        ({"thinking": {}}, "thinking.type"),
        ({"thinking": {"type": "enabled"}}, "thinking.budget_tokens"),
        ({"output_config": {"format": {"type": "json_schema"}}}, "output_config.format.schema"),
        ({"output_config": {"format": {"type": "xml"}}}, "output_config.format.type"),
        ({"base_url": "https://evil.test"}, "base_url"),
    ],
)
def test_bad_member_is_named(members, param):
    assert complaint(**members).param == param

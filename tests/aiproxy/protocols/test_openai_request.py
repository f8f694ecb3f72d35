from __future__ import annotations

import pytest

from aiproxy.protocols.openai import PROTOCOL
from providers.chat import ReasoningOptions, ResponseFormat, Text, Tool, ToolChoice
from providers.errors import InvalidRequest

HELLO = [{"role": "user", "content": "hello"}]
WEATHER = {"type": "object", "properties": {"city": {"type": "string"}}}


def parse(**members):
    return PROTOCOL.parse_request({"model": "m", "messages": HELLO, **members})


def complaint(**members) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        parse(**members)
    return caught.value


def test_plain_request():
    request = parse()
    assert request.model == "m"
    assert request.messages[0].parts == (Text("hello"),)
    assert request.extra == {}


def test_sampling_and_limits():
    request = parse(
        temperature=0.5,
        top_p=0.9,
        top_k=5,
        seed=7,
        n=2,
        presence_penalty=0.1,
        frequency_penalty=-0.1,
        user="u",
        stream=True,
        parallel_tool_calls=False,
    )
    assert (request.temperature, request.top_p, request.top_k) == (0.5, 0.9, 5)
    assert (request.seed, request.n, request.user) == (7, 2, "u")
    assert (request.presence_penalty, request.frequency_penalty) == (0.1, -0.1)
    assert request.stream
    assert request.parallel_tool_calls is False


@pytest.mark.parametrize(
    ("members", "tokens"),
    [
        ({"max_tokens": 5}, 5),
        ({"max_completion_tokens": 6}, 6),
        ({"max_tokens": 5, "max_completion_tokens": 6}, 6),
        ({}, None),
    ],
)
def test_newer_name_of_the_limit_wins(members, tokens):
    assert parse(**members).max_tokens == tokens


@pytest.mark.parametrize(("stop", "words"), [("a", ("a",)), (["a", "b"], ("a", "b")), (None, ())])
def test_stop_is_one_word_or_several(stop, words):
    assert parse(stop=stop).stop == words


def test_words_we_do_not_have_are_kept_for_the_same_format():
    request = parse(logprobs=True, store=False, metadata={"a": "b"}, service_tier=None)
    assert request.extra == {"openai": {"logprobs": True, "store": False, "metadata": {"a": "b"}}}


def test_stream_options_are_ours():
    assert parse(stream=True, stream_options={"include_usage": True}).extra == {}


def test_function_tool():
    function = {"name": "w", "description": "d", "parameters": WEATHER, "strict": True}
    assert parse(tools=[{"type": "function", "function": function}]).tools == (
        Tool("w", "d", WEATHER, True),
    )


def test_custom_tool_is_kept_whole():
    tool = {"type": "custom", "custom": {"name": "sql"}}
    assert parse(tools=[tool]).tools == (Tool("custom", state={"openai": tool}),)


@pytest.mark.parametrize(
    ("given", "choice"),
    [
        ("auto", ToolChoice("auto")),
        ("none", ToolChoice("none")),
        ("required", ToolChoice("required")),
        ({"type": "function", "function": {"name": "w"}}, ToolChoice("named", "w")),
        (None, None),
    ],
)
def test_tool_choice(given, choice):
    assert parse(tool_choice=given).tool_choice == choice


def test_allowed_tools_are_left_to_providers_of_this_format():
    given = {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": []}}
    request = parse(tool_choice=given)
    assert request.tool_choice is None
    assert request.extra == {"openai": {"tool_choice": given}}


@pytest.mark.parametrize(
    ("given", "param"),
    [
        ("any", "tool_choice"),
        (3, "tool_choice"),
        ({"type": "function"}, "tool_choice.function.name"),
        ({}, "tool_choice.function.name"),
    ],
)
def test_bad_tool_choice(given, param):
    assert complaint(tool_choice=given).param == param


@pytest.mark.parametrize(
    ("given", "format_"),
    [
        ({"type": "text"}, ResponseFormat("text")),
        ({"type": "json_object"}, ResponseFormat("json")),
        (
            {
                "type": "json_schema",
                "json_schema": {"name": "n", "schema": WEATHER, "strict": True},
            },
            ResponseFormat("json_schema", WEATHER, "n", None, True),
        ),
    ],
)
def test_response_format(given, format_):
    assert parse(response_format=given).response_format == format_


@pytest.mark.parametrize(
    ("members", "options"),
    [
        ({"reasoning_effort": "low"}, ReasoningOptions("low")),
        ({"reasoning": {"max_tokens": 9}}, ReasoningOptions(None, 9)),
        ({"reasoning": {"effort": "high", "exclude": True}}, ReasoningOptions("high", None, False)),
        ({"reasoning": {"enabled": False}}, ReasoningOptions("none")),
        ({}, None),
    ],
)
def test_reasoning(members, options):
    assert parse(**members).reasoning == options


@pytest.mark.parametrize(
    ("members", "param"),
    [
        ({"model": 1}, "model"),
        ({"messages": None}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": {}}, "messages"),
        ({"temperature": "hot"}, "temperature"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": True}, "max_tokens"),
        ({"stream": "yes"}, "stream"),
        ({"stop": [1]}, "stop[0]"),
        ({"tools": [{}]}, "tools[0].function"),
        ({"tools": [{"type": "function", "function": {}}]}, "tools[0].function.name"),
        ({"response_format": {}}, "response_format.type"),
        ({"response_format": {"type": "xml"}}, "response_format.type"),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema"),
        ({"api_base": "https://evil.test"}, "api_base"),
        ({"functions": [{}]}, "functions"),
        ({"function_call": "auto"}, "function_call"),
    ],
)
def test_bad_member_is_named(members, param):
    assert complaint(**members).param == param


def test_body_that_is_no_object():
    with pytest.raises(InvalidRequest):
        PROTOCOL.parse_request([])


@pytest.mark.parametrize(
    ("given", "inputs"),
    [
        ("a", ("a",)),
        (["a", "b"], ("a", "b")),
        ([1, 2], ((1, 2),)),
        ([[1, 2], [3]], ((1, 2), (3,))),
        (["a", [1]], ("a", (1,))),
    ],
)
def test_embedding_inputs(given, inputs):
    request = PROTOCOL.parse_embedding({"model": "m", "input": given, "dimensions": 4})
    assert (request.inputs, request.dimensions, request.extra) == (inputs, 4, {})


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "input"),
        ({"input": []}, "input"),
        ({"input": 5}, "input"),
        ({"input": ["a", 5]}, "input[1]"),
        ({"input": [[1, "a"]]}, "input[0]"),
        ({"input": [True]}, "input[0]"),
        ({"input": "a", "encoding_format": "hex"}, "encoding_format"),
        ({"input": "a", "dimensions": 0}, "dimensions"),
        ({"input": "a", "base_url": "x"}, "base_url"),
    ],
)
def test_bad_embedding_body(body, param):
    with pytest.raises(InvalidRequest) as caught:
        PROTOCOL.parse_embedding(body)
    assert caught.value.param == param


def test_other_embedding_words_are_kept():
    request = PROTOCOL.parse_embedding({"model": "m", "input": "a", "truncate": True})
    assert request.extra == {"openai": {"truncate": True}}


@pytest.mark.parametrize(
    ("body", "usage", "base64"),
    [
        ({}, False, False),
        ({"stream_options": {"include_usage": True}}, True, False),
        ({"stream_options": {}}, False, False),
        ({"encoding_format": "base64"}, False, True),
        ({"encoding_format": "float"}, False, False),
    ],
)
def test_style(body, usage, base64):
    style = PROTOCOL.style(body)
    assert (style.include_usage, style.base64) == (usage, base64)

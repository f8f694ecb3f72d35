import json

import pytest

from providers.adapters.cohere import CohereAdapter
from providers.catalogue.spec import ModelSpec
from providers.chat import (
    ChatRequest,
    Citation,
    File,
    Image,
    Message,
    Opaque,
    Reasoning,
    ReasoningOptions,
    Refusal,
    ResponseFormat,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from providers.errors import InvalidRequest
from tests.providers.adapters.hosts import host

HELLO = (Message("user", (Text("Hello"),)),)
WEATHER = Tool("weather", "Tells the weather", {"type": "object", "properties": {}})


def build(at=None, messages=HELLO, **options):
    return CohereAdapter().build(ChatRequest("m", messages, **options), at or host())


def written(*messages):
    wire = build(messages=messages)
    return wire.body["messages"], changes(wire)


def changes(wire):
    return [(change.kind, change.what) for change in wire.changes]


# --- parameters -----------------------------------------------------------------------------------


def test_plain_request_says_only_what_was_said():
    wire = build()
    assert (wire.method, wire.path, wire.stream) == ("POST", "/v2/chat", False)
    message = {"role": "user", "content": "Hello"}
    assert wire.body == {"model": "m", "messages": [message], "stream": False}
    assert wire.changes == ()


def test_parameters_get_their_names():
    said = {"temperature": 0.5, "seed": 1, "max_tokens": 9}
    said |= {"presence_penalty": 0.1, "frequency_penalty": 0.2}
    body = build(**said, top_p=0.9, top_k=5, stop=("a",)).body
    assert said.items() <= body.items()
    assert {"p": 0.9, "k": 5, "stop_sequences": ["a"]}.items() <= body.items()


def test_what_cannot_be_said_is_told():
    wire = build(host(drop=["temperature"]), temperature=1, n=2, user="u", stop=tuple("abcdef"))
    assert len(wire.body["stop_sequences"]) == 5
    kinds = [("changed", "stop"), ("dropped", "n"), ("dropped", "user"), ("dropped", "temperature")]
    assert sorted(changes(wire)) == sorted(kinds)


def test_documents_are_taken_from_every_dialect():
    own = {"documents": [{"data": {"text": "x"}}], "safety_mode": "OFF"}
    wire = build(extra={"openai": {**own, "logit_bias": {}}})
    assert own.items() <= wire.body.items()
    assert changes(wire) == [("dropped", "logit_bias")]


def test_own_words_without_a_place_are_told():
    wire = build(extra={"cohere": {"logprobs": True, "model": "x", "truncate_at": 1}})
    assert changes(wire) == [("dropped", "logprobs"), ("dropped", "model")]
    assert wire.body["truncate_at"] == 1


# --- tools ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "word"), [("required", "REQUIRED"), ("none", "NONE"), ("auto", None)]
)
def test_tool_choice(mode, word):
    body = build(tools=(WEATHER,), tool_choice=ToolChoice(mode)).body
    assert body.get("tool_choice") == word


def test_named_tool_is_the_only_one_sent():
    wire = build(tools=(WEATHER, Tool("b")), tool_choice=ToolChoice("named", "b"))
    assert [tool["function"]["name"] for tool in wire.body["tools"]] == ["b"]
    assert wire.body["tool_choice"] == "REQUIRED"
    assert changes(wire) == [("emulated", "tool_choice")]


def test_strictness_holds_for_all_tools_or_is_told():
    strict = Tool("a", strict=True)
    assert build(tools=(strict,)).body["strict_tools"] is True
    assert changes(build(tools=(strict, WEATHER))) == [("dropped", "tools.strict")]


def test_parallel_calls_cannot_be_steered():
    wire = build(tools=(WEATHER,), parallel_tool_calls=False)
    assert changes(wire) == [("dropped", "parallel_tool_calls")]


def test_tool_of_another_provider_is_left_out():
    wire = build(tools=(Tool("search", state={"openai": {"type": "web_search"}}),))
    assert "tools" not in wire.body
    assert changes(wire) == [("dropped", "tools[0]")]


# --- reasoning and structured output --------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "thinking"),
    [
        (ReasoningOptions("none"), {"type": "disabled"}),
        (ReasoningOptions(budget=0), {"type": "disabled"}),
        (ReasoningOptions(budget=500), {"type": "enabled", "token_budget": 500}),
        (ReasoningOptions("high"), {"type": "enabled"}),
    ],
)
def test_thinking(options, thinking):
    assert build(reasoning=options).body["thinking"] == thinking


def test_effort_and_visibility_are_told():
    wire = build(reasoning=ReasoningOptions("high", include=True))
    assert changes(wire) == [("dropped", "reasoning.include"), ("changed", "reasoning.effort")]
    assert "thinking" not in build(reasoning=ReasoningOptions(include=True)).body


def test_model_that_does_not_think_is_not_asked_to():
    wire = build(host(model=ModelSpec(id="m")), reasoning=ReasoningOptions("high"))
    assert "thinking" not in wire.body
    assert changes(wire) == [("dropped", "reasoning")]


def test_json_and_schemas():
    schema = {"type": "object"}
    body = build(response_format=ResponseFormat("json_schema", schema)).body
    assert body["response_format"] == {"type": "json_object", "json_schema": schema}
    assert build(response_format=ResponseFormat("json")).body["response_format"] == {
        "type": "json_object"
    }
    assert "response_format" not in build(response_format=ResponseFormat("text")).body


def test_schema_beside_tools_is_an_instruction():
    wire = build(tools=(WEATHER,), response_format=ResponseFormat("json_schema", {"title": "x"}))
    assert "response_format" not in wire.body
    assert '{"title":"x"}' in wire.body["messages"][0]["content"]
    assert changes(wire) == [("emulated", "response_format")]


# --- the conversation -----------------------------------------------------------------------------


def test_pictures_are_blocks():
    parts = (Text("?"), Image("image/png", "AAAA", detail="low"), Image(url="https://a/b.png"))
    (message,), _ = written(Message("user", parts))
    assert message["content"] == [
        {"type": "text", "text": "?"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA", "detail": "low"}},
        {"type": "image_url", "image_url": {"url": "https://a/b.png"}},
    ]


def test_turn_with_a_plan_goes_back_as_it_came():
    plan = Reasoning("I will look.", {"cohere": {"type": "tool_plan"}})
    call = ToolCall("c", "weather", '{"a": 1}')
    result = ToolResult("c", (Text("sunny"),), "weather")
    wire, _ = written(Message("assistant", (plan, call)), Message("tool", (result,)))
    function = {"name": "weather", "arguments": '{"a":1}'}
    assert wire == [
        {
            "role": "assistant",
            "tool_plan": "I will look.",
            "tool_calls": [{"id": "c", "type": "function", "function": function}],
        },
        {"role": "tool", "tool_call_id": "c", "content": "sunny"},
    ]


def test_thoughts_and_citations_go_back():
    note = {"start": 0, "end": 2, "sources": []}
    said = Text("Hi", (Citation(state={"cohere": note}), Citation(url="https://a")))
    thought = Reasoning("Hm", {"cohere": {"type": "thinking"}})
    (message,), _ = written(Message("assistant", (thought, said)))
    assert message["content"] == [
        {"type": "thinking", "thinking": "Hm"},
        {"type": "text", "text": "Hi"},
    ]
    assert message["citations"] == [note]


def test_thoughts_of_another_model_stay_here():
    (message,), told = written(Message("assistant", (Reasoning("Hm"), Refusal("No."))))
    assert message == {"role": "assistant", "content": "No."}
    assert told == [("dropped", "messages.reasoning")]


def test_arguments_that_are_cut_short_are_sent_empty():
    (message,), _ = written(Message("assistant", (ToolCall("c", "a", '{"x": '),)))
    assert json.loads(message["tool_calls"][0]["function"]["arguments"]) == {}


def test_picture_of_a_result_follows_in_a_user_message():
    result = ToolResult("c", (Image("image/png", "AAAA"),), is_error=True)
    wire, told = written(Message("tool", (result,)))
    assert [message["role"] for message in wire] == ["tool", "user"]
    assert wire[0]["content"] == "Error: "
    assert told == [("emulated", "messages[0].is_error"), ("emulated", "messages[0].image")]


def test_own_blocks_go_back_and_foreign_ones_are_told():
    own, foreign = Opaque("sound", {"cohere": {"type": "sound"}}), Opaque("x", {"openai": {}})
    (message,), told = written(Message("assistant", (Text("Hi"), own, foreign)))
    assert message["content"][1] == {"type": "sound"}
    assert told == [("dropped", "messages[0].x")]
    (message,), _ = written(Message("user", (Text("Hi"), own)))
    assert message["content"][1] == {"type": "sound"}


def test_what_no_message_can_carry_is_told():
    mark = {"anthropic": {"cache_control": {"type": "ephemeral"}}}
    parts = (Text("?", state=mark), File("application/pdf", "JVBE"))
    _, told = written(Message("user", parts, name="bob"))
    assert set(told) == {
        ("dropped", "messages[0].name"),
        ("dropped", "cache_control"),
        ("dropped", "messages[0].file"),
    }


def test_empty_turn_says_nothing():
    (message,), _ = written(Message("assistant", ()))
    assert message == {"role": "assistant", "content": ""}


def test_nothing_to_say_is_refused():
    with pytest.raises(InvalidRequest) as caught:
        build(messages=())
    assert caught.value.param == "messages"
    with pytest.raises(InvalidRequest, match="no chat"):
        build(host(paths={"chat": ""}))

import pytest

from providers.adapters.responses import ResponsesAdapter
from providers.catalogue.spec import ModelSpec
from providers.chat import (
    ChatRequest,
    Message,
    Reasoning,
    ReasoningOptions,
    ResponseFormat,
    Text,
    Tool,
    ToolChoice,
)
from providers.errors import InvalidRequest
from tests.providers.adapters.hosts import host

HELLO = (Message("user", (Text("Hello"),)),)
WEATHER = Tool("weather", "Tells the weather", {"type": "object", "properties": {}})
THINKER = ModelSpec(id="m", capabilities=("chat", "reasoning"))
SEALED = ["reasoning.encrypted_content"]


def build(at=None, messages=HELLO, **options):
    return ResponsesAdapter().build(ChatRequest("m", messages, **options), at or host())


def changes(wire):
    return [(change.kind, change.what) for change in wire.changes]


def test_plain_request_says_only_what_was_said_and_stores_nothing():
    wire = build()
    assert (wire.method, wire.path, wire.stream) == ("POST", "/responses", False)
    content = [{"type": "input_text", "text": "Hello"}]
    item = {"type": "message", "role": "user", "content": content}
    assert wire.body == {"model": "m", "input": [item], "store": False}
    assert wire.changes == ()


def test_parameters_get_their_names():
    body = build(temperature=0.5, top_p=0.9, max_tokens=100, user="u", stream=True).body
    said = {"temperature": 0.5, "top_p": 0.9, "max_output_tokens": 100, "user": "u", "stream": True}
    assert said.items() <= body.items()


def test_what_the_format_does_not_know_is_told():
    wire = build(stop=("a",), seed=1, top_k=2, presence_penalty=0.1, frequency_penalty=0.1, n=2)
    names = ["top_k", "stop", "seed", "presence_penalty", "frequency_penalty", "n"]
    assert changes(wire) == [("dropped", name) for name in names]


def test_what_the_model_refuses_is_told():
    wire = build(host(drop=["temperature"]), temperature=0.5)
    assert changes(wire) == [("dropped", "temperature")]


def test_output_is_never_limited_below_the_least():
    wire = build(max_tokens=1)
    assert wire.body["max_output_tokens"] == 16
    assert changes(wire) == [("changed", "max_tokens")]


def test_tools_are_not_strict_unless_said():
    body = build(tools=(WEATHER, Tool("b", strict=True)), parallel_tool_calls=False).body
    assert [tool["strict"] for tool in body["tools"]] == [False, True]
    assert body["tools"][0]["parameters"] == WEATHER.parameters
    assert body["parallel_tool_calls"] is False


@pytest.mark.parametrize(
    ("choice", "wire"),
    [
        (ToolChoice("auto"), "auto"),
        (ToolChoice("none"), "none"),
        (ToolChoice("required"), "required"),
        (ToolChoice("named", "weather"), {"type": "function", "name": "weather"}),
        (ToolChoice("named", "note"), {"type": "custom", "name": "note"}),
    ],
)
def test_tool_choice(choice, wire):
    note = Tool("note", state={"openai": {"type": "custom", "custom": {"name": "note"}}})
    assert build(tools=(WEATHER, note), tool_choice=choice).body["tool_choice"] == wire


def test_plain_text_tool_of_chat_completions_is_carried():
    grammar = {"type": "grammar", "grammar": {"syntax": "lark", "definition": "x"}}
    own = {"type": "custom", "custom": {"name": "note", "format": grammar}}
    (tool,) = build(tools=(Tool("note", state={"openai": own}),)).body["tools"]
    format_ = {"type": "grammar", "syntax": "lark", "definition": "x"}
    assert tool == {"type": "custom", "name": "note", "format": format_}


def test_tool_of_another_provider_is_left_out():
    wire = build(tools=(Tool("search", state={"anthropic": {"type": "web_search_20250305"}}),))
    assert "tools" not in wire.body
    assert changes(wire) == [("dropped", "tools[0]")]


def test_hosted_tools_join_the_callers():
    search = {"type": "web_search"}
    body = build(tools=(WEATHER,), extra={"responses": {"tools": [search]}}).body
    assert [tool["type"] for tool in body["tools"]] == ["function", "web_search"]


def test_what_a_function_has_beyond_our_words_is_kept():
    tool = Tool("a", state={"responses": {"defer_loading": True}})
    assert build(tools=(tool,)).body["tools"][0]["defer_loading"] is True


def test_schema_is_a_format_of_the_text():
    schema = {"type": "object"}
    body = build(response_format=ResponseFormat("json_schema", schema, "n", "d", True)).body
    assert body["text"] == {
        "format": {
            "type": "json_schema",
            "name": "n",
            "description": "d",
            "schema": schema,
            "strict": True,
        }
    }
    assert build(response_format=ResponseFormat("json")).body["text"] == {
        "format": {"type": "json_object"}
    }
    assert "text" not in build(response_format=ResponseFormat("text")).body


def test_effort_is_the_nearest_the_model_has():
    wire = build(host(reasoning_efforts=["high"]), reasoning=ReasoningOptions("low"))
    assert wire.body["reasoning"] == {"effort": "high"}
    assert changes(wire) == [("changed", "reasoning.effort")]


def test_summary_is_asked_for_where_thoughts_are_wanted():
    body = build(reasoning=ReasoningOptions(include=True)).body
    assert body["reasoning"] == {"summary": "auto"}


def test_thinking_that_cannot_be_steered_is_told():
    wire = build(host(reasoning="none"), reasoning=ReasoningOptions("high"))
    assert "reasoning" not in wire.body
    assert changes(wire) == [("dropped", "reasoning")]


@pytest.mark.parametrize(
    ("at", "options"),
    [
        (host(model=THINKER), {}),
        (host(), {"reasoning": ReasoningOptions("low")}),
        (host(), {"messages": (Message("assistant", (Reasoning("", {"responses": {}}),)), *HELLO)}),
    ],
    ids=["model thinks", "caller asks", "it thought before"],
)
def test_sealed_reasoning_is_asked_for(at, options):
    assert build(at, **options).body["include"] == SEALED


def test_model_that_does_not_think_is_not_asked_for_seals():
    assert "include" not in build(reasoning=ReasoningOptions("none")).body


def test_callers_own_words_are_passed_on():
    own = {"truncation": "auto", "include": ["x"], "text": {"verbosity": "low"}, "store": True}
    own |= {"reasoning": {"summary": "detailed"}}
    wire = build(host(model=THINKER), extra={"responses": own}, reasoning=ReasoningOptions("low"))
    assert wire.body["truncation"] == "auto"
    assert wire.body["include"] == ["x", *SEALED]
    assert wire.body["text"] == {"verbosity": "low"}
    assert wire.body["reasoning"] == {"summary": "detailed", "effort": "low"}
    assert wire.body["store"] is True
    assert wire.changes == ()


def test_words_of_chat_completions_that_mean_the_same_are_carried():
    extra = {"openai": {"service_tier": "flex", "verbosity": "low", "logit_bias": {}}}
    wire = build(extra=extra)
    assert wire.body["service_tier"] == "flex"
    assert wire.body["text"] == {"verbosity": "low"}
    assert changes(wire) == [("dropped", "logit_bias")]


def test_extra_that_is_said_already_or_has_no_place_is_told():
    own = {"model": "x", "top_logprobs": 2, "stream": True, "temperature": 1}
    wire = build(host(drop=["temperature"]), extra={"responses": own})
    assert {what for _, what in changes(wire)} == {"model", "top_logprobs", "stream", "temperature"}
    assert wire.body["model"] == "m"


def test_nothing_to_say_is_refused():
    with pytest.raises(InvalidRequest) as caught:
        build(messages=())
    assert caught.value.param == "messages"


def test_provider_without_the_path_refuses():
    with pytest.raises(InvalidRequest, match="no chat"):
        build(host(paths={"responses": ""}))

import pytest

from providers.adapters.openai import OpenAIAdapter
from providers.catalogue.spec import ModelSpec
from providers.chat import (
    ChatRequest,
    Message,
    ReasoningOptions,
    ResponseFormat,
    Text,
    Tool,
    ToolChoice,
)
from providers.errors import InvalidRequest
from providers.registry import catalogue
from tests.providers.adapters.hosts import host

HELLO = (Message("user", (Text("Hello"),)),)
WEATHER = Tool("weather", "Tells the weather", {"type": "object", "properties": {}})
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}


def build(at=None, messages=HELLO, **options):
    return OpenAIAdapter().build(ChatRequest("m", messages, **options), at or host())


def changes(wire):
    return [(change.kind, change.what) for change in wire.changes]


def test_plain_request_says_only_what_was_said():
    wire = build()
    assert (wire.method, wire.path, wire.stream) == ("POST", "/chat/completions", False)
    assert wire.body == {"model": "m", "messages": [{"role": "user", "content": "Hello"}]}
    assert wire.changes == ()


def test_parameters_keep_their_names():
    said = {
        "temperature": 0.5,
        "top_p": 0.9,
        "max_tokens": 10,
        "seed": 0,
        "presence_penalty": 0.1,
        "frequency_penalty": 0.2,
        "n": 2,
        "user": "u",
    }
    body = build(**said, stop=("a", "b")).body
    assert {name: body[name] for name in said} == said
    assert body["stop"] == ["a", "b"]


def test_quirk_renames_parameters():
    body = build(host(rename={"max_tokens": "max_completion_tokens"}), max_tokens=5).body
    assert body["max_completion_tokens"] == 5
    assert "max_tokens" not in body


def test_model_quirk_wins_over_the_providers():
    model = ModelSpec(id="m", quirks={"drop": ["seed"]})
    wire = build(host(model=model, drop=["temperature"]), temperature=1.0, seed=1)
    assert "temperature" in wire.body
    assert changes(wire) == [("dropped", "seed")]


def test_refused_parameters_are_left_out_and_told():
    wire = build(host(drop=["temperature", "top_p"]), temperature=1.0, top_p=None)
    assert "temperature" not in wire.body
    assert changes(wire) == [("dropped", "temperature")]


def test_top_k_goes_only_to_hosts_that_know_it():
    assert build(host(top_k=True), top_k=5).body["top_k"] == 5
    wire = build(top_k=5)
    assert "top_k" not in wire.body
    assert changes(wire) == [("dropped", "top_k")]


def test_stops_beyond_the_hosts_limit_are_told():
    wire = build(host(max_stop=2), stop=("a", "b", "c"))
    assert wire.body["stop"] == ["a", "b"]
    assert changes(wire) == [("changed", "stop")]


def test_stream_asks_for_usage():
    wire = build(stream=True)
    assert wire.stream
    assert wire.body["stream"] is True
    assert wire.body["stream_options"] == {"include_usage": True}


def test_stream_asks_for_no_usage_where_the_host_refuses_the_option():
    assert "stream_options" not in build(host(stream_usage=False), stream=True).body


def test_callers_stream_options_are_kept():
    extra = {"openai": {"stream_options": {"include_obfuscation": False}}}
    options = build(stream=True, extra=extra).body["stream_options"]
    assert options == {"include_obfuscation": False, "include_usage": True}


def test_own_extras_pass_and_foreign_ones_are_told():
    extra = {"openai": {"service_tier": "flex", "logit_bias": {"1": 2}}, "anthropic": {"betas": []}}
    wire = build(extra=extra)
    assert wire.body["service_tier"] == "flex"
    assert wire.body["logit_bias"] == {"1": 2}
    assert changes(wire) == [("dropped", "betas")]


def test_extras_cannot_change_what_the_request_says():
    extra = {"openai": {"model": "other", "messages": [], "stream": True}}
    wire = build(extra=extra)
    assert wire.body["model"] == "m"
    assert wire.body["messages"]
    assert "stream" not in wire.body
    assert {what for _, what in changes(wire)} == {"model", "messages", "stream"}


def test_host_with_a_list_of_extras_gets_no_other():
    extra = {"openai": {"safe_prompt": True, "logit_bias": {}}}
    wire = build(host(extras=["safe_prompt"]), extra=extra)
    assert wire.body["safe_prompt"] is True
    assert changes(wire) == [("dropped", "logit_bias")]


def test_mistral_gets_its_own_words():
    options = {"seed": 1, "top_k": 5, "user": "u", "extra": {"openai": {"store": True}}}
    wire = build(catalogue().host("mistral", "mistral-small-latest"), **options)
    assert {"random_seed": 1, "top_k": 5}.items() <= wire.body.items()
    assert changes(wire) == [("dropped", "user"), ("dropped", "store")]


def test_extras_a_model_refuses_are_told():
    wire = build(host(drop=["logit_bias"]), extra={"openai": {"logit_bias": {}}})
    assert changes(wire) == [("dropped", "logit_bias")]


def test_logprobs_are_not_asked_for_because_the_answer_cannot_hold_them():
    wire = build(extra={"openai": {"logprobs": True, "top_logprobs": 2}})
    assert changes(wire) == [("dropped", "logprobs"), ("dropped", "top_logprobs")]
    assert "logprobs" not in wire.body


def test_tool_is_a_function():
    assert build(tools=(WEATHER,)).body["tools"] == [
        {
            "type": "function",
            "function": {
                "name": "weather",
                "description": "Tells the weather",
                "parameters": {"type": "object", "properties": {}},
            },
        }
    ]


def test_tool_without_parameters_takes_none():
    function = build(tools=(Tool("now", strict=True),)).body["tools"][0]["function"]
    assert function["parameters"] == {"type": "object", "properties": {}}
    assert function["strict"] is True


def test_strict_is_left_out_where_the_host_refuses_it():
    wire = build(host(tool_strict=False), tools=(Tool("now", strict=True),))
    assert "strict" not in wire.body["tools"][0]["function"]
    assert changes(wire) == [("dropped", "tools[0].strict")]


def test_tool_of_this_format_is_sent_as_it_came():
    own = {"type": "custom", "custom": {"name": "shell"}}
    assert build(tools=(Tool("shell", state={"openai": own}),)).body["tools"] == [own]


def test_tool_that_another_provider_runs_is_told():
    search = Tool("web_search", state={"anthropic": {"type": "web_search_20250305"}})
    wire = build(tools=(search,), tool_choice=ToolChoice("auto"))
    assert "tools" not in wire.body
    assert "tool_choice" not in wire.body
    assert changes(wire) == [("dropped", "tools[0]")]


@pytest.mark.parametrize(
    ("choice", "wire"),
    [
        (ToolChoice("auto"), "auto"),
        (ToolChoice("none"), "none"),
        (ToolChoice("required"), "required"),
        (ToolChoice("named", "weather"), {"type": "function", "function": {"name": "weather"}}),
    ],
)
def test_tool_choice_is_said(choice, wire):
    body = build(tools=(WEATHER,), tool_choice=choice, parallel_tool_calls=False).body
    assert body["tool_choice"] == wire
    assert body["parallel_tool_calls"] is False


def test_host_has_its_own_word_for_any_tool():
    at = host(tool_choice_any="any")
    assert (
        build(at, tools=(WEATHER,), tool_choice=ToolChoice("required")).body["tool_choice"] == "any"
    )


def test_effort_is_said():
    assert build(reasoning=ReasoningOptions("low")).body["reasoning_effort"] == "low"


@pytest.mark.parametrize(
    ("asked", "sent"), [("minimal", "low"), ("medium", "high"), ("max", "high")]
)
def test_nearest_effort_is_said_where_the_model_has_few(asked, sent):
    wire = build(host(reasoning_efforts=["low", "high"]), reasoning=ReasoningOptions(asked))
    assert wire.body["reasoning_effort"] == sent
    assert changes(wire) == [("changed", "reasoning.effort")]


def test_host_has_its_own_words_for_efforts():
    at = host(reasoning_efforts={"none": "none", "high": "default"})
    assert build(at, reasoning=ReasoningOptions("high")).body["reasoning_effort"] == "default"


def test_effort_we_do_not_know_is_left_to_the_host():
    at = host(reasoning_efforts=["low"])
    assert build(at, reasoning=ReasoningOptions("turbo")).body["reasoning_effort"] == "turbo"


@pytest.mark.parametrize(
    ("budget", "effort"),
    [(0, "none"), (500, "minimal"), (4096, "low"), (9000, "medium"), (50_000, "high")],
)
def test_budget_becomes_an_effort(budget, effort):
    wire = build(reasoning=ReasoningOptions(budget=budget))
    assert wire.body["reasoning_effort"] == effort
    assert changes(wire) == [("changed", "reasoning.budget")]


def test_model_whose_thinking_cannot_be_steered_is_told():
    wire = build(host(reasoning="none"), reasoning=ReasoningOptions("high"))
    assert "reasoning_effort" not in wire.body
    assert changes(wire) == [("dropped", "reasoning")]


def test_thinking_that_can_only_be_on_or_off():
    at = host(reasoning="toggle")
    assert build(at, reasoning=ReasoningOptions("none")).body["thinking"] == {"type": "disabled"}
    wire = build(at, reasoning=ReasoningOptions("low"))
    assert wire.body["thinking"] == {"type": "enabled"}
    assert changes(wire) == [("changed", "reasoning")]


def test_toggle_with_efforts_says_both():
    wire = build(
        host(reasoning="toggle", reasoning_efforts=["low", "high"]),
        reasoning=ReasoningOptions("high"),
    )
    assert wire.body["thinking"] == {"type": "enabled"}
    assert wire.body["reasoning_effort"] == "high"
    assert wire.changes == ()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (ReasoningOptions("low"), {"effort": "low"}),
        (ReasoningOptions("low", 100), {"max_tokens": 100}),
        (ReasoningOptions(include=False), {"exclude": True}),
        (ReasoningOptions("high", include=True), {"effort": "high", "exclude": False}),
    ],
)
def test_openrouter_has_an_object(options, said):
    assert build(host(reasoning="openrouter"), reasoning=options).body["reasoning"] == said


def test_empty_reasoning_options_say_nothing():
    assert "reasoning" not in build(host(reasoning="openrouter"), reasoning=ReasoningOptions()).body
    assert build(reasoning=ReasoningOptions()).body.keys() == {"model", "messages"}


def test_host_with_a_flag_for_thoughts():
    at = host(reasoning_include="include_reasoning")
    assert build(at, reasoning=ReasoningOptions(include=False)).body["include_reasoning"] is False


def test_wish_for_thoughts_that_cannot_be_said_is_told():
    wire = build(reasoning=ReasoningOptions(include=True))
    assert changes(wire) == [("dropped", "reasoning.include")]


def test_json_mode():
    body = build(response_format=ResponseFormat("json")).body
    assert body["response_format"] == {"type": "json_object"}


def test_schema_gets_a_name():
    body = build(response_format=ResponseFormat("json_schema", SCHEMA, strict=True)).body
    schema = {"name": "answer", "schema": SCHEMA, "strict": True}
    assert body["response_format"] == {"type": "json_schema", "json_schema": schema}


def test_plain_text_format_says_nothing():
    assert "response_format" not in build(response_format=ResponseFormat("text")).body


def test_schema_is_emulated_where_the_host_has_only_json_mode():
    wire = build(host(json_schema=False), response_format=ResponseFormat("json_schema", SCHEMA))
    assert wire.body["response_format"] == {"type": "json_object"}
    instruction, question = wire.body["messages"]
    assert instruction["role"] == "system"
    assert '"properties"' in instruction["content"]
    assert "JSON" in instruction["content"]  # DeepSeek refuses JSON mode without the word
    assert question["content"] == "Hello"
    assert changes(wire) == [("emulated", "response_format")]


def test_json_mode_is_emulated_where_the_host_has_only_schemas():
    wire = build(host(json_object=False), response_format=ResponseFormat("json"))
    assert wire.body["response_format"]["json_schema"]["schema"] == {"type": "object"}
    assert changes(wire) == [("emulated", "response_format")]


def test_provider_without_chat_refuses():
    with pytest.raises(InvalidRequest):
        build(host(paths={"chat": ""}))


def test_conversation_without_messages_is_refused():
    with pytest.raises(InvalidRequest) as caught:
        build(messages=())
    assert caught.value.param == "messages"


def test_cache_mark_of_a_tool_goes_where_it_is_taken():
    mark = {"type": "ephemeral"}
    tool = Tool("f", None, {"type": "object"}, state={"anthropic": {"cache_control": mark}})
    assert build(host(cache_control=True), tools=(tool,)).body["tools"][0]["cache_control"] == mark
    wire = build(tools=(tool,))
    assert "cache_control" not in wire.body["tools"][0]
    assert changes(wire) == [("dropped", "cache_control")]


def test_what_every_answer_gives_anyway_is_not_dropped():
    sealed = {"include": ["reasoning.encrypted_content"]}
    assert build(extra={"responses": sealed}).changes == ()
    assert changes(build(extra={"responses": {"include": ["other"]}})) == [("dropped", "include")]

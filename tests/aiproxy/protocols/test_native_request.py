from __future__ import annotations

import pytest

from aiproxy.protocols.native import PROTOCOL
from providers.chat import (
    Image,
    Message,
    ReasoningOptions,
    ResponseFormat,
    Text,
    Tool,
    ToolChoice,
)
from providers.errors import InvalidRequest

HELLO = [{"role": "user", "content": "hello"}]
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
PNG = "iVBORw0KGgoAAAA"


def parse(**members):
    return PROTOCOL.parse_request({"messages": HELLO, **members})


def complaint(call) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        call()
    return caught.value


def test_model_may_be_left_to_the_integration():
    assert parse().model == ""


def test_flat_and_nested_options_mean_the_same():
    options = {
        "model": "m",
        "temperature": 0.5,
        "maxTokens": 10,
        "topP": 0.9,
        "topK": 3,
        "stop": "x",
        "seed": 1,
        "presencePenalty": 0.1,
        "frequencyPenalty": 0.2,
        "n": 2,
        "user": "u",
        "stream": True,
        "parallelToolCalls": False,
    }
    request = parse(**options)
    assert parse(options=options) == request
    assert (request.model, request.temperature, request.max_tokens) == ("m", 0.5, 10)
    assert (request.top_p, request.top_k, request.stop, request.seed) == (0.9, 3, ("x",), 1)
    assert (request.presence_penalty, request.frequency_penalty, request.n) == (0.1, 0.2, 2)
    assert (request.user, request.stream, request.parallel_tool_calls) == ("u", True, False)


def test_system_prompt_goes_first():
    assert parse(systemPrompt="Be brief.").messages[0] == Message("system", (Text("Be brief."),))


@pytest.mark.parametrize(
    "tool",
    [
        {"name": "w", "description": "d", "parameters": SCHEMA, "strict": True},
        {
            "type": "function",
            "function": {"name": "w", "description": "d", "parameters": SCHEMA, "strict": True},
        },
    ],
)
def test_tool_in_either_form(tool):
    assert parse(tools=[tool]).tools == (Tool("w", "d", SCHEMA, True),)


@pytest.mark.parametrize(
    ("given", "choice"),
    [
        ("auto", ToolChoice("auto")),
        ("none", ToolChoice("none")),
        ("required", ToolChoice("required")),
        ({"name": "w"}, ToolChoice("named", "w")),
        ({"type": "function", "function": {"name": "w"}}, ToolChoice("named", "w")),
    ],
)
def test_tool_choice(given, choice):
    assert parse(toolChoice=given).tool_choice == choice


@pytest.mark.parametrize(
    ("given", "format_"),
    [
        ("text", ResponseFormat("text")),
        ("json", ResponseFormat("json")),
        ({"type": "json_object"}, ResponseFormat("json")),
        (
            {"type": "json_schema", "schema": SCHEMA, "name": "n", "strict": True},
            ResponseFormat("json_schema", SCHEMA, "n", None, True),
        ),
        (
            {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA}},
            ResponseFormat("json_schema", SCHEMA, "n"),
        ),
    ],
)
def test_response_format(given, format_):
    assert parse(responseFormat=given).response_format == format_


@pytest.mark.parametrize(
    ("given", "options"),
    [
        ("low", ReasoningOptions("low")),
        ({"effort": "high", "include": False}, ReasoningOptions("high", None, False)),
        ({"budget": 2000}, ReasoningOptions(None, 2000)),
    ],
)
def test_reasoning(given, options):
    assert parse(reasoning=given).reasoning == options


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("max_tokens", "maxTokens"),
        ("maxtokens", "maxTokens"),
        ("temprature", "temperature"),
        ("max_completion_tokens", "maxTokens"),
        ("system", "systemPrompt"),
        ("response_format", "responseFormat"),
        ("integrationId", "the X-Integration-Id header"),
    ],
)
def test_unknown_field_is_refused_with_the_nearest_known_one(name, hint):
    error = complaint(lambda: parse(**{name: 1}))
    assert error.param == name
    assert error.message == f"{name} is not a field of this call. Did you mean {hint}?"


def test_field_like_no_other_is_refused_with_all_known_ones():
    error = complaint(lambda: parse(qqqq=1))
    assert "Known are messages, model" in error.message


def test_unknown_option_is_named_with_its_path():
    error = complaint(lambda: parse(options={"top_p": 1}))
    assert (error.param, error.message) == (
        "options.top_p",
        "options.top_p is not a field of this call. Did you mean topP?",
    )


def test_messages_do_not_belong_into_options():
    error = complaint(lambda: PROTOCOL.parse_request({"options": {"messages": HELLO}}))
    assert error.param == "options.messages"


def test_field_given_twice_is_refused():
    error = complaint(lambda: parse(model="a", options={"model": "b"}))
    assert error.message == "model is given twice, also in options."


@pytest.mark.parametrize(
    ("members", "param"),
    [
        ({"messages": None}, "messages"),
        ({"messages": []}, "messages"),
        ({"temperature": "hot"}, "temperature"),
        ({"options": {"temperature": "hot"}}, "options.temperature"),
        ({"options": []}, "options"),
        ({"maxTokens": 0}, "maxTokens"),
        ({"metadata": "x"}, "metadata"),
        ({"tools": [{}]}, "tools[0].name"),
        ({"tools": [{"type": "custom", "function": {"name": "w"}}]}, "tools[0].type"),
        ({"toolChoice": "always"}, "toolChoice"),
        ({"toolChoice": 1}, "toolChoice"),
        ({"responseFormat": {}}, "responseFormat.type"),
        ({"responseFormat": "xml"}, "responseFormat.type"),
        ({"responseFormat": {"type": "json_schema"}}, "responseFormat.schema"),
        ({"reasoning": 5}, "reasoning"),
        ({"base_url": "https://evil.test"}, "base_url"),
        ({"options": {"apiBase": "https://evil.test"}}, "options.apiBase"),
        ({"metadata": {"a": {"b": {"endpoint": "x"}}}}, "metadata.a.b.endpoint"),
    ],
)
def test_bad_member_is_named(members, param):
    assert complaint(lambda: parse(**members)).param == param


def test_generate_is_a_single_prompt():
    request = PROTOCOL.parse_generate(
        {"prompt": "a", "systemPrompt": "s", "options": {"maxTokens": 5}}
    )
    assert request.messages == (Message("system", (Text("s"),)), Message("user", (Text("a"),)))
    assert request.max_tokens == 5


@pytest.mark.parametrize(
    ("body", "param"),
    [({}, "prompt"), ({"prompt": 1}, "prompt"), ({"prompt": "a", "messages": []}, "messages")],
)
def test_bad_generate_body(body, param):
    assert complaint(lambda: PROTOCOL.parse_generate(body)).param == param


def test_vision_with_prompt_and_images():
    request = PROTOCOL.parse_vision(
        {"prompt": "What?", "images": [PNG, "https://a.test/x.jpg"], "model": "m"}
    )
    assert request.messages[0].parts == (
        Image("image/png", PNG),
        Image(url="https://a.test/x.jpg"),
        Text("What?"),
    )


def test_vision_may_leave_the_question_to_us():
    request = PROTOCOL.parse_vision({"images": [PNG]})
    assert request.messages[0].text == "Describe this image."


def test_vision_with_messages():
    message = {"role": "user", "content": [{"type": "image", "url": "https://a.test/x"}]}
    assert PROTOCOL.parse_vision({"messages": [message]}).has_images


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"prompt": "a"}, "images"),
        ({"prompt": "a", "images": []}, "images"),
        ({"images": [5]}, "images[0]"),
        ({"images": ["hello"]}, "images[0]"),
        ({"messages": HELLO, "images": [PNG]}, "images"),
        ({"messages": HELLO, "prompt": "a"}, "prompt"),
    ],
)
def test_bad_vision_body(body, param):
    assert complaint(lambda: PROTOCOL.parse_vision(body)).param == param


def test_embedding():
    request = PROTOCOL.parse_embedding(
        {"model": "m", "input": ["a", "b"], "dimensions": 3, "task": "query", "metadata": {}}
    )
    assert (request.model, request.inputs, request.dimensions) == ("m", ("a", "b"), 3)
    assert request.task == "query"


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "input"),
        ({"input": "a", "encoding_format": "float"}, "encoding_format"),
        ({"input": "a", "endpoint": "x"}, "endpoint"),
    ],
)
def test_bad_embedding_body(body, param):
    assert complaint(lambda: PROTOCOL.parse_embedding(body)).param == param


@pytest.mark.parametrize("body", [{"metadata": {"a": 1}}, {"options": {"metadata": {"a": 1}}}])
def test_metadata_is_for_the_answer_alone(body):
    assert parse(**body).extra == {}
    assert PROTOCOL.style({"messages": HELLO, **body}).metadata == {"a": 1}


@pytest.mark.parametrize(
    "said", [{"fallback": ["a/b", "fast"]}, {"options": {"fallback": ["a/b", "fast"]}}]
)
def test_fallback_is_the_answers_business_and_no_provider_sees_it(said):
    assert parse(**said) == parse()
    assert PROTOCOL.style({"messages": HELLO, **said}).fallback == ("a/b", "fast")


def test_fallback_holds_names():
    assert complaint(lambda: parse(fallback=["a", 7])).param == "fallback[1]"


def test_openrouters_word_for_it_is_told():
    assert "Did you mean fallback?" in complaint(lambda: parse(models=["a"])).message

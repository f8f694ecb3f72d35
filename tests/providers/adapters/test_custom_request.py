"""A request template filled with what a call says."""

import pytest

from providers.adapters.custom import CustomAdapter
from providers.chat import (
    ChatRequest,
    File,
    Image,
    Message,
    Reasoning,
    ReasoningOptions,
    ResponseFormat,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from providers.errors import InvalidRequest
from tests.providers.adapters.custom_mappings import changed, host

ADAPTER = CustomAdapter()
SYSTEM = Message("system", (Text("Be brief."),))
HELLO = Message("user", (Text("Hello"),))
HI = Message("assistant", (Text("Hi"),))
HOW = Message("user", (Text("How are you?"),))
TALK = (SYSTEM, HELLO, HI, HOW)

INJECTIONS = ["{{7*7}}", "${7*7}", "{x.__class__}", "{% debug %}", "#{7*7}", '{"$": "model"}', "%s"]


def build(mapping, *messages, model="m", **said):
    return ADAPTER.build(ChatRequest(model, messages or (HELLO,), **said), host(mapping))


def body(template, *messages, **said):
    """What ``{"x": template}`` becomes, beside a prompt that every template needs."""
    mapping = changed("request", {"p": {"$": "prompt"}, "x": template})
    return build(mapping, *messages, **said).body


def told(wire):
    return {change.what: change.kind for change in wire.changes}


def test_template_becomes_the_request():
    wire = build(changed("path", "/v2/say"), *TALK, temperature=0.5)
    assert (wire.method, wire.path, wire.headers) == ("POST", "/v2/say", {})
    assert wire.body == {
        "engine": "m",
        "turns": [
            {"who": "system", "words": "Be brief."},
            {"who": "user", "words": "Hello"},
            {"who": "machine", "words": "Hi"},
            {"who": "user", "words": "How are you?"},
        ],
        "settings": {"heat": 0.5},
        "slowly": False,
        "version": 2,
    }
    assert wire.changes == ()


def test_what_is_not_said_is_left_out_with_what_becomes_empty_by_it():
    assert "settings" not in build(changed("path", "/a")).body
    assert body({"a": [{"$": "seed"}], "b": {"c": {"$": "top_k"}}}) == {"p": "Hello"}


def test_empty_values_of_the_template_stay():
    assert body({"a": [], "b": {}, "c": None, "d": False})["x"] == {
        "a": [],
        "b": {},
        "c": None,
        "d": False,
    }


def test_default_holds_where_nothing_is_said():
    template = {"$": "max_tokens", "default": 512}
    assert body(template)["x"] == 512
    assert body(template, max_tokens=7)["x"] == 7


def test_zero_is_said():
    assert body({"$": "temperature", "default": 1}, temperature=0.0)["x"] == 0.0


@pytest.mark.parametrize(
    ("name", "said", "value"),
    [
        ("stop", {"stop": ("a", "b")}, ["a", "b"]),
        ("seed", {"seed": 0}, 0),
        ("user", {"user": "u"}, "u"),
        ("reasoning_effort", {"reasoning": ReasoningOptions(effort="low")}, "low"),
        ("model", {}, "m"),
        ("stream", {}, False),
    ],
)
def test_option_stands_where_the_template_wants_it(name, said, value):
    assert body({"deep": [{"$": name}]}, **said)["x"] == {"deep": [value]}


def test_last_and_history_divide_the_conversation():
    assert body({"$": "last"}, *TALK)["x"] == "How are you?"
    assert [m["content"] for m in body({"$": "history"}, *TALK)["x"]] == [
        "Be brief.",
        "Hello",
        "Hi",
    ]
    assert "x" not in body({"$": "history"}, HELLO)


def test_system_stands_apart_where_the_template_has_a_place_for_it():
    filled = body({"i": {"$": "system"}, "m": {"$": "messages"}}, *TALK)
    assert filled["x"]["i"] == "Be brief."
    assert [m["role"] for m in filled["x"]["m"]] == ["user", "assistant", "user"]
    assert "Be brief." not in filled["p"]


def test_single_question_is_its_own_prompt():
    assert body(1, HELLO)["p"] == "Hello"
    assert body(1, SYSTEM, HELLO)["p"] == "Be brief.\n\nHello"


def test_conversation_as_one_text_tells_who_speaks_and_is_reported():
    mapping = changed("request", {"p": {"$": "prompt"}})
    wire = build(mapping, *TALK)
    assert wire.body["p"] == (
        "Be brief.\n\nUser: Hello\n\nAssistant: Hi\n\nUser: How are you?\n\nAssistant:"
    )
    assert told(wire) == {"messages": "emulated"}


def test_earlier_turns_without_a_place_are_reported():
    wire = build(changed("request", {"q": {"$": "last"}}), *TALK)
    assert wire.body == {"q": "How are you?"}
    assert told(wire) == {"messages": "dropped"}


def test_everything_without_a_place_is_reported():
    wire = build(
        changed("request", {"q": {"$": "last"}}),
        Message("user", (Text("x"), Image(url="u"), File(url="f")), name="Ann"),
        temperature=1.0,
        stop=("a",),
        n=2,
        user="u",
        tools=(Tool("t", parameters={}),),
        tool_choice=ToolChoice("auto"),
        response_format=ResponseFormat("json"),
        reasoning=ReasoningOptions(budget=5),
        extra={"openai": {"logprobs": True}},
    )
    assert told(wire) == dict.fromkeys(
        (
            "temperature", "stop", "user", "tools", "reasoning", "response_format", "n", "tool_choice",
            "messages[0].name", "messages[0].image", "messages[0].file", "logprobs",
        ),
        "dropped",
    )  # fmt: skip


def test_tool_turns_are_said_in_words_where_only_text_fits():
    call = Message("assistant", (Reasoning("hm"), ToolCall("1", "weather", '{"city":"Paris"}')))
    result = Message("tool", (ToolResult("1", (Text("12°"), Image(url="u")), name="weather"),))
    wire = build(changed("request", {"m": {"$": "messages"}}), HELLO, call, result)
    assert wire.body["m"][1:] == [
        {"role": "assistant", "content": '[The tool weather is called with {"city":"Paris"}]'},
        {"role": "user", "content": "[The tool weather answered: 12°]"},
    ]
    assert told(wire) == {
        "messages.reasoning": "dropped",
        "messages[1].tools": "emulated",
        "messages[2].tools": "emulated",
        "messages[2].media": "dropped",
    }


def test_openai_shape_carries_pictures_and_tools():
    template = {"m": {"$": "messages", "shape": "openai"}, "t": {"$": "tools"}}
    call = Message("assistant", (ToolCall("1", "weather", "{}"),))
    wire = build(
        changed("request", template),
        Message("user", (Text("x"), Image(url="https://a/b.png"))),
        call,
        Message("tool", (ToolResult("1", (Text("12"),)),)),
        tools=(Tool("weather", "Tells", {"type": "object"}),),
    )
    assert wire.body["m"][0]["content"][1]["image_url"] == {"url": "https://a/b.png"}
    assert wire.body["m"][1]["tool_calls"][0]["function"]["name"] == "weather"
    assert wire.body["m"][2]["tool_call_id"] == "1"
    assert wire.body["t"][0]["function"]["parameters"] == {"type": "object"}
    assert wire.changes == ()


def test_no_tools_are_offered_where_none_shall_be_called():
    template = {"p": {"$": "prompt"}, "t": {"$": "tools"}}
    wire = build(changed("request", template), tools=(Tool("t"),), tool_choice=ToolChoice("none"))
    assert "t" not in wire.body


@pytest.mark.parametrize("text", INJECTIONS)
def test_templates_of_other_languages_stay_text(text):
    message = Message("user", (Text(text),))
    mapping = changed("request", {"p": {"$": "prompt"}, "own": text, text: "member"})
    assert build(mapping, message).body == {"p": text, "own": text, text: "member"}


def test_what_is_put_in_is_not_looked_at_again():
    schema = {"type": "object", "properties": {"$": {"$": "system"}}, "$": "model"}
    template = {"p": {"$": "prompt"}, "t": {"$": "tools"}}
    wire = build(changed("request", template), tools=(Tool("t", parameters=schema),))
    assert wire.body["t"][0]["function"]["parameters"] == schema


def test_stream_has_its_own_path_and_word():
    wire = build(changed("stream.path", "/v2/slowly"), stream=True)
    assert (wire.path, wire.stream, wire.body["slowly"]) == ("/v2/slowly", True, True)


def test_stream_without_a_place_is_emulated():
    wire = build(changed("stream", None), stream=True)
    assert (wire.stream, wire.body["slowly"]) == (False, False)
    assert told(wire) == {"stream": "emulated"}


def test_model_in_the_path_is_quoted():
    mapping = changed("path", "/models/{model}/run?x=1")
    assert build(mapping, model="a/b?c#d").path == "/models/a%2Fb%3Fc%23d/run?x=1"
    for name in (".", ".."):
        with pytest.raises(InvalidRequest):
            build(mapping, model=name)


def test_model_is_needed_only_where_it_has_a_place():
    assert build(changed("request", {"p": {"$": "prompt"}}), model="").body == {"p": "Hello"}
    with pytest.raises(InvalidRequest, match="default model"):
        build(changed("path", "/a"), model="")


def test_empty_conversation_is_refused():
    with pytest.raises(InvalidRequest):
        ADAPTER.build(ChatRequest("m", ()), host())

import pytest

from providers.adapters.ollama import OllamaAdapter
from providers.chat import (
    ChatRequest,
    File,
    Image,
    Message,
    Opaque,
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
from tests.providers.adapters.hosts import host

HELLO = (Message("user", (Text("Hello"),)),)
WEATHER = Tool("weather", "Tells the weather", {"type": "object", "properties": {}})
TIME = Tool("time")


def build(*messages, at=None, **options):
    return OllamaAdapter().build(
        ChatRequest("m", messages or HELLO, **options), at or host("ollama")
    )


def changes(wire):
    return [(change.kind, change.what) for change in wire.changes]


def test_plain_request_says_that_it_wants_no_stream():
    wire = build()
    assert wire.path == "/api/chat"
    assert wire.body == {
        "model": "m",
        "messages": [{"role": "user", "content": "Hello"}],
        "stream": False,
    }


def test_stream_is_asked_for():
    wire = build(stream=True)
    assert wire.stream
    assert wire.body["stream"] is True


def test_parameters_are_options():
    wire = build(temperature=0.5, top_p=0.9, top_k=3, max_tokens=10, stop=("a",), seed=1)
    assert wire.body["options"] == {
        "temperature": 0.5,
        "top_p": 0.9,
        "top_k": 3,
        "num_predict": 10,
        "stop": ["a"],
        "seed": 1,
    }


def test_quirks_set_context_and_keep_alive():
    wire = build(at=host("ollama", num_ctx=8192, keep_alive="5m"))
    assert wire.body["options"] == {"num_ctx": 8192}
    assert wire.body["keep_alive"] == "5m"


def test_own_extras_pass_and_join_the_options():
    extra = {"ollama": {"options": {"mirostat": 1}, "keep_alive": 0}, "openai": {"store": True}}
    wire = build(temperature=1.0, extra=extra)
    assert wire.body["options"] == {"temperature": 1.0, "mirostat": 1}
    assert wire.body["keep_alive"] == 0
    assert changes(wire) == [("dropped", "store")]


def test_what_ollama_does_not_know_is_told():
    wire = build(n=2, user="u", parallel_tool_calls=False, tools=(WEATHER,))
    assert changes(wire) == [
        ("dropped", "n"),
        ("dropped", "user"),
        ("dropped", "parallel_tool_calls"),
    ]


def test_picture_is_bare_base64_beside_the_text():
    (message,) = build(Message("user", (Text("see"), Image("image/png", "AAAA")))).body["messages"]
    assert message == {"role": "user", "content": "see", "images": ["AAAA"]}


def test_picture_by_address_is_refused():
    with pytest.raises(InvalidRequest) as caught:
        build(Message("user", (Image(url="https://a.example/x.png"),)))
    assert caught.value.param == "messages[0].image"


def test_file_and_foreign_block_and_name_are_told():
    parts = (Text("a"), File("application/pdf", "AAAA"), Opaque("x"))
    wire = build(Message("user", parts, "ada"))
    assert wire.body["messages"] == [{"role": "user", "content": "a"}]
    assert changes(wire) == [
        ("dropped", "messages[0].file"),
        ("dropped", "messages[0].opaque"),
        ("dropped", "messages[0].name"),
    ]


def test_thoughts_and_calls_are_sent_back():
    parts = (Reasoning("hm"), ToolCall("a", "weather", '{"city":"Paris"}'), ToolCall("b", "x", "{"))
    assert build(Message("assistant", parts)).body["messages"] == [
        {
            "role": "assistant",
            "content": "",
            "thinking": "hm",
            "tool_calls": [
                {"function": {"name": "weather", "arguments": {"city": "Paris"}}},
                {"function": {"name": "x", "arguments": {}}},
            ],
        }
    ]


def test_result_is_named_after_the_tool_it_came_from():
    call = Message("assistant", (ToolCall("a", "weather", "{}"),))
    wire = build(call, Message("tool", (ToolResult("a", (Text("sunny"), Image(data="AAAA"))),)))
    assert wire.body["messages"][1] == {
        "role": "tool",
        "content": "sunny",
        "tool_name": "weather",
        "images": ["AAAA"],
    }


def test_result_in_a_users_message_comes_before_its_words():
    wire = build(Message("user", (Text("go on"), ToolResult("a", (Text("x"),), "f"))))
    assert [message["role"] for message in wire.body["messages"]] == ["tool", "user"]


def test_failed_result_and_its_file_are_told():
    result = ToolResult("a", (Text("no net"), File(file_id="f")), "f", is_error=True)
    wire = build(Message("tool", (result,)))
    assert wire.body["messages"][0]["content"] == "Error: no net"
    assert changes(wire) == [("dropped", "messages[0].file"), ("emulated", "messages[0].is_error")]


def test_tools_are_functions():
    (tool, other) = build(tools=(WEATHER, TIME)).body["tools"]
    assert tool["function"]["name"] == "weather"
    assert other["function"]["parameters"] == {"type": "object", "properties": {}}


def test_foreign_tool_and_strictness_are_told():
    tools = (Tool("web", state={"openai": {"type": "web_search"}}), Tool("a", strict=True))
    wire = build(tools=tools)
    assert [tool["function"]["name"] for tool in wire.body["tools"]] == ["a"]
    assert changes(wire) == [("dropped", "tools[0]"), ("dropped", "tools[1].strict")]


@pytest.mark.parametrize(
    ("choice", "offered", "told"),
    [
        (ToolChoice("auto"), ["weather", "time"], []),
        (ToolChoice("none"), None, [("emulated", "tool_choice")]),
        (ToolChoice("named", "time"), ["time"], [("emulated", "tool_choice")]),
        (ToolChoice("required"), ["weather", "time"], [("dropped", "tool_choice")]),
    ],
)
def test_tool_choice_is_approached(choice, offered, told):
    wire = build(tools=(WEATHER, TIME), tool_choice=choice)
    tools = wire.body.get("tools")
    assert (tools and [tool["function"]["name"] for tool in tools]) == offered
    assert changes(wire) == told


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (None, None),
        (ResponseFormat("text"), None),
        (ResponseFormat("json"), "json"),
        (ResponseFormat("json_schema", {"type": "object"}), {"type": "object"}),
        (ResponseFormat("json_schema"), "json"),
    ],
)
def test_format_is_json_or_a_schema(wanted, said):
    assert build(response_format=wanted).body.get("format") == said


@pytest.mark.parametrize(
    ("options", "said", "told"),
    [
        (ReasoningOptions("none"), False, []),
        (ReasoningOptions(budget=0), False, [("changed", "reasoning.budget")]),
        (ReasoningOptions("high"), True, [("changed", "reasoning.effort")]),
        (ReasoningOptions(budget=500), True, [("changed", "reasoning.budget")]),
        (ReasoningOptions(include=True), True, []),
        (ReasoningOptions(include=False), None, [("dropped", "reasoning.include")]),
        (ReasoningOptions(), None, []),
    ],
)
def test_thinking_is_on_or_off(options, said, told):
    wire = build(reasoning=options)
    assert wire.body.get("think") == said
    assert changes(wire) == told


def test_thinking_has_levels_where_the_model_has():
    wire = build(at=host("ollama", think_levels=True), reasoning=ReasoningOptions("xhigh"))
    assert wire.body["think"] == "high"
    assert wire.changes == ()


def test_host_without_chat_refuses():
    with pytest.raises(InvalidRequest):
        build(at=host("ollama", paths={"chat": ""}))


def test_conversation_without_messages_is_refused():
    with pytest.raises(InvalidRequest):
        OllamaAdapter().build(ChatRequest("m", ()), host("ollama"))

"""The local model: helpful, and the same every time."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from aiproxy.fake import brain
from providers.chat import (
    ChatRequest,
    ChatResponse,
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
from providers.events import Ended, Finished, Started, TextDelta, UsageReported

WEATHER = Tool(
    "get_weather",
    "The weather of a city",
    {
        "type": "object",
        "properties": {
            "city": {"type": "string"},
            "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]},
        },
        "required": ["city"],
    },
)
TIME = Tool("get_time", None, {"type": "object", "properties": {"timezone": {"type": "string"}}})


def ask(text: str, **options: Any) -> ChatResponse:
    return say([Message("user", (Text(text),))], **options)


def say(messages: list[Message], **options: Any) -> ChatResponse:
    return brain.answer(ChatRequest("sandbox", tuple(messages), **options))


def called(response: ChatResponse) -> list[tuple[str, Any]]:
    return [(call.name, json.loads(call.arguments)) for call in response.tool_calls]


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("Hello!", "Hello! I am the sandbox model. How can I help you today?"),
        ("What is 2+2?", "2+2 = 4"),
        ("repeat: I am here", "I am here"),
        ("Say “good night”", "good night"),
        ("count to 5", "1 2 3 4 5"),
        ("Thanks a lot", "You are welcome!"),
        ("", "Hello! Say something, and I will answer."),
    ],
)
def test_it_answers(question, answer):
    assert ask(question).text == answer


def test_it_explains_itself():
    assert "no key" in ask("Who are you?").text
    assert "calculate" in ask("What can you do?").text


def test_what_it_does_not_know_it_repeats():
    assert "the capital of Peru" in ask("Tell me the capital of Peru").text


def test_the_same_request_has_the_same_answer():
    assert ask("Hello", tools=(WEATHER,)) == ask("Hello", tools=(WEATHER,))


def test_another_request_has_another_id():
    assert ask("Hello").id != ask("Hello there").id


def test_the_stream_is_the_answer_in_order():
    request = ChatRequest("sandbox", (Message("user", (Text("Hello"),)),))
    events = list(brain.events(request))
    assert isinstance(events[0], Started)
    assert [type(event) for event in events[-3:]] == [Finished, UsageReported, Ended]
    pieces = [event.text for event in events if isinstance(event, TextDelta)]
    assert len(pieces) > 5
    assert "".join(pieces) == brain.answer(request).text


# --- Tools ---


@pytest.mark.parametrize(
    "words",
    [
        "Call get_weather for Paris",
        "What is the weather in Paris?",
        "Please use get weather in Paris",
    ],
)
def test_a_tool_that_is_named_is_called(words):
    response = ask(words, tools=(WEATHER, TIME))
    assert called(response) == [("get_weather", {"city": "Paris"})]
    assert response.finish == "tool_calls"


def test_a_tool_that_is_not_named_is_not_called():
    assert ask("Hello", tools=(WEATHER,)).tool_calls == ()


def test_several_places_are_several_calls():
    response = ask("Weather in Paris, Rome and New York?", tools=(WEATHER,))
    assert [found["city"] for _, found in called(response)] == ["Paris", "Rome", "New York"]
    assert len({call.id for call in response.tool_calls}) == 3


def test_several_tools_are_all_called():
    calls = called(ask("The weather and the time in Oslo", tools=(WEATHER, TIME)))
    assert [name for name, _ in calls] == ["get_weather", "get_time"]


def test_without_parallel_calls_there_is_one():
    response = ask("Weather in Paris and Rome", tools=(WEATHER,), parallel_tool_calls=False)
    assert called(response) == [("get_weather", {"city": "Paris"})]


@pytest.mark.parametrize(
    ("choice", "names"),
    [
        (ToolChoice("required"), ["get_weather"]),
        (ToolChoice("named", "get_time"), ["get_time"]),
        (ToolChoice("none"), []),
        (ToolChoice("auto"), []),
    ],
)
def test_a_choice_of_tools_is_obeyed(choice, names):
    response = ask("Hello", tools=(WEATHER, TIME), tool_choice=choice)
    assert [call.name for call in response.tool_calls] == names


def test_no_tools_forbids_even_a_named_one():
    response = ask("What is the weather?", tools=(WEATHER,), tool_choice=ToolChoice("none"))
    assert response.tool_calls == ()


def with_results(*results: ToolResult) -> list[Message]:
    calls = tuple(ToolCall(result.call_id, "get_weather", "{}") for result in results)
    return [
        Message("user", (Text("What is the weather in Paris?"),)),
        Message("assistant", calls),
        Message("tool", results),
    ]


def test_what_a_tool_said_is_told():
    response = say(with_results(ToolResult("1", (Text("Sunny, 21 °C"),))), tools=(WEATHER,))
    assert response.text == "The tool get_weather says: Sunny, 21 °C."
    assert response.tool_calls == ()


def test_all_results_are_told_in_order():
    text = say(with_results(ToolResult("1", (Text("one"),)), ToolResult("2", (Text("two"),)))).text
    assert text.index("one") < text.index("two")


def test_a_tool_that_failed_is_told():
    failed = ToolResult("1", (Text("no network"),), is_error=True)
    assert "failed: no network" in say(with_results(failed)).text


def test_a_result_without_its_call_is_told_by_its_own_name():
    messages = [Message("tool", (ToolResult("", (Text("12:00"),), "clock"),))]
    assert say(messages).text == "The tool clock says: 12:00."


# --- Pictures, structure, reasoning ---

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x02\x80\0\0\x01\xe0").decode()


def test_a_pictures_size_and_format_are_told():
    image = Image("image/png", PNG)
    response = say([Message("user", (Text("What is this?"), image))])
    assert response.text == "I see a PNG image, 640 × 480 pixels."


def test_a_linked_picture_is_not_opened():
    image = Image(url="https://example.com/cat.png")
    assert "do not open" in say([Message("user", (image,))]).text


def test_a_picture_in_an_unknown_format_is_admitted():
    assert "do not know" in say([Message("user", (Image(data="AAAA"),))]).text


def test_json_is_json():
    assert json.loads(ask("Hello", response_format=ResponseFormat("json")).text)["answer"]


def test_a_schema_is_filled_in():
    schema = {
        "type": "object",
        "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
        "required": ["name", "age"],
    }
    answer = ask("“Ada” is 36", response_format=ResponseFormat("json_schema", schema)).text
    assert json.loads(answer) == {"name": "Ada", "age": 36}


def test_it_thinks_aloud_when_asked_to():
    response = ask("Hello", reasoning=ReasoningOptions(effort="low"))
    assert isinstance(response.choices[0].parts[0], Reasoning)
    assert response.usage is not None
    assert 0 < response.usage.reasoning_tokens < response.usage.output_tokens


@pytest.mark.parametrize(
    "options",
    [
        ReasoningOptions("none"),
        ReasoningOptions(budget=0),
        ReasoningOptions("low", include=False),
    ],
)
def test_it_does_not_think_aloud_when_told_not_to(options):
    parts = ask("Hello", reasoning=options).choices[0].parts
    assert not any(isinstance(part, Reasoning) for part in parts)


# --- Limits ---


def test_the_limit_of_tokens_ends_the_answer():
    response = ask("Hello", max_tokens=4)
    assert response.text == "Hello! I am"
    assert response.finish == "length"
    assert response.usage is not None
    assert response.usage.output_tokens == 4


def test_an_answer_within_the_limit_is_whole():
    assert ask("Hello", max_tokens=400).finish == "stop"


def test_a_stop_word_ends_the_answer_before_it():
    response = ask("Hello", stop=("sandbox", "help"))
    assert response.text == "Hello! I am the "
    assert response.finish == "stop"


def test_several_answers_differ():
    response = ask("Hello", n=3)
    assert len({choice.text for choice in response.choices}) == 3


def test_several_json_answers_are_still_json():
    for choice in ask("Hello", n=2, response_format=ResponseFormat("json")).choices:
        json.loads(choice.text)


def test_usage_counts_four_tokens_for_three_words():
    usage = ask("one two three").usage
    assert usage is not None
    assert usage.input_tokens == 4
    assert brain.tokens("one two three four") == 6


def test_usage_counts_pictures_and_tools():
    plain = ask("Hi").usage
    more = say([Message("user", (Text("Hi"), Image(data=PNG)))], tools=(WEATHER,)).usage
    assert plain is not None
    assert more is not None
    assert more.input_tokens > plain.input_tokens + brain.IMAGE_TOKENS


@pytest.mark.parametrize("text", ["", " ", "a", " a  b\n\nc ", "one"])
def test_pieces_are_the_text_again(text):
    assert "".join(brain.pieces(text)) == text

"""OpenAI's own client with its newer dialect, unmodified: only the address and the key are changed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import openai
import pydantic
import pytest

PROVIDERS = ["sandbox", "openai-compatible", "anthropic", "google", "ollama"]
WEATHER: Any = {
    "type": "function",
    "name": "get_weather",
    "description": "The weather in a city",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
        "additionalProperties": False,
    },
    "strict": True,
}
ASK = "Use get_weather to find the weather in Paris."


class Weather(pydantic.BaseModel):
    city: str


@pytest.fixture
def gpt(machine) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(
        base_url=f"{machine.url}/v1", api_key=machine.token, max_retries=0, timeout=20
    ) as client:
        yield client


@pytest.fixture(params=PROVIDERS)
def model(request, machine) -> str:
    if request.param == "sandbox":
        return "sandbox/sandbox"
    machine.connect(request.param)
    return f"{request.param}/fake-model"


def test_text(gpt, model):
    answer = gpt.responses.create(model=model, input="What is 2+2?", metadata={"job": "sum"})
    assert "4" in answer.output_text
    assert (answer.status, answer.metadata) == ("completed", {"job": "sum"})
    assert answer.usage.total_tokens == answer.usage.input_tokens + answer.usage.output_tokens > 0


def test_instructions_and_messages(gpt, model):
    said = [
        {"role": "user", "content": "Hello"},
        {"role": "assistant", "content": "Hi."},
        {"role": "user", "content": [{"type": "input_text", "text": "What is 2+2?"}]},
    ]
    answer = gpt.responses.create(model=model, instructions="Be brief.", input=said)
    assert "4" in answer.output_text
    assert answer.instructions == "Be brief."


def test_stream(gpt, model):
    with gpt.responses.stream(model=model, input="What is 2+2?") as stream:
        events = list(stream)
        final = stream.get_final_response()
    text = "".join(e.delta for e in events if e.type == "response.output_text.delta")
    assert text == final.output_text
    assert "4" in text
    assert [event.sequence_number for event in events if event.type != "response.output_text.done"]
    assert (events[0].type, events[-1].type) == ("response.created", "response.completed")


def test_tools_over_two_turns(gpt, model):
    said: list[Any] = [{"role": "user", "content": ASK}]
    first = gpt.responses.create(model=model, input=said, tools=[WEATHER])
    (call,) = [item for item in first.output if item.type == "function_call"]
    assert json.loads(call.arguments) == {"city": "Paris"}
    result = {"type": "function_call_output", "call_id": call.call_id, "output": "12 degrees"}
    said += [*first.output, result]
    second = gpt.responses.create(model=model, input=said, tools=[WEATHER])
    assert "12 degrees" in second.output_text


def test_streamed_tools_over_two_turns(gpt, model):
    said: list[Any] = [{"role": "user", "content": ASK}]
    with gpt.responses.stream(model=model, input=said, tools=[WEATHER]) as stream:
        events = list(stream)
        first = stream.get_final_response()
    pieces = [e.delta for e in events if e.type == "response.function_call_arguments.delta"]
    (call,) = [item for item in first.output if item.type == "function_call"]
    assert json.loads("".join(pieces)) == json.loads(call.arguments) == {"city": "Paris"}
    result = {"type": "function_call_output", "call_id": call.call_id, "output": "12 degrees"}
    said += [*(item.model_dump(exclude_none=True) for item in first.output), result]
    second = gpt.responses.create(model=model, input=said, tools=[WEATHER])
    assert "12 degrees" in second.output_text


def test_image(gpt, model, png):
    content = [
        {"type": "input_text", "text": "How large is this picture?"},
        {"type": "input_image", "image_url": png(31, 17), "detail": "auto"},
    ]
    answer = gpt.responses.create(model=model, input=[{"role": "user", "content": content}])
    assert "31" in answer.output_text


def test_structured_output(gpt, model):
    answer = gpt.responses.parse(
        model=model, input="The weather in Paris, as JSON.", text_format=Weather
    )
    assert isinstance(answer.output_parsed, Weather)


@pytest.mark.parametrize("provider", ["sandbox", "anthropic", "google"])
def test_reasoning_is_a_summary(machine, gpt, provider):
    model = "sandbox/sandbox"
    if provider != "sandbox":
        machine.connect(provider)
        model = f"{provider}/fake-model"
    answer = gpt.responses.create(
        model=model, input="What is 2+2?", reasoning={"effort": "high", "summary": "auto"}
    )
    (thought,) = [item for item in answer.output if item.type == "reasoning"]
    assert thought.summary[0].text
    assert "4" in answer.output_text


def test_answer_that_was_cut_short_is_incomplete(gpt, model):
    answer = gpt.responses.create(
        model=model, input="repeat: " + "many words " * 40, max_output_tokens=16
    )
    assert answer.status == "incomplete"
    assert answer.incomplete_details.reason == "max_output_tokens"


def test_errors_are_the_sdks_own_classes(machine, gpt):
    with pytest.raises(openai.NotFoundError):
        gpt.responses.create(model="no-such-model", input="Hello")
    machine.connect()
    with pytest.raises(openai.RateLimitError):
        gpt.responses.create(model="openai-compatible/fake-error-429", input="Hello")


@pytest.mark.parametrize(
    "said", [{"previous_response_id": "resp_1"}, {"background": True}, {"conversation": "conv_1"}]
)
def test_what_needs_a_memory_is_refused(gpt, said):
    with pytest.raises(openai.BadRequestError) as caught:
        gpt.responses.create(model="sandbox/sandbox", input="Hello", **said)
    assert caught.value.param == next(iter(said))


def test_stream_that_is_cut_raises(machine, gpt):
    machine.connect()
    stream = gpt.responses.create(
        model="openai-compatible/fake-cut-2", input="What is 2+2?", stream=True
    )
    with pytest.raises(openai.APIError):
        list(stream)

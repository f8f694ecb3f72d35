"""The official clients, unmodified: only the address and the key are changed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import anthropic
import openai
import pytest

MESSAGES = [{"role": "user", "content": "What is 2+2?"}]
WEATHER = {
    "name": "get_weather",
    "description": "The weather in a city",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
    },
}
ASK = "Use get_weather to find the weather in Paris."
PROVIDERS = [
    "sandbox",
    "openai-compatible",
    "anthropic",
    "google",
    "ollama",
    "bedrock",
    "azure-openai",
    "vertex",
]
MODELS = {"bedrock": "global.anthropic.claude-haiku-5-5"}
"""Where an unknown model would be asked for less than it can do."""


@pytest.fixture
def gpt(machine) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(
        base_url=f"{machine.url}/v1", api_key=machine.token, max_retries=0, timeout=20
    ) as client:
        yield client


@pytest.fixture
def claude(machine) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(
        base_url=machine.url, api_key=machine.token, max_retries=0, timeout=20
    ) as client:
        yield client


@pytest.fixture(params=PROVIDERS)
def model(request, machine) -> str:
    if request.param == "sandbox":
        return "sandbox/sandbox"
    machine.connect(request.param)
    return f"{request.param}/{MODELS.get(request.param, 'fake-model')}"


def test_openai_chat(gpt, model):
    answer = gpt.chat.completions.create(model=model, messages=MESSAGES)
    assert "4" in answer.choices[0].message.content
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens


def test_openai_stream(gpt, model):
    stream = gpt.chat.completions.create(
        model=model, messages=MESSAGES, stream=True, stream_options={"include_usage": True}
    )
    chunks = list(stream)
    assert "4" in "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] == "stop"
    assert chunks[-1].usage.completion_tokens > 0


def test_openai_tools_over_two_turns(gpt, model):
    tools = [{"type": "function", "function": WEATHER}]
    messages = [{"role": "user", "content": ASK}]
    first = gpt.chat.completions.create(model=model, messages=messages, tools=tools)
    (call,) = first.choices[0].message.tool_calls
    assert first.choices[0].finish_reason == "tool_calls"
    assert json.loads(call.function.arguments) == {"city": "Paris"}
    messages += [
        first.choices[0].message,
        {"role": "tool", "tool_call_id": call.id, "content": "12 degrees and rain"},
    ]
    second = gpt.chat.completions.create(model=model, messages=messages, tools=tools)
    assert "12 degrees" in second.choices[0].message.content


def test_openai_streamed_tool_call(gpt, model):
    stream = gpt.chat.completions.create(
        model=model,
        messages=[{"role": "user", "content": ASK}],
        tools=[{"type": "function", "function": WEATHER}],
        stream=True,
    )
    pieces = [
        piece
        for chunk in stream
        if chunk.choices
        for piece in chunk.choices[0].delta.tool_calls or []
    ]
    assert pieces[0].function.name == "get_weather"
    assert json.loads("".join(p.function.arguments or "" for p in pieces)) == {"city": "Paris"}


def test_openai_image(gpt, model, png):
    content = [
        {"type": "text", "text": "How large is this picture?"},
        {"type": "image_url", "image_url": {"url": png(31, 17)}},
    ]
    answer = gpt.chat.completions.create(
        model=model, messages=[{"role": "user", "content": content}]
    )
    assert "31" in answer.choices[0].message.content


def test_openai_structured_output(gpt, model):
    answer = gpt.chat.completions.create(
        model=model,
        messages=[{"role": "user", "content": "The weather in Paris, as JSON."}],
        response_format={
            "type": "json_schema",
            "json_schema": {"name": "weather", "schema": WEATHER["parameters"]},
        },
    )
    assert set(json.loads(answer.choices[0].message.content)) == {"city"}


@pytest.mark.parametrize("provider", ["sandbox", "openai-compatible", "ollama"])
def test_openai_embeddings(machine, gpt, provider):
    model = "sandbox/sandbox-embed"
    if provider != "sandbox":
        machine.connect(provider)
        model = f"{provider}/fake-embed"
    answer = gpt.embeddings.create(model=model, input=["one", "two"])
    assert [len(entry.embedding) for entry in answer.data] == [len(answer.data[0].embedding)] * 2


def test_openai_models(gpt):
    assert [model.id for model in gpt.models.list()] == ["sandbox/sandbox", "sandbox/sandbox-embed"]
    assert gpt.models.retrieve("sandbox/sandbox").id == "sandbox/sandbox"


def test_openai_errors_are_the_sdks_own_classes(machine, gpt):
    with pytest.raises(openai.NotFoundError):
        gpt.chat.completions.create(model="no-such-model", messages=MESSAGES)
    machine.connect()
    with pytest.raises(openai.RateLimitError):
        gpt.chat.completions.create(model="openai-compatible/fake-error-429", messages=MESSAGES)


def test_openai_stream_that_is_cut_raises(machine, gpt):
    machine.connect()
    stream = gpt.chat.completions.create(
        model="openai-compatible/fake-cut-2", messages=MESSAGES, stream=True
    )
    with pytest.raises(openai.APIError):
        list(stream)


def test_anthropic_message(claude, model):
    answer = claude.messages.create(model=model, max_tokens=100, messages=MESSAGES)
    assert "4" in answer.content[0].text
    assert answer.stop_reason == "end_turn"
    assert answer.usage.output_tokens > 0


def test_anthropic_stream(claude, model):
    with claude.messages.stream(model=model, max_tokens=100, messages=MESSAGES) as stream:
        assert "4" in "".join(stream.text_stream)
        assert stream.get_final_message().stop_reason == "end_turn"


def test_anthropic_tools_over_two_turns(claude, model):
    tools = [
        {
            "name": WEATHER["name"],
            "description": WEATHER["description"],
            "input_schema": WEATHER["parameters"],
        }
    ]
    messages: list[Any] = [{"role": "user", "content": ASK}]
    first = claude.messages.create(model=model, max_tokens=100, messages=messages, tools=tools)
    (use,) = [block for block in first.content if block.type == "tool_use"]
    assert (first.stop_reason, use.input) == ("tool_use", {"city": "Paris"})
    result = {"type": "tool_result", "tool_use_id": use.id, "content": "12 degrees and rain"}
    messages += [
        {"role": "assistant", "content": first.content},
        {"role": "user", "content": [result]},
    ]
    second = claude.messages.create(model=model, max_tokens=100, messages=messages, tools=tools)
    assert "12 degrees" in second.content[0].text


def test_anthropic_errors_are_the_sdks_own_classes(machine, claude):
    with pytest.raises(anthropic.NotFoundError):
        claude.messages.create(model="no-such-model", max_tokens=10, messages=MESSAGES)
    machine.connect("anthropic")
    with pytest.raises(anthropic.RateLimitError):
        claude.messages.create(model="anthropic/fake-error-429", max_tokens=10, messages=MESSAGES)


def test_anthropic_stream_that_is_cut_raises(machine, claude):
    machine.connect("anthropic")
    with (
        pytest.raises(anthropic.APIError),
        claude.messages.stream(
            model="anthropic/fake-cut-4", max_tokens=100, messages=MESSAGES
        ) as stream,
    ):
        stream.get_final_message()

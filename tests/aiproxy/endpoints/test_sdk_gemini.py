"""Google's own client, unmodified: only the address and the key are changed."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import pydantic
import pytest
from google import genai
from google.genai import errors, types

PROVIDERS = ["sandbox", "openai-compatible", "anthropic", "google", "ollama"]
WEATHER = types.Tool(
    function_declarations=[
        types.FunctionDeclaration(
            name="get_weather",
            description="The weather in a city",
            parameters=types.Schema(
                type=types.Type.OBJECT,
                properties={"city": types.Schema(type=types.Type.STRING)},
                required=["city"],
            ),
        )
    ]
)
ASK = "Use get_weather to find the weather in Paris."


class Weather(pydantic.BaseModel):
    city: str


def settings(**said: Any) -> types.GenerateContentConfig:
    """The client would call Python functions by itself; there are none here."""
    off = types.AutomaticFunctionCallingConfig(disable=True)
    return types.GenerateContentConfig(automatic_function_calling=off, **said)


@pytest.fixture
def google(machine) -> Iterator[genai.Client]:
    options = types.HttpOptions(base_url=machine.url, timeout=20_000)
    client = genai.Client(api_key=machine.token, http_options=options)
    yield client
    client._api_client._httpx_client.close()  # this version closes it only with the interpreter


@pytest.fixture(params=PROVIDERS)
def model(request, machine) -> str:
    if request.param == "sandbox":
        return "sandbox/sandbox"
    machine.connect(request.param)
    return f"{request.param}/fake-model"


def test_chat(google, model):
    answer = google.models.generate_content(
        model=model, contents="What is 2+2?", config=settings(system_instruction="Be brief.")
    )
    assert "4" in answer.text
    assert answer.candidates[0].finish_reason == types.FinishReason.STOP
    used = answer.usage_metadata
    assert used.total_token_count == used.prompt_token_count + used.candidates_token_count > 0


def test_stream(google, model):
    chunks = list(
        google.models.generate_content_stream(
            model=model, contents="What is 2+2?", config=settings()
        )
    )
    assert "4" in "".join(chunk.text or "" for chunk in chunks)
    assert chunks[-1].candidates[0].finish_reason == types.FinishReason.STOP
    assert chunks[-1].usage_metadata.candidates_token_count > 0


@pytest.mark.parametrize("streams", [False, True], ids=["whole", "stream"])
def test_tools_over_two_turns(google, model, streams):
    said: list[Any] = [types.Content(role="user", parts=[types.Part(text=ASK)])]
    options = {"model": model, "config": settings(tools=[WEATHER])}
    if streams:
        parts = [
            part
            for chunk in google.models.generate_content_stream(contents=said, **options)
            for part in chunk.candidates[0].content.parts
        ]
    else:
        first = google.models.generate_content(contents=said, **options)
        parts = first.candidates[0].content.parts
    (call,) = [part.function_call for part in parts if part.function_call]
    assert (call.name, call.args) == ("get_weather", {"city": "Paris"})
    result = types.Part.from_function_response(
        name=call.name, response={"output": "12 degrees and rain"}
    )
    said += [types.Content(role="model", parts=parts), types.Content(role="user", parts=[result])]
    second = google.models.generate_content(contents=said, **options)
    assert "12 degrees" in second.text


def test_image(google, model, png):
    picture = base64.b64decode(png(31, 17).partition(",")[2])
    content = [
        "How large is this picture?",
        types.Part.from_bytes(data=picture, mime_type="image/png"),
    ]
    answer = google.models.generate_content(model=model, contents=content, config=settings())
    assert "31" in answer.text


def test_structured_output(google, model):
    answer = google.models.generate_content(
        model=model,
        contents="The weather in Paris, as JSON.",
        config=settings(response_mime_type="application/json", response_schema=Weather),
    )
    assert set(json.loads(answer.text)) == {"city"}
    assert isinstance(answer.parsed, Weather)


@pytest.mark.parametrize("provider", ["sandbox", "openai-compatible", "google", "ollama"])
def test_embeddings(machine, google, provider):
    model = "sandbox/sandbox-embed"
    if provider != "sandbox":
        machine.connect(provider)
        model = f"{provider}/fake-embed"
    answer = google.models.embed_content(model=model, contents=["one", "two"])
    first, second = answer.embeddings
    assert len(first.values) == len(second.values) > 0


@pytest.mark.parametrize("provider", ["sandbox", "openai-compatible", "anthropic", "google"])
def test_tokens_are_counted(machine, google, provider):
    model = "sandbox/sandbox"
    if provider != "sandbox":
        machine.connect(provider)
        model = f"{provider}/fake-model"
    assert google.models.count_tokens(model=model, contents="What is 2+2?").total_tokens > 0


def test_models(google):
    assert [model.name for model in google.models.list()] == [
        "models/sandbox/sandbox",
        "models/sandbox/sandbox-embed",
    ]
    assert google.models.get(model="sandbox/sandbox").name == "models/sandbox/sandbox"


def test_errors_are_the_sdks_own_classes(machine, google):
    with pytest.raises(errors.ClientError) as caught:
        google.models.generate_content(model="no-such-model", contents="Hello")
    assert (caught.value.code, caught.value.status) == (404, "NOT_FOUND")
    machine.connect("google")
    with pytest.raises(errors.ServerError, match="UNAVAILABLE"):
        google.models.generate_content(model="google/fake-error-503", contents="Hello")
    with pytest.raises(errors.ClientError) as caught:
        google.models.generate_content(model="google/fake-error-429", contents="Hello")
    assert (caught.value.code, caught.value.status) == (429, "RESOURCE_EXHAUSTED")


def test_stream_that_is_cut_has_no_finish_reason(machine, google):
    """This version of the client does not look for errors inside a stream, Google's own included."""
    machine.connect("google")
    chunks = list(
        google.models.generate_content_stream(
            model="google/fake-cut-2", contents="What is 2+2?", config=settings()
        )
    )
    assert all(not c.candidates or not c.candidates[0].finish_reason for c in chunks)

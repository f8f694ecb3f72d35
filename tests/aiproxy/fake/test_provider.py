"""What the fake writes is what our adapters, made from real recordings, understand."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from aiproxy.fake import brain
from aiproxy.fake.provider import MODELS, Answer, Received, respond
from providers.adapters.base import Adapter, Host
from providers.catalogue.spec import ModelSpec
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
from providers.embedding import EmbeddingRequest
from providers.errors import (
    AuthFailed,
    CallError,
    NotFound,
    Overloaded,
    PermissionDenied,
    QuotaExceeded,
    RateLimited,
    ServerError,
)
from providers.events import Accumulator
from providers.registry import catalogue
from providers.wire import WireReply, WireRequest

ROOTS = {
    "openai-compatible": "/v1",
    "anthropic": "",
    "google": "/v1beta",
    "ollama": "",
    "sandbox": "",
    "bedrock": "",
}
PROVIDERS = tuple(ROOTS)
STREAMING = [(provider, stream) for provider in PROVIDERS for stream in (False, True)]

WEATHER = Tool(
    "get_weather",
    "The weather of a city",
    {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
)
MODEL_HEADERS = {
    "anthropic": {"anthropic-version": "2023-06-01"},
    "google": {"x-goog-api-key": "k"},
}
MODELS_OF = {
    "bedrock": ModelSpec(
        id="sandbox",
        quirks={"structured_output": "native", "thinking": "nova", "embedding": "cohere"},
    )
}
"""Where the catalogue thinks little of a model that it does not know."""


def knows(provider: str) -> tuple[Adapter, Host]:
    host = catalogue().host(provider)
    return catalogue().adapter(provider), replace(host, model=MODELS_OF.get(provider))


def exchange(provider: str, wire: WireRequest, headers: dict[str, str] | None = None) -> Answer:
    path, _, query = wire.path.partition("?")
    sent = MODEL_HEADERS.get(provider, {}) | (headers or {})
    return respond(
        Received(wire.method, ROOTS[provider] + path, query, sent, wire.content() or b"")
    )


def whole(answer: Answer) -> WireReply:
    return WireReply(answer.status, answer.headers, b"".join(answer.pieces))


def chat(provider: str, request: ChatRequest, stream: bool, **headers: str) -> ChatResponse:
    """Through adapter, fake and adapter again. Raises the CallError the answer is explained as."""
    adapter, host = knows(provider)
    answer = exchange(provider, adapter.build(replace(request, stream=stream), host), headers)
    if answer.status != 200:
        raise adapter.explain(whole(answer), host)
    if not stream:
        return adapter.parse(whole(answer), host)
    parser, heard = adapter.stream(host), Accumulator()
    for piece in answer.pieces:
        heard.extend(parser.feed(piece))
    heard.extend(parser.close())
    if heard.error:
        raise heard.error
    return heard.response()


def request(text: str = "Hello", **options: Any) -> ChatRequest:
    usual: dict[str, Any] = {
        "model": "sandbox",
        "messages": (Message("user", (Text(text),)),),
        "max_tokens": 500,
    }
    return ChatRequest(**(usual | options))


@pytest.mark.parametrize(("provider", "stream"), STREAMING)
def test_an_answer_is_the_brains(provider, stream):
    response = chat(provider, request(), stream)
    assert response.text == brain.answer(request()).text
    assert response.model == "sandbox"
    assert response.finish == "stop"
    assert response.usage is not None
    assert (response.usage.input_tokens, response.usage.output_tokens) == (2, 16)


@pytest.mark.parametrize(("provider", "stream"), STREAMING)
def test_tools_are_called_in_parallel(provider, stream):
    response = chat(provider, request("Weather in Paris and Rome?", tools=(WEATHER,)), stream)
    assert [json.loads(call.arguments) for call in response.tool_calls] == [
        {"city": "Paris"},
        {"city": "Rome"},
    ]
    assert {call.name for call in response.tool_calls} == {"get_weather"}
    assert response.finish == "tool_calls"


@pytest.mark.parametrize(("provider", "stream"), STREAMING)
def test_a_tools_result_is_told(provider, stream):
    messages = (
        Message("user", (Text("What is the weather in Paris?"),)),
        Message("assistant", (ToolCall("call_1", "get_weather", '{"city":"Paris"}'),)),
        Message("tool", (ToolResult("call_1", (Text("Sunny"),), "get_weather"),)),
    )
    response = chat(provider, request(messages=messages, tools=(WEATHER,)), stream)
    assert response.text == "The tool get_weather says: Sunny."


@pytest.mark.parametrize(
    "provider", ["openai-compatible", "anthropic", "google", "sandbox", "bedrock"]
)
@pytest.mark.parametrize(("mode", "name"), [("required", None), ("named", "get_weather")])
def test_a_tool_is_forced(provider, mode, name):
    forced = request(tools=(WEATHER,), tool_choice=ToolChoice(mode, name))
    assert [call.name for call in chat(provider, forced, False).tool_calls] == ["get_weather"]


@pytest.mark.parametrize(("provider", "stream"), STREAMING)
def test_thoughts_are_carried(provider, stream):
    response = chat(
        provider, request(reasoning=ReasoningOptions("low", include=True), max_tokens=5000), stream
    )
    assert any(isinstance(part, Reasoning) and part.text for part in response.choices[0].parts)
    assert response.text == brain.answer(request()).text


@pytest.mark.parametrize("provider", PROVIDERS)
def test_pictures_are_looked_at(provider):
    png = "iVBORw0KGgoAAAANSUhEUgAAAoAAAAHgCAIAAAC6s0uz"
    messages = (Message("user", (Text("What is this?"), Image("image/png", png))),)
    assert "640 × 480" in chat(provider, request(messages=messages), False).text


@pytest.mark.parametrize("provider", PROVIDERS)
def test_structure_is_kept(provider):
    schema = {
        "type": "object",
        "properties": {"age": {"type": "integer"}},
        "required": ["age"],
        "additionalProperties": False,
    }
    form = ResponseFormat("json_schema", schema, "person")
    assert json.loads(chat(provider, request("I am 36", response_format=form), False).text) == {
        "age": 36
    }


@pytest.mark.parametrize(("provider", "stream"), STREAMING)
def test_the_limit_of_tokens_is_kept(provider, stream):
    response = chat(provider, request(max_tokens=4), stream)
    assert (response.text, response.finish) == ("Hello! I am", "length")


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_stop_word_is_kept(provider):
    assert chat(provider, request(stop=("sandbox",)), False).text.strip() == "Hello! I am the"


@pytest.mark.parametrize("provider", ["openai-compatible", "google", "sandbox"])
@pytest.mark.parametrize("stream", [False, True])
def test_several_answers_are_given(provider, stream):
    assert len(chat(provider, request(n=2), stream).choices) == 2


@pytest.mark.parametrize(
    "provider", ["openai-compatible", "google", "ollama", "sandbox", "bedrock"]
)
def test_embeddings_are_given_in_order(provider):
    adapter, host = knows(provider)
    wanted = EmbeddingRequest("sandbox-embed", ("one", "two", "one"), 8)
    reply = whole(exchange(provider, adapter.build_embedding(wanted, host)))
    vectors = adapter.parse_embedding(reply, host).vectors
    assert [len(vector) for vector in vectors] == [8, 8, 8]
    assert vectors[0] == vectors[2] != vectors[1]


@pytest.mark.parametrize("dimensions", [0, -1, 5000, "many"])
def test_impossible_dimensions_are_refused(dimensions):
    body = {"model": "sandbox-embed", "input": "a", "dimensions": dimensions}
    assert respond(post("/v1/embeddings", body)).status == 400


@pytest.mark.parametrize("provider", sorted(set(PROVIDERS) - {"bedrock"}))
def test_models_are_listed(provider):
    adapter, host = knows(provider)
    reply = whole(exchange(provider, adapter.build_models(host)))
    assert tuple(model.id for model in adapter.parse_models(reply, host)) == MODELS


KEYS = {
    "bad": AuthFailed,
    "restricted": PermissionDenied,
    "broke": QuotaExceeded,
    "limited": RateLimited,
}


@pytest.mark.parametrize(
    "provider", ["openai-compatible", "anthropic", "google", "ollama", "bedrock"]
)
@pytest.mark.parametrize("word", KEYS)
def test_a_key_is_refused_in_the_formats_own_way(provider, word):
    with pytest.raises(CallError) as caught:
        chat(provider, request(), False, **{"x-goog-api-key": f"sk-{word}-key"})
    assert type(caught.value) is KEYS[word]


@pytest.mark.parametrize("header", ["x-api-key", "x-goog-api-key", "api-key"])
def test_a_key_is_found_in_every_header(header):
    assert respond(Received("GET", "/v1/models", headers={header: "bad"})).status in (400, 401)


def test_a_key_is_found_in_the_query():
    assert respond(Received("GET", "/v1beta/models", "key=bad")).status == 400


STATUSES = {404: NotFound, 429: RateLimited, 500: ServerError, 503: Overloaded, 529: Overloaded}


@pytest.mark.parametrize(("provider", "stream"), STREAMING)
@pytest.mark.parametrize("status", STATUSES)
def test_a_status_comes_with_the_formats_error(provider, stream, status):
    with pytest.raises(STATUSES[status]) as caught:
        chat(provider, request(model=f"fake-error-{status}"), stream)
    assert caught.value.upstream_status == status


@pytest.mark.parametrize("provider", PROVIDERS)
def test_an_error_within_a_stream_is_the_formats_own(provider):
    with pytest.raises(CallError) as caught:
        chat(provider, request(model="fake-fail-2"), True)
    assert type(caught.value).__name__ != "StreamCut"


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_stream_without_its_end_is_noticed(provider):
    with pytest.raises(CallError):
        chat(provider, request(model="fake-end-3"), True)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_garbage_is_no_answer(provider):
    with pytest.raises(CallError):
        chat(provider, request(model="fake-garbage"), False)


@pytest.mark.parametrize(("provider", "stream"), STREAMING)
def test_a_number_of_words_can_be_asked_for(provider, stream):
    response = chat(provider, request(model="fake-chunks-50", max_tokens=None), stream)
    assert response.text.split() == [f"word{number}" for number in range(1, 51)]


@pytest.mark.parametrize(("provider", "stream"), STREAMING)
def test_the_fast_model_gives_a_whole_answer(provider, stream):
    response = chat(provider, request("Whatever", model="fake-fast"), stream)
    assert response.text.startswith("Hello")
    assert response.usage is not None


# --- Details ---


def post(path: str, body: Any, **headers: str) -> Received:
    data = body if isinstance(body, bytes) else msgspec.json.encode(body)
    return Received("POST", path, "", headers, data)


CHAT = {"model": "sandbox", "messages": [{"role": "user", "content": "Hello"}]}


def test_gemini_without_sse_streams_one_array():
    body = {"contents": [{"role": "user", "parts": [{"text": "Hello"}]}]}
    answer = respond(post("/v1beta/models/sandbox:streamGenerateContent", body))
    chunks = json.loads(b"".join(answer.pieces))
    text = "".join(part["text"] for c in chunks for part in c["candidates"][0]["content"]["parts"])
    assert text.startswith("Hello! I am")
    assert answer.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/v1/messages/count_tokens", {**CHAT, "max_tokens": 1}, "input_tokens"),
        (
            "/v1beta/models/m:countTokens",
            {"contents": [{"parts": [{"text": "Hi"}]}]},
            "totalTokens",
        ),
    ],
)
def test_tokens_are_counted(path, body, field):
    assert json.loads(b"".join(respond(post(path, body)).pieces))[field] == 2


def test_ollama_tells_its_version():
    assert b"version" in b"".join(respond(Received("GET", "/api/version")).pieces)


def test_one_model_is_shown_and_an_unknown_one_is_not():
    assert respond(Received("GET", "/v1/models/sandbox")).status == 200
    assert respond(Received("GET", "/v1/models/nothing")).status == 404


def test_the_received_key_can_be_echoed():
    answer = respond(
        post("/v1/chat/completions", CHAT | {"model": "fake-echo"}, authorization="Bearer k-1")
    )
    assert answer.status == 401
    assert b"k-1" in b"".join(answer.pieces)
    assert answer.headers["x-echo"] == "k-1"


def test_a_redirect_can_be_asked_for():
    answer = respond(post("/v1/chat/completions", CHAT, **{"x-fake-redirect": "302"}))
    assert (answer.status, "location" in answer.headers) == (302, True)


def test_a_limit_says_when_to_try_again():
    answer = respond(post("/v1/chat/completions", CHAT | {"model": "fake-error-429-retry-9"}))
    assert answer.headers["retry-after"] == "9"


@pytest.mark.parametrize(
    "path",
    ["/v1/chat/completions", "/v1/messages", "/v1beta/models/m:generateContent", "/api/chat"],
)
@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b'{"messages": 5}', b'{"messages": [5], "contents": 5}', b"\xff"],
)
def test_bad_bodies_are_answered_and_never_raise(path, body):
    answer = respond(post(path, body))
    b"".join(answer.pieces)
    assert answer.status in (200, 400)


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/"), ("GET", "/v1/chat/completions"), ("DELETE", "/v1/models")]
)
def test_other_addresses_are_not_found(method, path):
    assert respond(Received(method, path)).status == 404

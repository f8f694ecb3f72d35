"""The official clients read what we write: answers, streams and errors, over a transport in memory."""

from __future__ import annotations

import anthropic
import httpx2
import openai
import pytest

from aiproxy.protocols import anthropic as anthropic_dialect
from aiproxy.protocols import openai as openai_dialect
from aiproxy.protocols.base import ModelEntry, Protocol, encode
from providers.chat import ChatResponse, Choice, Text
from providers.embedding import EmbeddingResponse
from providers.errors import AuthFailed, CallError, InvalidRequest, RateLimited, StreamCut
from providers.events import (
    Ended,
    Failed,
    Finished,
    ReasoningDelta,
    Started,
    TextDelta,
    ToolCallDelta,
    UsageReported,
)
from providers.usage import Usage

HELLO = [{"role": "user", "content": "hello"}]
ANSWER = ChatResponse("p", "m", (Choice((Text("hi"),), "stop"),), Usage(1, 1))
WHOLE = (Started("p", "m"), TextDelta(0, "hi"), Finished("stop"), Ended())
CUT = (Started("p", "m"), TextDelta(0, "hi"), Failed(StreamCut("It broke off.")))


def client(library, body: object, status: int = 200, headers: dict[str, str] | None = None):
    """A client of ``library`` whose every call is answered with ``body``."""

    def answer(request: httpx2.Request) -> httpx2.Response:
        kind = "text/event-stream" if isinstance(body, bytes) else "application/json"
        content = body if isinstance(body, bytes) else encode(body)
        return httpx2.Response(
            status, content=content, headers={"content-type": kind, **(headers or {})}
        )

    made = library.OpenAI if library is openai else library.Anthropic
    return made(
        api_key="k",
        base_url="http://gateway.test/v1",
        max_retries=0,
        http_client=httpx2.Client(transport=httpx2.MockTransport(answer)),
    )


def streamed(protocol: Protocol, facts, events) -> bytes:
    renderer = protocol.stream(facts)
    return b"".join(map(renderer.render, events))


def refused(protocol: Protocol, error: CallError):
    status, body, headers = protocol.render_error(error, "req_1")
    return {"body": body, "status": status, "headers": headers}


def test_openai_answer(facts):
    body = openai_dialect.PROTOCOL.render_response(ANSWER, facts)
    with client(openai, body) as sdk:
        answer = sdk.chat.completions.create(model="m", messages=HELLO)
    assert answer.choices[0].message.content == "hi"


def test_openai_stream(facts):
    body = streamed(openai_dialect.PROTOCOL, facts, WHOLE)
    with client(openai, body) as sdk:
        chunks = list(sdk.chat.completions.create(model="m", messages=HELLO, stream=True))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "hi"


def test_openai_cut_stream_raises(facts):
    body = streamed(openai_dialect.PROTOCOL, facts, CUT)
    with client(openai, body) as sdk:
        stream = sdk.chat.completions.create(model="m", messages=HELLO, stream=True)
        with pytest.raises(openai.APIError, match="It broke off") as caught:
            list(stream)
    assert caught.value.code == "network_error"


def test_openai_embeddings_come_unpacked(facts):
    asked = openai_dialect.PROTOCOL.style({"encoding_format": "base64"})
    facts.style = asked
    response = EmbeddingResponse("m", ((0.5, -1.0),), Usage(1))
    body = openai_dialect.PROTOCOL.render_embedding(response, facts)
    with client(openai, body) as sdk:
        answer = sdk.embeddings.create(model="m", input="a")
    assert list(answer.data[0].embedding) == [0.5, -1.0]


def test_openai_models():
    entry = ModelEntry("sandbox/sandbox", "sandbox")
    with client(openai, openai_dialect.PROTOCOL.render_models([entry])) as sdk:
        assert [model.id for model in sdk.models.list()] == ["sandbox/sandbox"]


@pytest.mark.parametrize(
    ("error", "raised"),
    [
        (AuthFailed("m"), openai.AuthenticationError),
        (RateLimited("m", retry_after=1), openai.RateLimitError),
        (InvalidRequest("m", param="messages"), openai.BadRequestError),
    ],
)
def test_openai_error(error, raised):
    with (
        client(openai, **refused(openai_dialect.PROTOCOL, error)) as sdk,
        pytest.raises(raised) as caught,
    ):
        sdk.chat.completions.create(model="m", messages=HELLO)
    assert caught.value.code == error.code
    assert caught.value.param == error.param


def test_anthropic_answer(facts):
    body = anthropic_dialect.PROTOCOL.render_response(ANSWER, facts)
    with client(anthropic, body) as sdk:
        answer = sdk.messages.create(model="m", max_tokens=9, messages=HELLO)
    assert answer.content[0].text == "hi"


def test_anthropic_stream(facts):
    body = streamed(anthropic_dialect.PROTOCOL, facts, WHOLE)
    with client(anthropic, body) as sdk, sdk.messages.stream(
        model="m", max_tokens=9, messages=HELLO
    ) as stream:  # fmt: skip
        assert "".join(stream.text_stream) == "hi"
        assert stream.get_final_message().stop_reason == "end_turn"


def test_anthropic_puts_thoughts_and_overlapping_calls_together(facts):
    events = (
        Started("p", "m"),
        ReasoningDelta(0, "hm"),
        ReasoningDelta(0, "", state={"anthropic": {"signature": "s"}}),
        TextDelta(1, "Hello"),
        ToolCallDelta(2, "", "t1", "f"),
        ToolCallDelta(3, '{"b":2}', "t2", "g"),
        ToolCallDelta(2, '{"a":1}'),
        Finished("tool_calls"),
        UsageReported(Usage(10, 5)),
        Ended(),
    )
    body = streamed(anthropic_dialect.PROTOCOL, facts, events)
    with client(anthropic, body) as sdk, sdk.messages.stream(
        model="m", max_tokens=9, messages=HELLO
    ) as stream:  # fmt: skip
        message = stream.get_final_message()
    thought, text, first, second = message.content
    assert (thought.thinking, thought.signature) == ("hm", "s")
    assert text.text == "Hello"
    assert (first.id, first.input) == ("t1", {"a": 1})
    assert (second.id, second.input) == ("t2", {"b": 2})
    assert message.stop_reason == "tool_use"
    assert message.usage.output_tokens == 5


def test_anthropic_cut_stream_raises(facts):
    body = streamed(anthropic_dialect.PROTOCOL, facts, CUT)
    with client(anthropic, body) as sdk:
        stream = sdk.messages.create(model="m", max_tokens=9, messages=HELLO, stream=True)
        with pytest.raises(anthropic.APIError, match="It broke off"):
            list(stream)


def test_anthropic_error():
    refusal = refused(anthropic_dialect.PROTOCOL, RateLimited("m", retry_after=1))
    with client(anthropic, **refusal) as sdk, pytest.raises(anthropic.RateLimitError) as caught:
        sdk.messages.create(model="m", max_tokens=9, messages=HELLO)
    body = caught.value.body
    assert isinstance(body, dict)
    assert body["error"]["code"] == "rate_limit"

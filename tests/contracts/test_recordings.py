"""Replays recorded traffic through the adapters and compares it with an independent reading.

The recordings are not part of the project: they are read from RECORDINGS_DIR, by default
``../shared/recordings/dev`` seen from the project's root, and these tests skip where the folder is absent.
"""

from __future__ import annotations

import base64
import importlib
import json
import os
import random
from pathlib import Path
from typing import Any

import msgspec
import pytest

from providers.adapters import ADAPTERS, openai, openai_answer
from providers.adapters.base import Adapter, Host
from providers.catalogue.spec import Auth, ProviderSpec
from providers.chat import ChatRequest, ChatResponse, Choice, Message, Text, ToolCall
from providers.errors import CallError, RateLimited
from providers.events import Accumulator, Ended, Event, Failed, Finished, Started
from providers.registry import catalogue
from providers.wire import WireReply
from tests.contracts.expected import Expected, Recording, json_or_text, unique

ROOT = Path(__file__).resolve().parents[2]
FOLDER = Path(os.environ.get("RECORDINGS_DIR", ROOT.parent / "shared" / "recordings" / "dev"))

ADAPTER_OF = {
    "openai_chat": "openai",
    "mistral_chat": "openai",
    "openai_embeddings": "openai",
    "anthropic_messages": "anthropic",
    "gemini_generate": "gemini",
    "gemini_embed": "gemini",
    "ollama_chat": "ollama",
    "bedrock_converse": "bedrock",
    "openai_responses": "responses",
    "cohere_chat": "cohere",
    "cohere_embed": "cohere",
}
MODELS = "models_list"
"""Lists of models are read by the adapter of the provider that gave them."""

NOT_CARRIED = {
    "anthropic_count_tokens": "no answer to read but a number: test_recorded_requests.py reads it",
    "bedrock_count_tokens": "counting tokens is not an operation yet",
    "bedrock_invoke": "each maker's own chat format; Converse carries all of them",
    "cohere_chat_v1": "Cohere's first chat API, which v2 replaced",
    "gemini_count_tokens": "no answer to read but a number: test_recorded_requests.py reads it",
    "gemini_interactions": "the interactions API is not carried yet",
    "hf_inference": "the old inference API is not a chat format",
    "ollama_generate": "the prompt API is not carried",
    "openai_audio_transcriptions": "speech is not carried yet",
    "openai_completions": "the legacy prompt API is not carried",
    "openai_images": "images are not carried yet",
    "openai_moderations": "moderation is not carried",
    "openai_responses_compact": "compacting a conversation is not a chat",
    "openai_responses_input_tokens": "counting tokens is not an operation yet",
    "rerank": "reranking is not carried yet",
}


def protocol_of(recording: Recording) -> str:
    """The recording's protocol; Cohere's two chat APIs, which share a name there, are told apart by their address."""
    old = "cohere.com/v1/chat" in recording["request"]["url"]
    return "cohere_chat_v1" if old else str(recording["protocol"])


def load() -> list[Any]:
    if not FOLDER.is_dir():
        skip = pytest.mark.skip(reason=f"no recordings in {FOLDER}; set RECORDINGS_DIR")
        return [pytest.param({}, marks=skip, id="no-recordings")]
    found = []
    for path in sorted(FOLDER.glob("*.json")):
        recording = json.loads(path.read_text(encoding="utf-8"))
        if protocol_of(recording) not in NOT_CARRIED:
            found.append(pytest.param(recording, id=path.stem))
    return found


RECORDINGS = load()


def params(keep) -> list[Any]:
    return [p for p in RECORDINGS if not p.values[0] or keep(p.values[0])]


EMBEDDING_PROTOCOLS = ("openai_embeddings", "gemini_embed", "cohere_embed")


def ok(recording: Recording) -> bool:
    return int(recording["response"]["status"]) < 400


def is_chat(recording: Recording) -> bool:
    return recording["protocol"] not in (*EMBEDDING_PROTOCOLS, MODELS)


def is_stream(recording: Recording) -> bool:
    """Gemini without SSE streams one JSON array, which is recorded as JSON."""
    response = recording["response"]
    return bool(recording["stream"]) and (
        "body" not in response or isinstance(response["body"], list)
    )


ANSWERS = params(lambda r: ok(r) and is_chat(r) and "body" in r["response"] and not r["stream"])
STREAMS = params(lambda r: ok(r) and is_chat(r) and is_stream(r))
ERRORS = params(lambda r: not ok(r))
EMBEDDINGS = params(lambda r: ok(r) and r["protocol"] in EMBEDDING_PROTOCOLS)
LISTS = params(lambda r: ok(r) and r["protocol"] == MODELS)


def adapter_name(recording: Recording) -> str:
    if recording["protocol"] != MODELS:
        return ADAPTER_OF[recording["protocol"]]
    provider = catalogue().get(recording["provider"])
    return provider.adapter if provider and provider.adapter else "openai"


def adapter_of(recording: Recording) -> Adapter:
    return ADAPTERS[adapter_name(recording)]


def host_of(recording: Recording) -> Host:
    spec = ProviderSpec(
        id="recorded",
        name="Recorded",
        description="",
        category="llm",
        adapter=adapter_name(recording),
        auth=(Auth(id="none", type="none", label="None", place="none"),),
    )
    return Host(spec)


def expected_of(recording: Recording) -> Expected:
    module = importlib.import_module(f"tests.contracts.expected.{recording['protocol']}")
    expected: Expected = module.read(recording)
    return expected


def body_of(recording: Recording) -> bytes:
    response = recording["response"]
    if "body_base64" in response:
        return base64.b64decode(response["body_base64"])
    if "body_text" in response:
        return str(response["body_text"]).encode()
    return msgspec.json.encode(response["body"])


def reply_of(recording: Recording) -> WireReply:
    response = recording["response"]
    headers = {name.lower(): value for name, value in response["headers"].items()}
    return WireReply(response["status"], headers, body_of(recording))


def whole(data: bytes) -> list[bytes]:
    return [data]


def byte_by_byte(data: bytes) -> list[bytes]:
    return [data[i : i + 1] for i in range(len(data))]


def random_cuts(data: bytes) -> list[bytes]:
    dice = random.Random(len(data))
    cuts = sorted(dice.sample(range(len(data)), min(len(data) - 1, 25)))
    return [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]


def events_of(recording: Recording, pieces: list[bytes]) -> list[Event]:
    parser = adapter_of(recording).stream(host_of(recording))
    events = [event for piece in pieces for event in parser.feed(piece)]
    return [*events, *parser.close()]


def test_every_protocol_is_carried_or_excluded_with_a_reason():
    if not FOLDER.is_dir():
        pytest.skip(f"no recordings in {FOLDER}; set RECORDINGS_DIR")
    recordings = (json.loads(p.read_text(encoding="utf-8")) for p in FOLDER.glob("*.json"))
    assert set(map(protocol_of, recordings)) <= {*ADAPTER_OF, MODELS, *NOT_CARRIED}
    assert not {*ADAPTER_OF, MODELS} & set(NOT_CARRIED)


@pytest.mark.parametrize("recording", ANSWERS)
def test_answer_holds_what_the_recording_holds(recording):
    adapter, reply, host = adapter_of(recording), reply_of(recording), host_of(recording)
    expected = expected_of(recording)
    if expected.failed:
        with pytest.raises(CallError):
            adapter.parse(reply, host)
    else:
        compare(adapter.parse(reply, host), expected)


@pytest.mark.parametrize("recording", STREAMS)
def test_stream_holds_what_the_recording_holds(recording):
    events = events_of(recording, whole(body_of(recording)))
    expected = expected_of(recording)
    accumulator = Accumulator()
    accumulator.extend(events)
    compare(accumulator.response(), expected)
    assert isinstance(events[-1], Failed if expected.failed else Ended)


@pytest.mark.parametrize("recording", STREAMS)
def test_stream_is_the_same_however_it_is_cut(recording):
    data = body_of(recording)
    events = events_of(recording, whole(data))
    assert same(events_of(recording, random_cuts(data)), events)
    assert same(events_of(recording, byte_by_byte(data)), events)


@pytest.mark.parametrize("recording", STREAMS)
def test_stream_keeps_the_order_of_events(recording):
    events = events_of(recording, whole(body_of(recording)))
    assert isinstance(events[0], Started | Failed)
    assert sum(isinstance(event, Started) for event in events) <= 1
    finished = [event.choice for event in events if isinstance(event, Finished)]
    assert len(finished) == len(set(finished))
    assert [event for event in events if isinstance(event, Ended | Failed)] == events[-1:]


@pytest.mark.parametrize("recording", STREAMS)
def test_stream_that_loses_its_second_half_fails(recording):
    data = body_of(recording)
    events = events_of(recording, [data[: len(data) // 2]])
    assert isinstance(events[-1], Failed)


@pytest.mark.parametrize("recording", ERRORS)
def test_error_is_explained_in_our_words(recording):
    reply = reply_of(recording)
    error = adapter_of(recording).explain(reply, host_of(recording))
    assert isinstance(error, CallError)
    assert error.upstream_status == reply.status
    assert error.retryable == (reply.status == 429 or reply.status == 500)
    assert said_by_provider(recording) not in error.message
    if "retry-after" in reply.headers:
        assert error.retry_after is not None
    else:
        assert error.retry_after is None or isinstance(error, RateLimited)


@pytest.mark.parametrize("recording", EMBEDDINGS)
def test_embeddings_are_read(recording):
    response = adapter_of(recording).parse_embedding(reply_of(recording), host_of(recording))
    body = recording["response"]["body"]
    rows = body.get("data") or body["embeddings"]
    assert len(response.vectors) == len(rows["float"] if isinstance(rows, dict) else rows)
    assert all(isinstance(number, float) for vector in response.vectors for number in vector)
    assert len({len(vector) for vector in response.vectors}) == 1
    said = body.get("usage") or body.get("meta", {}).get("billed_units")
    if said:
        names = ("prompt_tokens", "input_tokens", "total_tokens")
        assert response.usage is not None
        assert response.usage.input_tokens == next(said[name] for name in names if name in said)


@pytest.mark.parametrize("recording", LISTS)
def test_lists_of_models_are_read(recording):
    models = adapter_of(recording).parse_models(reply_of(recording), host_of(recording))
    body = recording["response"]["body"]
    items = body if isinstance(body, list) else body.get("data") or body["models"]
    names = [item.get("id") or item["name"].removeprefix("models/") for item in items]
    assert [model.id for model in models] == unique(names)
    lengths = ("context_length", "context_window", "inputTokenLimit")
    said = [next((item[name] for name in lengths if item.get(name)), 0) for item in items]
    assert all(
        model.context in (0, length) for model, length in zip(models, said, strict=True) if length
    )
    assert any(model.context for model in models) or not any(said)


@pytest.mark.parametrize("recording", ANSWERS)
def test_answer_can_be_sent_back_in_the_next_turn(recording):
    adapter, host = adapter_of(recording), host_of(recording)
    if expected_of(recording).failed:
        return
    response = adapter.parse(reply_of(recording), host)
    question = Message("user", (Text("Hello"),))
    for choice in response.choices:
        turn = Message("assistant", choice.parts)
        request = ChatRequest("m", (question, turn, question))
        assert adapter.build(request, host).content()


def compare(response: ChatResponse, expected: Expected) -> None:
    if expected.model is not None:
        assert response.model == expected.model
    assert len(response.choices) == max(1, len(expected.choices))
    for choice, wanted in zip(response.choices, expected.choices, strict=False):
        assert choice.text == wanted.text
        assert joined(choice, "Reasoning") == wanted.reasoning
        assert joined(choice, "Refusal") == wanted.refusal
        compare_calls(choice.tool_calls, wanted.tool_calls)
        if wanted.finish is not None:
            assert choice.finish == wanted.finish
        if wanted.citations is not None:
            assert cited(choice) == wanted.citations
    if expected.usage is None:
        assert response.usage is None
    else:
        assert response.usage is not None
        said = {name: getattr(response.usage, name) for name in expected.usage}
        assert said == dict(expected.usage)


def compare_calls(calls: tuple[ToolCall, ...], wanted: list[Any]) -> None:
    assert [call.name for call in calls] == [call.name for call in wanted]
    assert [json_or_text(call.arguments) for call in calls] == [c.arguments for c in wanted]
    assert len({call.id for call in calls}) == len(calls)
    for call, want in zip(calls, wanted, strict=True):
        assert call.id
        if want.id:
            assert call.id == want.id


def joined(choice: Choice, kind: str) -> str:
    return "".join(part.text for part in choice.parts if type(part).__name__ == kind)  # type: ignore[union-attr]  # kinds with a text


def cited(choice: Choice) -> list[str]:
    texts = [part for part in choice.parts if isinstance(part, Text)]
    notes = [citation for part in texts for citation in part.citations]
    return unique([note.url or note.title or "" for note in notes])


def same(left: list[Event], right: list[Event]) -> bool:
    """Events are equal; exceptions have no equality, so errors are compared by what they say."""
    return list(map(told, left)) == list(map(told, right))


def told(event: Event) -> object:
    if isinstance(event, Failed):
        return type(event.error), event.error.message, event.error.detail
    return event


def said_by_provider(recording: Recording) -> str:
    body = recording["response"].get("body", recording["response"].get("body_text"))
    error = body.get("error", body) if isinstance(body, dict) else body
    return str(error.get("message", error) if isinstance(error, dict) else error)


OPENAI = ("openai_chat", "mistral_chat")


@pytest.mark.parametrize(
    "recording", [p for p in ANSWERS if not p.values[0] or p.values[0]["protocol"] in OPENAI]
)
def test_the_short_way_through_a_plain_answer_reads_what_the_long_one_does(
    recording: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    reply = WireReply(200, {}, body_of(recording))
    short = adapter_of(recording).parse(reply, host_of(recording))
    monkeypatch.setattr(openai, "plain_answer", lambda body: None)
    assert short == adapter_of(recording).parse(reply, host_of(recording))


@pytest.mark.parametrize(
    "recording", [p for p in STREAMS if not p.values[0] or p.values[0]["protocol"] in OPENAI]
)
def test_the_short_way_through_a_piece_of_text_reads_what_the_long_one_does(
    recording: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    def events() -> list[Event]:
        parser = adapter_of(recording).stream(host_of(recording))
        return [*parser.feed(body_of(recording)), *parser.close()]

    short = events()
    monkeypatch.setattr(openai_answer.ChatStream, "_text", lambda parser, frame: ())
    assert repr(short) == repr(events())

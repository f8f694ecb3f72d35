"""Recorded answers, served on a real socket and called through the running gateway as programs call it.

What ``test_recordings`` asks of the adapters, this asks of the whole way: what a program gets through
``/v1/chat/completions`` and ``/api/ai/chat`` is what the recording holds.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from aiproxy.models import UsageRecord
from tests.contracts.expected import Expected, Recording, json_or_text
from tests.contracts.test_recordings import (
    ADAPTER_OF,
    RECORDINGS,
    body_of,
    expected_of,
    is_chat,
    is_stream,
    ok,
)
from tests.fakes import serve
from tests.sse import frames

PROVIDER_OF = {
    "openai_chat": "openai-compatible",
    "mistral_chat": "mistral",
    "anthropic_messages": "anthropic",
    "gemini_generate": "google",
    "ollama_chat": "ollama",
    "cohere_chat": "cohere",
    "bedrock_converse": "bedrock",
    "openai_responses": "openai",
}
MODEL_OF = {"openai_responses": "gpt-5-pro"}
"""The model that makes its provider speak the protocol, where not every model does."""

PROTOCOLS = sorted(set(PROVIDER_OF) & set(ADAPTER_OF))

OPENAI_FINISH = {"refusal": "stop", "pause": "stop", "error": "stop", "unknown": "stop"}


class Player:
    """An ASGI application that answers every request with the recording that is in."""

    recording: Recording = {}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        response = self.recording["response"]
        kept = ("content-type", "retry-after", "x-amzn-errortype")
        headers = [
            (name.encode(), value.encode())
            for name, value in response["headers"].items()
            if name in kept or "ratelimit" in name
        ]
        while (await receive()).get("more_body"):
            pass
        await send(
            {"type": "http.response.start", "status": response["status"], "headers": headers}
        )
        body = body_of(self.recording)
        third = len(body) // 3 + 1
        for start in range(0, len(body), third):
            piece = body[start : start + third]
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


@contextmanager
def played() -> Iterator[tuple[Player, int]]:
    player = Player()
    with serve(player, lifespan="off") as port:
        yield player, port


def recordings(protocol: str) -> list[tuple[str, Recording]]:
    found = [(p.id or "", p.values[0]) for p in RECORDINGS if p.values[0]]
    if not found:
        pytest.skip("no recordings here")
    return [(name, r) for name, r in found if r["protocol"] == protocol and is_chat(r)]


@pytest.fixture(params=PROTOCOLS)
def protocol(request):
    return request.param


@pytest.fixture
def call(machine, protocol, allow_private):
    """``call(recording, path)`` plays a recording to one client call and gives its answer."""
    with played() as (player, port):
        allow_private(f"127.0.0.1:{port}")
        machine.connect(PROVIDER_OF[protocol], base_url=f"http://127.0.0.1:{port}")

        def call(recording: Recording, path: str):
            player.recording = recording
            body = {
                "model": f"{PROVIDER_OF[protocol]}/{MODEL_OF.get(protocol, 'recorded')}",
                "messages": [{"role": "user", "content": "Hello"}],
                "stream": bool(recording["stream"]),
            }
            if path.startswith("/v1"):
                body["stream_options"] = {"include_usage": True} if body["stream"] else None
            return machine.post(path, body)

        yield call


def compare(name: str, path: str, got: dict[str, Any], expected: Expected) -> list[str]:
    """What differs between the client's answer and the recording."""
    first = expected.choices[0] if expected.choices else None
    wrong = []
    if first is not None:
        wanted: dict[str, Any] = {
            "text": first.text,
            "calls": [(c.name, c.arguments) for c in first.tool_calls],
        }
        if first.finish is not None:
            wanted["finish"] = first.finish
            if path.startswith("/v1"):
                wanted["finish"] = OPENAI_FINISH.get(first.finish, first.finish)
        wrong += [
            f"{name} {key}: {got[key]!r} instead of {value!r}"
            for key, value in wanted.items()
            if got[key] != value
        ]
    usage = expected.usage or {}
    for ours, theirs in (("input_tokens", "input"), ("output_tokens", "output")):
        if ours in usage and got["usage"].get(theirs) != usage[ours]:
            wrong.append(f"{name} {theirs}: {got['usage'].get(theirs)} instead of {usage[ours]}")
    return wrong


def whole_native(answer: Any) -> dict[str, Any]:
    usage = answer["usage"] or {}
    return {
        "text": answer["content"],
        "calls": [(c["name"], _value(c["arguments"])) for c in answer["toolCalls"]],
        "finish": answer["finishReason"],
        "usage": {"input": usage.get("promptTokens"), "output": usage.get("completionTokens")},
    }


def whole_openai(answer: Any) -> dict[str, Any]:
    choice, usage = answer["choices"][0], answer["usage"] or {}
    calls = choice["message"].get("tool_calls") or []
    return {
        "text": choice["message"]["content"] or "",
        "calls": [(name, _value(arguments)) for name, arguments in map(_called, calls)],
        "finish": choice["finish_reason"],
        "usage": {"input": usage.get("prompt_tokens"), "output": usage.get("completion_tokens")},
    }


def streamed_native(body: bytes) -> dict[str, Any]:
    got: dict[str, Any] = {"text": "", "finish": None, "usage": {}, "failed": False}
    calls: dict[Any, list[str]] = {}
    for name, data in frames(body):
        event = json.loads(data)
        if event.get("choice"):
            continue
        if name == "text":
            got["text"] += event["text"]
        elif name == "tool_call":
            call = calls.setdefault(event["part"], ["", ""])
            call[0] = call[0] or event.get("name") or ""
            call[1] += event.get("arguments") or ""
        elif name == "end":
            got |= {"finish": event["finishReason"], "usage": event["usage"] or {}}
        got["failed"] = name == "error"
    usage = got["usage"]
    got["usage"] = {"input": usage.get("promptTokens"), "output": usage.get("completionTokens")}
    return got | {"calls": [(name, _value(text)) for name, text in calls.values()]}


def streamed_openai(body: bytes) -> dict[str, Any]:
    got: dict[str, Any] = {"text": "", "finish": None, "usage": {}, "failed": True}
    calls: dict[int, list[str]] = {}
    for _, data in frames(body):
        if data == "[DONE]":
            got["failed"] = False
            continue
        chunk = json.loads(data)
        if usage := chunk.get("usage"):
            got["usage"] = {"input": usage["prompt_tokens"], "output": usage["completion_tokens"]}
        for choice in chunk.get("choices", []):
            if choice["index"]:
                continue
            got["text"] += choice["delta"].get("content") or ""
            got["finish"] = choice["finish_reason"] or got["finish"]
            for piece in choice["delta"].get("tool_calls") or []:
                call = calls.setdefault(piece["index"], ["", ""])
                name, arguments = _called(piece)
                call[0] = call[0] or name
                call[1] += arguments
    return got | {"calls": [(name, _value(text)) for name, text in calls.values()]}


def _called(call: Any) -> tuple[str, str]:
    """Name and arguments of a call; a tool that takes plain text has a custom one."""
    custom = call.get("custom") or {}
    function = call.get("function") or {**custom, "arguments": custom.get("input")}
    return function.get("name") or "", function.get("arguments") or ""


def _value(arguments: Any) -> Any:
    return json_or_text(arguments) if isinstance(arguments, str) else arguments


READERS = {
    "/api/ai/chat": (whole_native, streamed_native),
    "/v1/chat/completions": (whole_openai, streamed_openai),
}


@pytest.mark.parametrize("path", list(READERS))
def test_answers_arrive_as_they_were_recorded(call, protocol, path):
    whole, _ = READERS[path]
    wrong = []
    for name, recording in recordings(protocol):
        if ok(recording) and not recording["stream"]:
            response, expected = call(recording, path), expected_of(recording)
            if expected.failed:
                assert response.status_code >= 400, name
            elif response.status_code != 200:
                wrong.append(f"{name}: {response.status_code} {response.text}")
            else:
                wrong += compare(name, path, whole(response.json()), expected)
    assert wrong == []


@pytest.mark.parametrize("path", list(READERS))
def test_streams_arrive_as_they_were_recorded(call, protocol, path):
    _, streamed = READERS[path]
    wrong = []
    for name, recording in recordings(protocol):
        if ok(recording) and recording["stream"] and is_stream(recording):
            response, expected = call(recording, path), expected_of(recording)
            if response.status_code != 200:
                if not expected.failed:
                    wrong.append(f"{name}: {response.status_code} {response.text}")
                continue
            got = streamed(response.content)
            if got["failed"] != expected.failed:
                wrong.append(f"{name}: failed is {got['failed']}")
            elif not expected.failed:
                wrong += compare(name, path, got, expected)
    assert wrong == []


@pytest.mark.parametrize("path", list(READERS))
def test_recorded_refusals_become_errors_in_our_words(call, protocol, path):
    for name, recording in recordings(protocol):
        if not ok(recording):
            response = call(recording, path)
            assert response.status_code >= 400, name
            assert response.json()["error"]["provider"] == PROVIDER_OF[protocol], name
            assert UsageRecord.objects.latest("at").outcome != "ok", name

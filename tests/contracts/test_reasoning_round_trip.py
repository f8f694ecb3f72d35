"""A conversation with tools goes on: what a provider sealed in the first turn comes back to it in the second,
on the same part, and never reaches another provider.
"""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from providers.adapters import ADAPTERS
from providers.chat import ChatRequest, ChatResponse, Message, Reasoning, Text, Tool, ToolResult
from providers.events import Accumulator
from providers.registry import catalogue
from providers.wire import WireReply

ANTHROPIC_TURN: list[dict[str, Any]] = [
    {"type": "thinking", "thinking": "I need the weather.", "signature": "c2lnbmF0dXJl"},
    {"type": "redacted_thinking", "data": "c2VhbGVk"},
    {"type": "text", "text": "I will look."},
    {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Rome"}},
    {"type": "tool_use", "id": "toolu_2", "name": "weather", "input": {"city": "Oslo"}},
]
GEMINI_TURN: list[dict[str, Any]] = [
    {"text": "I need the weather.", "thought": True},
    {"text": "I will look."},
    {
        "functionCall": {"name": "weather", "args": {"city": "Rome"}},
        "thoughtSignature": "c2lnbmF0dXJl",
    },
    {"functionCall": {"name": "weather", "args": {"city": "Oslo"}}},
    {"text": "", "thoughtSignature": "bGFzdA=="},
]
WEATHER = Tool("weather", parameters={"type": "object"})
QUESTION = Message("user", (Text("How is the weather in Rome and Oslo?"),))


def anthropic_whole() -> bytes:
    return json.dumps(
        {
            "id": "msg_1",
            "type": "message",
            "model": "claude",
            "content": ANTHROPIC_TURN,
            "stop_reason": "tool_use",
            "usage": {"input_tokens": 1, "output_tokens": 1},
        }
    ).encode()


def anthropic_stream() -> bytes:
    events: list[dict[str, Any]] = [{"type": "message_start", "message": {"id": "msg_1"}}]
    for index, block in enumerate(ANTHROPIC_TURN):
        empty = {**block, "thinking": "", "signature": ""} if "thinking" in block else block
        empty = {**block, "text": ""} if "text" in block else empty
        empty = {**block, "input": {}} if "input" in block else empty
        events.append({"type": "content_block_start", "index": index, "content_block": empty})
        deltas: dict[str, list[dict[str, Any]]] = {
            "thinking": [
                {"type": "thinking_delta", "thinking": block.get("thinking")},
                {"type": "signature_delta", "signature": block.get("signature")},
            ],
            "text": [{"type": "text_delta", "text": block.get("text")}],
            "tool_use": [
                {"type": "input_json_delta", "partial_json": json.dumps(block.get("input"))}
            ],
        }
        for delta in deltas.get(block["type"], []):
            events.append({"type": "content_block_delta", "index": index, "delta": delta})
        events.append({"type": "content_block_stop", "index": index})
    events.append({"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {}})
    events.append({"type": "message_stop"})
    return "".join(f"event: {e['type']}\ndata: {json.dumps(e)}\n\n" for e in events).encode()


def gemini_chunk(*parts: dict[str, Any], **fields: Any) -> dict[str, Any]:
    candidate = {"content": {"role": "model", "parts": list(parts)}, **fields}
    return {"candidates": [candidate], "responseId": "r1", "modelVersion": "gemini"}


def gemini_whole() -> bytes:
    return json.dumps(gemini_chunk(*GEMINI_TURN, finishReason="STOP")).encode()


def gemini_stream() -> bytes:
    chunks = [gemini_chunk(part) for part in GEMINI_TURN] + [gemini_chunk(finishReason="STOP")]
    return "".join(f"data: {json.dumps(chunk)}\r\n\r\n" for chunk in chunks).encode()


def whole(name: str, provider: str, data: bytes) -> ChatResponse:
    return ADAPTERS[name].parse(WireReply(200, {}, data), catalogue().host(provider))


def streamed(name: str, provider: str, data: bytes) -> ChatResponse:
    parser = ADAPTERS[name].stream(catalogue().host(provider))
    accumulator = Accumulator()
    events = [event for byte in data for event in parser.feed(bytes([byte]))]
    accumulator.extend([*events, *parser.close()])
    assert accumulator.ended
    return accumulator.response()


def second_turn(response: ChatResponse, name: str, provider: str, model: str = "m") -> Any:
    """The body that continues the conversation with the results of all calls."""
    results = [ToolResult(call.id, (Text("sunny"),)) for call in response.tool_calls]
    messages = (
        QUESTION,
        Message("assistant", response.choices[0].parts),
        *(Message("tool", (result,)) for result in results),
    )
    request = ChatRequest(model, messages, tools=(WEATHER,))
    body = ADAPTERS[name].build(request, catalogue().host(provider)).body
    return msgspec.json.decode(msgspec.json.encode(body))


ANTHROPIC = pytest.mark.parametrize(
    ("read", "data"),
    [(whole, anthropic_whole()), (streamed, anthropic_stream())],
    ids=["whole", "streamed"],
)
GEMINI = pytest.mark.parametrize(
    ("read", "data"),
    [(whole, gemini_whole()), (streamed, gemini_stream())],
    ids=["whole", "streamed"],
)


@ANTHROPIC
def test_anthropic_gets_its_signatures_back_in_place(read, data):
    response = read("anthropic", "anthropic", data)
    turns = second_turn(response, "anthropic", "anthropic")["messages"]
    assert turns[1] == {"role": "assistant", "content": ANTHROPIC_TURN}
    assert [block["tool_use_id"] for block in turns[2]["content"]] == ["toolu_1", "toolu_2"]


@GEMINI
def test_gemini_gets_its_signatures_back_in_place(read, data):
    response = read("gemini", "google", data)
    contents = second_turn(response, "gemini", "google")["contents"]
    assert contents[1] == {"role": "model", "parts": GEMINI_TURN}
    answers = [part["functionResponse"] for part in contents[2]["parts"]]
    assert [answer["name"] for answer in answers] == ["weather", "weather"]


@ANTHROPIC
def test_sealed_thoughts_survive_storage_as_json(read, data):
    """A client may keep the conversation anywhere: state is plain JSON."""
    response = read("anthropic", "anthropic", data)
    thoughts = [part for part in response.choices[0].parts if isinstance(part, Reasoning)]
    states = [dict(part.state) for part in thoughts]
    assert msgspec.json.decode(msgspec.json.encode(states)) == states
    assert [list(state) for state in states] == [["anthropic"], ["anthropic"]]


@ANTHROPIC
@pytest.mark.parametrize("other", [("gemini", "google"), ("openai", "openai")])
def test_anthropic_signatures_reach_nobody_else(read, data, other):
    response = read("anthropic", "anthropic", data)
    text = json.dumps(second_turn(response, *other))
    assert "c2lnbmF0dXJl" not in text
    assert "c2VhbGVk" not in text


@GEMINI
@pytest.mark.parametrize("other", [("anthropic", "anthropic"), ("openai", "openai")])
def test_gemini_signatures_reach_nobody_else(read, data, other):
    response = read("gemini", "google", data)
    text = json.dumps(second_turn(response, *other))
    assert "c2lnbmF0dXJl" not in text
    assert "bGFzdA" not in text

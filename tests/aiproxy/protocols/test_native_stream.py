from __future__ import annotations

from decimal import Decimal

from aiproxy.protocols.native import PROTOCOL
from providers.chat import Citation, Image
from providers.errors import StreamCut
from providers.events import (
    CitationAdded,
    Ended,
    Failed,
    Finished,
    ReasoningDelta,
    RefusalDelta,
    Started,
    TextDelta,
    ToolCallDelta,
    UsageReported,
    WholePart,
)
from providers.usage import Usage

IDENTITY = {
    "id": "chat_abc",
    "model": "sandbox/sandbox",
    "provider": "sandbox",
    "integrationId": "0191",
}


def test_whole_stream(facts, played):
    stream = PROTOCOL.stream(facts)
    shown = played(stream, Started("p", "m"), TextDelta(0, "Hé"), TextDelta(0, '"'))
    facts.cost = Decimal("0.5")
    shown += played(
        stream,
        UsageReported(Usage(1, 1)),
        Finished("stop"),
        UsageReported(Usage(10, 5)),
        Ended(),
    )
    usage = {
        "promptTokens": 10,
        "completionTokens": 5,
        "totalTokens": 15,
        "cachedTokens": 0,
        "cacheWriteTokens": 0,
        "reasoningTokens": 0,
    }
    assert shown == [
        ("start", {"type": "start", **IDENTITY}),
        ("text", {"type": "text", "choice": 0, "part": 0, "text": "Hé"}),
        ("text", {"type": "text", "choice": 0, "part": 0, "text": '"'}),
        ("usage", {"type": "usage", "usage": usage}),
        (
            "end",
            {
                "type": "end",
                **IDENTITY,
                "finishReason": "stop",
                "choices": [{"index": 0, "finishReason": "stop"}],
                "usage": usage,
                "cost": {"amount": "0.5", "currency": "USD"},
                "metadata": {},
            },
        ),
    ]


def test_tool_calls(facts, played):
    state = {"gemini": {"thoughtSignature": "s"}}
    shown = played(
        PROTOCOL.stream(facts),
        ToolCallDelta(1, "", "c1", "f", state=state),
        ToolCallDelta(3, "{}", "c2", "g"),
        ToolCallDelta(1, '{"a"'),
    )
    assert [data for _, data in shown] == [
        {
            "type": "tool_call",
            "choice": 0,
            "part": 1,
            "index": 0,
            "id": "c1",
            "name": "f",
            "arguments": "",
            "state": state,
        },
        {
            "type": "tool_call",
            "choice": 0,
            "part": 3,
            "index": 1,
            "id": "c2",
            "name": "g",
            "arguments": "{}",
        },
        {"type": "tool_call", "choice": 0, "part": 1, "index": 0, "arguments": '{"a"'},
    ]


def test_thoughts_and_their_state(facts, played):
    state = {"anthropic": {"signature": "s"}}
    shown = played(
        PROTOCOL.stream(facts),
        ReasoningDelta(0, "hm"),
        ReasoningDelta(0, "", state=state),
        ReasoningDelta(0, ""),
    )
    assert shown == [
        ("reasoning", {"type": "reasoning", "choice": 0, "part": 0, "text": "hm"}),
        (
            "reasoning",
            {"type": "reasoning", "choice": 0, "part": 0, "text": "", "state": state},
        ),
    ]


def test_everything_else(facts, played):
    shown = played(
        PROTOCOL.stream(facts),
        RefusalDelta(0, "no", choice=1),
        CitationAdded(2, Citation("https://a.test", "A")),
        WholePart(3, Image("image/png", "QUJD")),
    )
    assert shown == [
        ("refusal", {"type": "refusal", "choice": 1, "part": 0, "text": "no"}),
        (
            "citation",
            {
                "type": "citation",
                "choice": 0,
                "part": 2,
                "citation": {"url": "https://a.test", "title": "A"},
            },
        ),
        (
            "part",
            {
                "type": "part",
                "choice": 0,
                "part": 3,
                "value": {"type": "image", "mediaType": "image/png", "data": "QUJD"},
            },
        ),
    ]


def test_end_tells_the_finish_of_every_choice(facts, played):
    shown = played(PROTOCOL.stream(facts), Finished("length", 1), Finished("stop", 0), Ended())
    _, end = shown[-1]
    assert end["finishReason"] == "stop"
    assert end["choices"] == [
        {"index": 0, "finishReason": "stop"},
        {"index": 1, "finishReason": "length"},
    ]


def test_end_without_finish_says_so(facts, played):
    ((_, end),) = played(PROTOCOL.stream(facts), Ended())
    assert (end["finishReason"], end["usage"], end["cost"]) == ("unknown", None, None)


def test_cut_stream_ends_in_an_error_and_has_no_end(facts, played):
    shown = played(PROTOCOL.stream(facts), TextDelta(0, "a"), Failed(StreamCut("It broke off.")))
    name, data = shown[-1]
    assert name == "error"
    assert data["error"]["code"] == "network_error"
    assert data["error"]["requestId"] == "req_1"
    assert "end" not in dict(shown)

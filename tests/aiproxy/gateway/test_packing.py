from __future__ import annotations

from decimal import Decimal
from types import MappingProxyType

import pytest

from aiproxy.gateway import packing, replay
from providers.chat import (
    ChatResponse,
    Choice,
    Citation,
    File,
    Image,
    Opaque,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
    ToolResult,
)
from providers.embedding import EmbeddingResponse
from providers.events import Accumulator
from providers.usage import Usage

SEAL = {"anthropic": {"signature": "c2VhbA=="}}
RICH = ChatResponse(
    "id",
    "model",
    (
        Choice(
            (
                Reasoning("Let me think. " * 100, SEAL),
                Reasoning("", {"anthropic": {"data": "x"}}),
                Text("A long answer. " * 100, (Citation("https://a.example", start=0, end=4),)),
                Text("signed", state={"gemini": {"thoughtSignature": "x"}}),
                ToolCall("call_1", "weather", '{"city": "Paris"}', {"gemini": {"n": 1.5}}),
                Image("image/png", "AAAA"),
                File("audio/wav", "AAAA"),
                Opaque("search", {"anthropic": {"results": [1, None, True]}}),
            ),
            "tool_calls",
            "tool_use",
        ),
        Choice((Refusal("No. " * 200),), "stop"),
    ),
    Usage(10, 20, cost=Decimal("0.0000001"), billed=(3, 4)),
)


def test_answer_comes_back_as_it_was():
    answer, age = packing.unpack(packing.pack(RICH))
    assert answer == RICH
    assert age < 60


def test_vectors_come_back_as_they_were():
    vectors = EmbeddingResponse("model", ((0.1, -2.5e-8), (1.0, 3.0)), Usage(7))
    assert packing.unpack(packing.pack(vectors))[0] == vectors


def test_read_only_state_can_be_packed():
    state = MappingProxyType({"gemini": {"a": 1}})
    answer = ChatResponse("", "m", (Choice((Text("x", state=state),), "stop"),), state=state)
    assert packing.unpack(packing.pack(answer))[0] == answer


@pytest.mark.parametrize(
    "part",
    [
        ToolResult("id", (Text("x"),)),
        Text("x", state={"a": 2**70}),
        Text("x", state={"a": object()}),
    ],
)
def test_what_cannot_be_written_is_a_value_error(part):
    with pytest.raises(ValueError, match=r"."):
        packing.pack(ChatResponse("", "m", (Choice((part,), "stop"),)))


@pytest.mark.parametrize("data", [b"", b"nonsense", packing.pack(RICH)[:-1], b"\x92\xa5other\x01"])
def test_what_was_not_packed_is_a_value_error(data):
    with pytest.raises(ValueError, match=r"."):
        packing.unpack(data)


def test_events_of_an_answer_add_up_to_it():
    seen = Accumulator()
    seen.extend(replay.events(RICH))
    assert seen.response() == RICH


def test_long_text_comes_in_several_pieces():
    assert sum(type(event).__name__ == "TextDelta" for event in replay.events(RICH)) > 3

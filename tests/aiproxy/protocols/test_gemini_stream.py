from __future__ import annotations

import json
from copy import deepcopy

import pytest
from google.genai import types

from aiproxy.protocols.gemini import ARRAYS, PROTOCOL
from providers.chat import Citation, Image, Reasoning, Refusal, Text, ToolCall
from providers.errors import RateLimited
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
from tests.sse import frames

END = (Finished("stop"), UsageReported(Usage(3, 2)), Ended())


@pytest.fixture(params=["sse", "array"])
def chunks(request, facts):
    """The chunks in both framings, each one that Google's client accepts."""
    protocol = PROTOCOL if request.param == "sse" else ARRAYS

    def play(*said):
        renderer = protocol.stream(facts)
        sent = b"".join(map(renderer.render, (Started("", "m"), *said)))
        if request.param == "sse":
            found = [json.loads(data) for _, data in frames(sent)]
        else:
            found = json.loads(sent)
        for chunk in found:
            types.GenerateContentResponse._from_response(response=deepcopy(chunk), kwargs={})
        return found

    return play


def parts(said):
    return [part for chunk in said for c in chunk["candidates"] for part in c["content"]["parts"]]


def test_text(chunks):
    said = chunks(TextDelta(0, "Hel"), TextDelta(0, ""), TextDelta(0, "lo"), *END)
    assert parts(said) == [{"text": "Hel"}, {"text": "lo"}, {"text": ""}]
    assert said[-1]["candidates"][0]["finishReason"] == "STOP"
    assert said[-1]["usageMetadata"]["totalTokenCount"] == 5


def test_thoughts_and_refusals(chunks):
    signature = {"gemini": {"thoughtSignature": "c2VhbA=="}}
    said = chunks(
        ReasoningDelta(0, "hm"), TextDelta(1, "", state=signature), RefusalDelta(2, "no"), *END
    )
    assert parts(said)[:3] == [
        {"text": "hm", "thought": True},
        {"thoughtSignature": "c2VhbA==", "text": ""},
        {"text": "no"},
    ]


def test_call_comes_whole_before_what_follows_it(chunks):
    said = chunks(
        ToolCallDelta(0, '{"a":', "c", "f"),
        ToolCallDelta(0, "1}"),
        TextDelta(1, "so"),
        *END,
    )
    call = {"functionCall": {"id": "c", "name": "f", "args": {"a": 1}}}
    assert parts(said)[:2] == [call, {"text": "so"}]


def test_calls_that_overlap(chunks):
    said = chunks(
        ToolCallDelta(0, "", "c1", "f"),
        ToolCallDelta(1, "{}", "c2", "g"),
        ToolCallDelta(0, "{}", state={"gemini": {"thoughtSignature": "c2VhbA=="}}),
        *END,
    )
    names = [part["functionCall"]["name"] for part in parts(said) if "functionCall" in part]
    assert names == ["f", "g"]
    assert parts(said)[0]["thoughtSignature"] == "c2VhbA=="


def test_call_that_was_cut_off_is_told_at_the_end(chunks):
    said = chunks(ToolCallDelta(0, '{"a":', "c", "f"), Finished("length"), Ended())
    assert parts(said)[0]["functionCall"]["args"] == {}
    assert said[-1]["candidates"][0]["finishReason"] == "MAX_TOKENS"


def test_whole_parts(chunks):
    said = chunks(
        WholePart(0, Text("a")),
        WholePart(1, Reasoning("hm")),
        WholePart(2, Refusal("no")),
        WholePart(3, ToolCall("c", "f", "{}")),
        WholePart(4, Image("image/png", "QUJD")),
        *END,
    )
    kinds = [next(iter(part.keys() - {"thought"})) for part in parts(said)]
    assert kinds == ["text", "text", "text", "functionCall", "inlineData", "text"]


def test_citations_come_at_the_end(chunks):
    note = Citation("https://a.test", "A", start=0, end=2)
    said = chunks(CitationAdded(0, note), TextDelta(0, "so"), *END)
    grounding = said[-1]["candidates"][0]["groundingMetadata"]
    assert grounding["groundingSupports"][0]["segment"]["text"] == "so"


def test_every_choice_ends(chunks):
    said = chunks(TextDelta(0, "a"), TextDelta(0, "b", choice=1), Finished("stop", 1), Ended())
    ends = [chunk["candidates"][0] for chunk in said if "finishReason" in chunk["candidates"][0]]
    assert [end["index"] for end in ends] == [0, 1]


def test_answer_without_a_word_still_ends(chunks):
    (last,) = chunks(Ended())
    assert last["candidates"][0]["finishReason"] == "FINISH_REASON_UNSPECIFIED"


def test_failure_is_the_last_chunk(chunks):
    said = chunks(TextDelta(0, "a"), Failed(RateLimited("Wait.")))
    assert said[-1]["error"]["status"] == "RESOURCE_EXHAUSTED"

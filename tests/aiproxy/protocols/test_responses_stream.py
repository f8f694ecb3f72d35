from __future__ import annotations

import pytest
from openai.types.responses import ResponseStreamEvent
from pydantic import TypeAdapter

from aiproxy.protocols.responses import PROTOCOL
from aiproxy.protocols.sealing import unseal
from providers.chat import Citation, Opaque, Refusal, Text, ToolCall
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

EVENT = TypeAdapter(ResponseStreamEvent)
END = (Finished("stop"), UsageReported(Usage(3, 2)), Ended())


@pytest.fixture
def events(facts, played):
    """The events without the first two, each one that the official client accepts."""

    def play(*said):
        frames = played(PROTOCOL.stream(facts), Started("", "m"), *said)
        assert [data["sequence_number"] for _, data in frames] == list(range(len(frames)))
        for name, data in frames:
            assert name == data["type"]
            EVENT.validate_python(data)
        assert [name for name, _ in frames[:2]] == ["response.created", "response.in_progress"]
        return [data for _, data in frames[2:]]

    return play


def kinds(said):
    return [data["type"].removeprefix("response.") for data in said]


def test_text(events):
    said = events(TextDelta(0, "Hel"), TextDelta(0, "lo"), *END)
    assert kinds(said) == [
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "completed",
    ]
    assert said[4]["text"] == "Hello"
    assert said[-1]["response"]["output"] == [said[-2]["item"]]
    assert said[-1]["response"]["usage"]["total_tokens"] == 5


def test_thought_then_text(events):
    said = events(
        ReasoningDelta(0, "hm"),
        ReasoningDelta(0, "", state={"anthropic": {"signature": "s"}}),
        TextDelta(1, "so"),
        *END,
    )
    assert kinds(said)[:6] == [
        "output_item.added",
        "reasoning_summary_part.added",
        "reasoning_summary_text.delta",
        "reasoning_summary_text.done",
        "reasoning_summary_part.done",
        "output_item.done",
    ]
    sealed = said[5]["item"]["encrypted_content"]
    assert unseal(sealed, "") == {"anthropic": {"signature": "s"}}


def test_sealed_thought_without_words(events):
    own = {"id": "rs_9", "encrypted_content": "x"}
    said = events(ReasoningDelta(0, "", state={"responses": own}), *END)
    assert kinds(said) == ["output_item.added", "output_item.done", "completed"]
    item = said[1]["item"]
    assert item["id"] == said[0]["item"]["id"]
    assert unseal(item["encrypted_content"], "") == {"responses": own}


def test_calls_that_overlap(events):
    said = events(
        ToolCallDelta(0, "", "c1", "f"),
        ToolCallDelta(1, "", "c2", "g"),
        ToolCallDelta(0, '{"a":'),
        ToolCallDelta(1, "{}"),
        ToolCallDelta(0, "1}"),
        Finished("tool_calls"),
        Ended(),
    )
    done = [data for data in said if data["type"] == "response.function_call_arguments.done"]
    assert [(data["name"], data["arguments"]) for data in done] == [("f", '{"a":1}'), ("g", "{}")]
    output = said[-1]["response"]["output"]
    assert [(item["call_id"], item["status"]) for item in output] == [
        ("c1", "completed"),
        ("c2", "completed"),
    ]


def test_custom_call(events):
    state = {"openai": {"type": "custom"}, "responses": {"type": "custom_tool_call"}}
    said = events(ToolCallDelta(0, "free", "c1", "f", state=state), *END)
    assert "custom_tool_call_input.delta" in kinds(said)
    assert said[-1]["response"]["output"][0]["input"] == "free"


def test_two_texts_are_two_pieces_of_one_message(events):
    said = events(TextDelta(0, "a"), TextDelta(1, "b"), RefusalDelta(2, "no"), *END)
    (item,) = said[-1]["response"]["output"]
    assert [piece["type"] for piece in item["content"]] == ["output_text", "output_text", "refusal"]


def test_text_after_a_call_is_a_new_message(events):
    said = events(TextDelta(0, "a"), ToolCallDelta(1, "{}", "c", "f"), TextDelta(0, "b"), *END)
    output = said[-1]["response"]["output"]
    assert [item["type"] for item in output] == ["message", "function_call", "message"]


def test_citation(events):
    note = Citation("https://a.test", "A", start=0, end=1)
    said = events(TextDelta(0, "a"), CitationAdded(0, note), CitationAdded(0, Citation()), *END)
    (added,) = [d for d in said if d["type"] == "response.output_text.annotation.added"]
    assert added["annotation_index"] == 0
    assert said[-1]["response"]["output"][0]["content"][0]["annotations"] == [added["annotation"]]


def test_phase_that_comes_after_the_text(events):
    state = {"responses": {"phase": "commentary"}}
    said = events(TextDelta(0, "a"), TextDelta(0, "", state=state), *END)
    assert said[-1]["response"]["output"][0]["phase"] == "commentary"


def test_whole_parts(events):
    search = {
        "type": "web_search_call",
        "id": "ws",
        "status": "completed",
        "action": {"type": "search", "query": "x"},
    }
    said = events(
        WholePart(0, Text("a")),
        WholePart(1, Refusal("no")),
        WholePart(2, ToolCall("c", "f", "{}")),
        WholePart(3, Opaque("web_search_call", {"responses": search})),
        WholePart(4, Opaque("server_tool_use", {"anthropic": {}})),
        *END,
    )
    output = said[-1]["response"]["output"]
    assert [item["type"] for item in output] == ["message", "function_call", "web_search_call"]


def test_answer_that_was_cut_short(events):
    said = events(TextDelta(0, "a"), Finished("length"), Ended())
    assert said[-1]["type"] == "response.incomplete"
    assert said[-2]["item"]["status"] == "incomplete"


def test_failure_is_raised_and_ends_the_response(events):
    said = events(TextDelta(0, "a"), Failed(RateLimited("Wait.")))
    assert kinds(said)[-2:] == ["error", "failed"]
    assert said[-2]["error"]["message"] == "Wait."
    response = said[-1]["response"]
    assert (response["status"], response["error"]["code"]) == ("failed", "rate_limit_exceeded")


def test_other_choices_and_empty_pieces_are_not_told(events):
    said = events(
        TextDelta(0, "a", choice=1),
        TextDelta(0, ""),
        Finished("stop", 1),
        ReasoningDelta(0, ""),
        *END,
    )
    assert kinds(said) == ["completed"]
    assert said[0]["response"]["output"] == []

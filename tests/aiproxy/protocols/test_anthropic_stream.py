from __future__ import annotations

import pytest
from anthropic.types import RawMessageStreamEvent
from pydantic import TypeAdapter

from aiproxy.protocols.anthropic import PROTOCOL
from aiproxy.protocols.sealing import seal
from providers.chat import Citation, Image, Opaque, Reasoning, Refusal, Text, ToolCall
from providers.errors import Overloaded, StreamCut
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

EVENT = TypeAdapter(RawMessageStreamEvent)
SIGNED = {"anthropic": {"signature": "s"}}
GEMINI = {"gemini": {"thoughtSignature": "s"}}


@pytest.fixture
def shown(facts, played):
    """The data of all events, each accepted by Anthropic's own type and named after its type."""

    def play(*events):
        sent = played(PROTOCOL.stream(facts), *events)
        for name, data in sent:
            assert name == data["type"]
            if name != "error":
                EVENT.validate_python(data, strict=True)
        return [data for _, data in sent]

    return play


@pytest.fixture
def told(shown):
    """The events between message_start and the end, in short: (what, index, value)."""

    def play(*events):
        found = []
        for data in shown(*events):
            match data:
                case {"type": "content_block_start", "index": index, "content_block": block}:
                    found.append(("start", index, block["type"]))
                case {"type": "content_block_delta", "index": index, "delta": delta}:
                    kind, *rest = delta.values()
                    found.append((kind, index, rest[0]))
                case {"type": "content_block_stop", "index": index}:
                    found.append(("stop", index, None))
        return found

    return play


def test_text_answer(shown):
    assert shown(
        Started("p", "m"),
        UsageReported(Usage(10, 1, 4)),
        TextDelta(0, "Hé"),
        TextDelta(0, '"'),
        Finished("stop"),
        UsageReported(Usage(10, 5, 4)),
        Ended(),
    ) == [
        {
            "type": "message_start",
            "message": {
                "id": "msg_abc",
                "type": "message",
                "role": "assistant",
                "model": "sandbox/sandbox",
                "content": [],
                "stop_reason": None,
                "stop_sequence": None,
                "usage": {
                    "input_tokens": 6,
                    "cache_creation_input_tokens": 0,
                    "cache_read_input_tokens": 4,
                    "output_tokens": 1,
                },
            },
        },
        {
            "type": "content_block_start",
            "index": 0,
            "content_block": {"type": "text", "text": "", "citations": None},
        },
        {
            "type": "content_block_delta",
            "index": 0,
            "delta": {"type": "text_delta", "text": "Hé"},
        },
        {
            "type": "content_block_delta",
            "index": 0,
            "delta": {"type": "text_delta", "text": '"'},
        },
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn", "stop_sequence": None},
            "usage": {
                "input_tokens": 6,
                "cache_creation_input_tokens": 0,
                "cache_read_input_tokens": 4,
                "output_tokens": 5,
            },
        },
        {"type": "message_stop"},
    ]


def test_thoughts_are_signed_when_they_close(told):
    assert told(
        ReasoningDelta(0, "h"),
        ReasoningDelta(0, "", state=SIGNED),
        ReasoningDelta(0, "m"),
        TextDelta(1, "a"),
        Finished("stop"),
    ) == [
        ("start", 0, "thinking"),
        ("thinking_delta", 0, "h"),
        ("thinking_delta", 0, "m"),
        ("signature_delta", 0, "s"),
        ("stop", 0, None),
        ("start", 1, "text"),
        ("text_delta", 1, "a"),
        ("stop", 1, None),
    ]


def test_foreign_state_becomes_a_signature(told):
    assert told(ReasoningDelta(0, "h", state=GEMINI), Finished("stop"))[2] == (
        "signature_delta",
        0,
        seal(GEMINI),
    )


def test_sealed_thought_is_a_block_without_deltas(told):
    sealed = ReasoningDelta(0, "", state={"anthropic": {"data": "x"}})
    assert told(sealed, TextDelta(1, "a"))[:3] == [
        ("start", 0, "redacted_thinking"),
        ("stop", 0, None),
        ("start", 1, "text"),
    ]


def test_sequential_tool_calls_stream_as_they_come(told):
    assert told(
        ToolCallDelta(0, "", "t1", "f"),
        ToolCallDelta(0, '{"a":'),
        ToolCallDelta(0, "1}"),
        ToolCallDelta(1, '{"b":2}', "t2", "g"),
        Finished("tool_calls"),
    ) == [
        ("start", 0, "tool_use"),
        ("input_json_delta", 0, '{"a":'),
        ("input_json_delta", 0, "1}"),
        ("stop", 0, None),
        ("start", 1, "tool_use"),
        ("input_json_delta", 1, '{"b":2}'),
        ("stop", 1, None),
    ]


def test_overlapping_tool_calls_are_put_in_order(told):
    assert told(
        ToolCallDelta(0, "", "t1", "f"),
        ToolCallDelta(1, "", "t2", "g"),
        ToolCallDelta(0, '{"a":'),
        ToolCallDelta(1, '{"b":2}'),
        ToolCallDelta(0, "1}"),
        Finished("tool_calls"),
    ) == [
        ("start", 0, "tool_use"),
        ("input_json_delta", 0, '{"a":'),
        ("input_json_delta", 0, "1}"),
        ("stop", 0, None),
        ("start", 1, "tool_use"),
        ("input_json_delta", 1, '{"b":2}'),
        ("stop", 1, None),
    ]


def test_call_cut_short_does_not_hold_the_rest_for_ever(told):
    assert told(
        ToolCallDelta(0, '{"a"', "t1", "f"),
        TextDelta(1, "x"),
        TextDelta(2, "y"),
        Finished("length"),
    ) == [
        ("start", 0, "tool_use"),
        ("input_json_delta", 0, '{"a"'),
        ("stop", 0, None),
        ("start", 1, "text"),
        ("text_delta", 1, "x"),
        ("stop", 1, None),
        ("start", 2, "text"),
        ("text_delta", 2, "y"),
        ("stop", 2, None),
    ]


def test_brace_that_closes_no_object_does_not_end_a_call(told):
    assert told(
        ToolCallDelta(0, '{"a":{}', "t1", "f"),
        TextDelta(1, "x"),
        ToolCallDelta(0, "}"),
        Finished("tool_calls"),
    )[2:4] == [("input_json_delta", 0, "}"), ("stop", 0, None)]


def test_space_after_a_complete_call_is_dropped(told):
    assert told(ToolCallDelta(0, "{}", "t1", "f"), TextDelta(1, "x"), ToolCallDelta(0, "\n")) == [
        ("start", 0, "tool_use"),
        ("input_json_delta", 0, "{}"),
        ("stop", 0, None),
        ("start", 1, "text"),
        ("text_delta", 1, "x"),
    ]


def test_text_that_is_resumed_gets_a_new_block(told):
    assert [
        step for step in told(TextDelta(0, "a"), ReasoningDelta(1, "h"), TextDelta(0, "b"))
        if step[0] == "start"
    ] == [("start", 0, "text"), ("start", 1, "thinking"), ("start", 2, "text")]  # fmt: skip


def test_tool_call_s_state(shown):
    state = {"anthropic": {"caller": {"type": "direct"}}, **GEMINI}
    start = shown(ToolCallDelta(0, "", "t", "f", state=state))[1]
    assert start["content_block"] == {
        "type": "tool_use",
        "id": "t",
        "name": "f",
        "input": {},
        "caller": {"type": "direct"},
        "state": GEMINI,
    }


def test_empty_pieces_open_nothing(told):
    assert told(TextDelta(0, ""), RefusalDelta(1, ""), ReasoningDelta(2, ""), Ended()) == []


def test_refusal_is_text(told):
    assert told(RefusalDelta(0, "no"))[:2] == [("start", 0, "text"), ("text_delta", 0, "no")]


def test_citations(shown, told):
    cited = CitationAdded(0, Citation("https://a.test", "A", "q"))
    delta = shown(TextDelta(0, "a"), cited)[-1]["delta"]
    assert delta == {
        "type": "citations_delta",
        "citation": {
            "type": "web_search_result_location",
            "url": "https://a.test",
            "title": "A",
            "cited_text": "q",
            "encrypted_index": "",
        },
    }
    assert told(cited)[0] == ("start", 0, "text")
    nowhere = CitationAdded(0, Citation(title="t"))
    assert told(nowhere) == []
    assert told(TextDelta(0, "a"), nowhere) == told(TextDelta(0, "a"))


@pytest.mark.parametrize(
    ("part", "kind"),
    [
        (Text("a"), "text"),
        (Refusal("a"), "text"),
        (Reasoning("a"), "thinking"),
        (ToolCall("t", "f", "{}"), "tool_use"),
        (
            Opaque("s", {"anthropic": {"type": "server_tool_use", "id": "s",
                                       "name": "web_search", "input": {}}}),
            "server_tool_use",
        ),
    ],
)  # fmt: skip
def test_whole_part(told, part, kind):
    steps = told(WholePart(0, part), Finished("stop"))
    assert (steps[0], steps[-1]) == (("start", 0, kind), ("stop", 0, None))


@pytest.mark.parametrize("part", [Image("image/png", "QUJD"), Opaque("x", {"openai": {}})])
def test_part_this_dialect_has_no_word_for(told, part):
    assert told(WholePart(0, part), TextDelta(1, "a"))[0] == ("start", 0, "text")


def test_whole_part_adds_nothing_to_an_open_block(told):
    assert told(TextDelta(0, "a"), WholePart(0, Text("a"))) == told(TextDelta(0, "a"))


def test_only_the_first_choice_is_told(told):
    assert told(TextDelta(0, "a", choice=1), Finished("stop", 1)) == []


def test_empty_answer_is_still_an_answer(shown):
    assert [data["type"] for data in shown(Started("p", "m"), Ended())] == [
        "message_start",
        "message_delta",
        "message_stop",
    ]


def test_finer_stop_reason_of_this_format_goes_through(shown):
    *_, delta, _ = shown(TextDelta(0, "a"), Finished("stop", raw="stop_sequence"), Ended())
    assert delta["delta"]["stop_reason"] == "stop_sequence"


def test_cut_stream_ends_in_an_error_and_has_no_stop(shown):
    sent = shown(TextDelta(0, "a"), Failed(StreamCut("It broke off.")))
    assert sent[-1]["type"] == "error"
    assert sent[-1]["error"]["type"] == "api_error"
    assert sent[-1]["request_id"] == "req_1"
    assert "message_stop" not in [data["type"] for data in sent]


def test_failure_before_the_first_word(shown):
    (only,) = shown(Started("p", "m"), Failed(Overloaded("Busy.")))
    assert only["error"]["type"] == "overloaded_error"

from __future__ import annotations

from dataclasses import replace

import pytest
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletionChunk

from aiproxy.protocols.base import Style
from aiproxy.protocols.openai import PROTOCOL
from providers.chat import Citation, File, Image, Opaque, Reasoning, Refusal, Text, ToolCall
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

SIGNED = {"anthropic": {"signature": "s"}}


@pytest.fixture
def chunks(facts, played):
    """The JSON of all chunks, each accepted by OpenAI's own type; whether ``[DONE]`` came last."""

    def play(*events, style=None):
        renderer = PROTOCOL.stream(replace(facts, style=style or Style()))
        sent = [data for _, data in played(renderer, *events)]
        done = bool(sent) and sent[-1] == "[DONE]"
        shown = sent[:-1] if done else sent
        for chunk in shown:
            if "error" not in chunk:
                ChatCompletionChunk.model_validate(chunk, strict=True)
        return shown, done

    return play


def test_failed_answer_never_says_stop(chunks):
    broke = Failed(StreamCut("It broke off.", provider="openai"))
    shown, done = chunks(TextDelta(0, "a"), Finished("error", raw="error"), broke)
    assert not done
    assert not any(chunk["choices"][0]["finish_reason"] for chunk in shown[:-1])
    assert "error" in shown[-1]


def test_answer_that_ends_with_an_error_is_closed(chunks):
    shown, done = chunks(Finished("error", raw="MALFORMED_FUNCTION_CALL"), Ended())
    assert done
    assert [chunk["choices"][0]["finish_reason"] for chunk in shown] == [None, "stop"]


@pytest.fixture
def deltas(chunks):
    """The deltas of choice 0 after the one that opens it."""

    def play(*events):
        shown, _ = chunks(*events)
        return [chunk["choices"][0]["delta"] for chunk in shown][1:]

    return play


def test_text_answer(chunks):
    shown, done = chunks(
        Started("p", "m"), TextDelta(0, "Hé"), TextDelta(0, 'l"lo'), Finished("stop"), Ended()
    )
    assert done
    assert [chunk["choices"][0]["delta"] for chunk in shown] == [
        {"role": "assistant", "content": "", "refusal": None},
        {"content": "Hé"},
        {"content": 'l"lo'},
        {},
    ]
    assert [chunk["choices"][0]["finish_reason"] for chunk in shown] == [None, None, None, "stop"]
    assert {chunk["id"] for chunk in shown} == {"chatcmpl-abc"}
    assert {chunk["object"] for chunk in shown} == {"chat.completion.chunk"}
    assert "usage" not in shown[0]


def test_start_and_empty_pieces_say_nothing(facts):
    stream = PROTOCOL.stream(facts)
    for event in (Started("p", "m"), TextDelta(0, ""), RefusalDelta(0, "")):
        assert stream.render(event) == b""


def test_tool_calls_are_numbered_by_themselves(deltas):
    shown = deltas(
        TextDelta(0, "let me"),
        ToolCallDelta(3, "", "c1", "f"),
        ToolCallDelta(3, '{"a":'),
        ToolCallDelta(5, '{"b":2}', "c2", "g"),
        ToolCallDelta(3, "1}"),
    )
    assert shown[1:] == [
        {
            "tool_calls": [
                {
                    "index": 0,
                    "id": "c1",
                    "type": "function",
                    "function": {"name": "f", "arguments": ""},
                }
            ]
        },
        {"tool_calls": [{"index": 0, "function": {"arguments": '{"a":'}}]},
        {
            "tool_calls": [
                {
                    "index": 1,
                    "id": "c2",
                    "type": "function",
                    "function": {"name": "g", "arguments": '{"b":2}'},
                }
            ]
        },
        {"tool_calls": [{"index": 0, "function": {"arguments": "1}"}}]},
    ]


def test_tool_call_state_is_carried(deltas):
    (delta,) = deltas(ToolCallDelta(0, "{}", "c", "f", state={"gemini": {"x": 1}}))
    assert delta["tool_calls"][0]["extra_content"] == {"gemini": {"x": 1}}


def test_custom_tool_call(facts, played):
    # The SDK's type of a chunk does not know these, although the API sends them.
    shown = played(
        PROTOCOL.stream(facts),
        ToolCallDelta(0, "", "c", "sql", state={"openai": {"type": "custom"}}),
        ToolCallDelta(0, "SELECT"),
    )
    assert [data["choices"][0]["delta"]["tool_calls"][0] for _, data in shown[1:]] == [
        {"index": 0, "id": "c", "type": "custom", "custom": {"name": "sql", "input": ""}},
        {"index": 0, "custom": {"input": "SELECT"}},
    ]


def test_choices_are_opened_each_for_itself(chunks):
    shown, done = chunks(
        TextDelta(0, "a"),
        TextDelta(0, "b", choice=1),
        Finished("stop", 1),
        Finished("length", 0),
        Ended(),
    )
    assert done
    assert [(c["choices"][0]["index"], c["choices"][0]["finish_reason"]) for c in shown] == [
        (0, None),
        (0, None),
        (1, None),
        (1, None),
        (1, "stop"),
        (0, "length"),
    ]


def test_thoughts_with_state_come_once_more_before_the_end(deltas):
    shown = deltas(
        ReasoningDelta(0, "h"),
        ReasoningDelta(0, "m"),
        ReasoningDelta(0, "", state=SIGNED),
        TextDelta(1, "x"),
        Finished("stop"),
    )
    assert shown == [
        {"reasoning_content": "h"},
        {"reasoning_content": "m"},
        {"content": "x"},
        {
            "reasoning_details": [
                {
                    "index": 0,
                    "type": "reasoning.text",
                    "text": "hm",
                    "format": "aim-v1",
                    "state": SIGNED,
                }
            ]
        },
        {},
    ]


def test_thoughts_without_state_come_once(deltas):
    assert deltas(ReasoningDelta(0, "h"), Finished("stop")) == [{"reasoning_content": "h"}, {}]


def test_refusal(deltas):
    assert deltas(RefusalDelta(0, "no")) == [{"refusal": "no"}]


def test_citation_counts_from_the_start_of_the_whole_text(deltas):
    cited = Citation("https://a.test", "A", None, 0, 2)
    shown = deltas(TextDelta(0, "1234"), TextDelta(1, "56"), CitationAdded(1, cited))
    note = shown[-1]["annotations"][0]["url_citation"]
    assert (note["start_index"], note["end_index"]) == (4, 6)


def test_citation_without_address_has_no_word(deltas):
    assert deltas(TextDelta(0, "a"), CitationAdded(0, Citation(title="t"))) == [{"content": "a"}]


@pytest.mark.parametrize(
    ("part", "delta"),
    [
        (Text("a"), {"content": "a"}),
        (Reasoning("a"), {"reasoning_content": "a"}),
        (Refusal("a"), {"refusal": "a"}),
        (
            Image("image/png", "QUJD"),
            {
                "images": [
                    {
                        "type": "image_url",
                        "index": 0,
                        "image_url": {"url": "data:image/png;base64,QUJD"},
                    }
                ]
            },
        ),
        (Opaque("audio", {"openai": {"id": "a"}}), {"audio": {"id": "a"}}),
        (Opaque("annotation", {"openai": {"type": "x"}}), {"annotations": [{"type": "x"}]}),
    ],
)
def test_whole_part(deltas, part, delta):
    assert deltas(WholePart(0, part)) == [delta]


def test_whole_tool_call(deltas):
    (delta,) = deltas(WholePart(0, ToolCall("c", "f", "{}")))
    assert delta["tool_calls"][0]["function"] == {"name": "f", "arguments": "{}"}


@pytest.mark.parametrize("part", [Opaque("x", {"anthropic": {}}), File("x/y", "QQ==")])
def test_part_this_dialect_has_no_word_for(facts, part):
    assert PROTOCOL.stream(facts).render(WholePart(0, part)) == b""


def test_usage_comes_last_when_it_was_asked_for(chunks):
    shown, done = chunks(
        UsageReported(Usage(1, 1)),
        TextDelta(0, "a"),
        Finished("stop"),
        UsageReported(Usage(10, 5)),
        Ended(),
        style=Style(include_usage=True),
    )
    assert done
    assert [chunk["usage"] for chunk in shown[:-1]] == [None, None, None]
    assert shown[-1]["choices"] == []
    assert shown[-1]["usage"]["total_tokens"] == 15


def test_no_usage_unless_it_was_asked_for(chunks):
    shown, _ = chunks(TextDelta(0, "a"), Finished("stop"), UsageReported(Usage(10, 5)), Ended())
    assert all("usage" not in chunk for chunk in shown)


def test_second_finish_is_not_repeated(chunks):
    shown, _ = chunks(TextDelta(0, "a"), Finished("stop"), Finished("stop"), Ended())
    assert len(shown) == 3


def test_missing_finish_is_made_up_for(chunks):
    shown, done = chunks(TextDelta(0, "a"), Ended())
    assert done
    assert shown[-1]["choices"][0]["finish_reason"] == "stop"


def test_empty_answer_is_still_an_answer(chunks):
    shown, done = chunks(Started("p", "m"), Ended())
    assert done
    assert [chunk["choices"][0]["finish_reason"] for chunk in shown] == [None, "stop"]


def test_cut_stream_ends_in_an_error_and_never_in_done(chunks):
    shown, done = chunks(TextDelta(0, "a"), Failed(StreamCut("It broke off.", provider="openai")))
    assert not done
    assert shown[-1]["error"]["code"] == "network_error"
    assert shown[-1]["error"]["requestId"] == "req_1"


def test_official_sdk_puts_the_stream_together(chunks):
    shown, _ = chunks(
        Started("p", "m"),
        TextDelta(0, "Hel"),
        TextDelta(0, "lo"),
        ToolCallDelta(1, "", "c1", "f"),
        ToolCallDelta(1, '{"a":'),
        ToolCallDelta(1, "1}"),
        ToolCallDelta(2, "{}", "c2", "g"),
        Finished("tool_calls"),
        UsageReported(Usage(10, 5)),
        Ended(),
        style=Style(include_usage=True),
    )
    state = ChatCompletionStreamState()
    for chunk in shown:
        state.handle_chunk(ChatCompletionChunk.model_validate(chunk))
    final = state.get_final_completion()
    message = final.choices[0].message
    assert message.content == "Hello"
    assert [(c.id, c.function.name, c.function.arguments) for c in message.tool_calls or ()] == [
        ("c1", "f", '{"a":1}'),
        ("c2", "g", "{}"),
    ]
    assert final.choices[0].finish_reason == "tool_calls"
    assert final.usage is not None
    assert final.usage.total_tokens == 15

"""Odd answers and streams of Cohere's v2 chat, each a named case."""

import json

import pytest

from providers.adapters.cohere import CohereAdapter
from providers.chat import Citation, Opaque, Reasoning, Text, ToolCall
from providers.errors import CallTimeout, ContextTooLong, InvalidRequest, ServerError, StreamCut
from providers.events import Accumulator, Ended, Failed, Finished, Started, UsageReported
from providers.usage import Usage
from providers.wire import WireReply
from tests.providers.adapters.hosts import host

ADAPTER = CohereAdapter()
USAGE = {
    "billed_units": {"input_tokens": 91, "output_tokens": 31},
    "tokens": {"input_tokens": 1622, "output_tokens": 44, "reasoning_tokens": 5},
    "cached_tokens": 1024,
}


def parse(value):
    return ADAPTER.parse(WireReply(200, {}, json.dumps(value).encode()), host())


def answer(finish="COMPLETE", **message):
    return {"id": "a", "message": {"role": "assistant", **message}, "finish_reason": finish}


def parts(**message):
    return parse(answer(**message)).choices[0].parts


def text(said):
    return {"type": "text", "text": said}


def call(identity="c", arguments="{}"):
    function = {"name": "weather", "arguments": arguments}
    return {"id": identity, "type": "function", "function": function}


def piece(kind, index=0, **message):
    return {"type": kind, "index": index, "delta": {"message": message}}


START = {"type": "message-start", "id": "a", "delta": {"message": {"role": "assistant"}}}


def end(finish="COMPLETE", **more):
    return {"type": "message-end", "delta": {"finish_reason": finish, **more}}


def events(*values, raw=b""):
    stream = ADAPTER.stream(host())
    data = "".join(f"event: {v['type']}\ndata: {json.dumps(v)}\n\n" for v in values)
    return [*stream.feed(data.encode() + raw), *stream.close()]


def why(found):
    """The error that a stream ended with."""
    assert isinstance(found[-1], Failed)
    return found[-1].error


def joined(*values):
    accumulator = Accumulator()
    accumulator.extend(events(*values))
    return accumulator.response()


# --- whole answers --------------------------------------------------------------------------------


def test_thoughts_and_text_are_parts():
    content = [{"type": "thinking", "thinking": "Hm"}, text("Hi")]
    thought, said = parts(content=content)
    assert thought == Reasoning("Hm", {"cohere": {"type": "thinking"}})
    assert said == Text("Hi")


def test_plan_before_a_call_is_reasoning():
    plan, called = parts(tool_plan="I will look.", tool_calls=[call(arguments='{"a":1}')])
    assert plan == Reasoning("I will look.", {"cohere": {"type": "tool_plan"}})
    assert called == ToolCall("c", "weather", '{"a":1}')


def test_unknown_block_is_kept_whole():
    block = {"type": "sound", "data": "x"}
    assert parts(content=[block]) == (Opaque("sound", {"cohere": block}),)


@pytest.mark.parametrize(
    ("raw", "finish"),
    [
        ("COMPLETE", "stop"),
        ("STOP_SEQUENCE", "stop"),
        ("MAX_TOKENS", "length"),
        ("TOOL_CALL", "tool_calls"),
        ("NEW", "unknown"),
    ],
)
def test_finish_reasons_have_our_words(raw, finish):
    (choice,) = parse(answer(raw, content=[text("Hi")])).choices
    assert (choice.finish, choice.raw_finish) == (finish, raw)


def test_usage_tells_what_is_read_and_what_is_billed():
    usage = parse({**answer(), "usage": USAGE}).usage
    assert usage == Usage(1622, 44, cached_tokens=1024, reasoning_tokens=5, billed=(91, 31))


def test_usage_of_billed_units_alone_counts_them():
    usage = parse({**answer(), "usage": {"billed_units": USAGE["billed_units"]}}).usage
    assert usage == Usage(91, 31)
    assert parse({**answer(), "usage": {}}).usage is None


def test_each_source_of_a_citation_is_one():
    page = {"type": "document", "id": "d", "document": {"url": "https://a", "title": "A"}}
    tool = {"type": "tool", "id": "c:0", "tool_output": {"content": "sunny"}}
    note = {"start": 0, "end": 2, "text": "Hi", "sources": [page, tool], "type": "TEXT_CONTENT"}
    (said,) = parts(content=[text("Hi")], citations=[note])
    assert said.citations == (
        Citation("https://a", "A", None, 0, 2, {"cohere": note}),
        Citation(None, "c:0", "sunny", 0, 2),
    )


def test_citation_finds_its_block():
    note = {"start": 0, "end": 2, "sources": [{"id": "https://a"}], "content_index": 1}
    content = [{"type": "thinking", "thinking": "Hm"}, text("Hi")]
    _, said = parts(content=content, citations=[note])
    assert [citation.url for citation in said.citations] == ["https://a"]


def test_citation_of_a_plan_is_not_one_of_the_answer():
    note = {"start": 0, "end": 2, "sources": [], "type": "PLAN"}
    (said,) = parts(content=[text("Hi")], citations=[note])
    assert said.citations == ()


def test_failed_answer_raises():
    with pytest.raises(ServerError):
        parse(answer("ERROR"))
    with pytest.raises(CallTimeout):
        parse(answer("TIMEOUT"))
    with pytest.raises(ServerError):
        parse({"id": "x", "message": "internal error"})


def test_answer_without_a_message_is_nonsense():
    with pytest.raises(ServerError, match="lacks"):
        parse({"id": "x"})


# --- streams --------------------------------------------------------------------------------------


def test_stream_is_what_its_pieces_say():
    found = joined(
        START,
        piece("content-start", content={"type": "thinking", "thinking": ""}),
        piece("content-delta", content={"thinking": "Hm"}),
        {"type": "content-end", "index": 0},
        piece("content-start", 1, content=text("")),
        piece("content-delta", 1, content={"text": "Hel"}),
        piece("content-delta", 1, content={"text": "lo"}),
        end(usage=USAGE),
    )
    thought, said = found.choices[0].parts
    assert (thought.text, said.text) == ("Hm", "Hello")
    assert found.finish == "stop"
    assert found.usage is not None


def test_calls_are_objects_in_a_stream():
    found = joined(
        START,
        piece("tool-plan-delta", tool_plan="I will "),
        piece("tool-plan-delta", tool_plan="look."),
        piece("tool-call-start", 0, tool_calls=call("c1", "")),
        piece("tool-call-delta", 0, tool_calls={"function": {"arguments": '{"a":'}}),
        piece("tool-call-delta", 0, tool_calls={"function": {"arguments": "1}"}}),
        piece("tool-call-start", 1, tool_calls=call("c2", "{}")),
        end("TOOL_CALL"),
    )
    assert found.choices[0].parts[0].text == "I will look."
    assert [(c.id, c.arguments) for c in found.tool_calls] == [("c1", '{"a":1}'), ("c2", "{}")]
    assert found.finish == "tool_calls"


def test_citation_without_a_block_is_about_the_last_text():
    note = {"start": 0, "end": 2, "sources": [{"id": "c:0"}]}
    found = joined(
        START,
        piece("content-delta", 2, content={"text": "Hi"}),
        piece("citation-start", 0, citations=note),
        end(),
    )
    (said,) = found.choices[0].parts
    assert [citation.title for citation in said.citations] == ["c:0"]


def test_order_of_events_and_the_mark_after_the_end():
    found = events(START, end(usage=USAGE), raw=b"data: [DONE]\n\n")
    assert [type(e) for e in found] == [Started, UsageReported, Finished, Ended]


def test_error_at_the_end_fails():
    error = {"error": "invalid tool generation", "error_type": "INVALID_TOOL_GENERATION"}
    found = events(START, end("ERROR", usage=USAGE, **error))
    assert isinstance(found[-2], UsageReported)
    assert isinstance(why(found), InvalidRequest)


def test_error_in_place_of_an_event_fails():
    found = events(START, {"type": "", "message": "internal error"})
    assert isinstance(why(found), ServerError)


def test_plain_error_in_place_of_a_stream_is_explained():
    error = {"id": "x", "message": "too many tokens: total number of tokens cannot exceed 128000"}
    assert isinstance(why(events(raw=json.dumps(error).encode())), ContextTooLong)
    assert isinstance(why(events(raw=b"<html>")), StreamCut)


def test_stream_without_its_end_is_cut():
    assert isinstance(why(events(START)), StreamCut)
    assert isinstance(why(events(START, raw=b"data: [DONE]\n\n")), StreamCut)

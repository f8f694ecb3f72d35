"""Answers read by the paths of a mapping."""

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.adapters.custom import CustomAdapter
from providers.adapters.custom_answer import MAX_WHOLE, findings, frames_of
from providers.adapters.custom_mapping import BadMapping, read
from providers.chat import Reasoning, ToolCall
from providers.errors import AuthFailed, CallError, RateLimited, ServerError, StreamCut
from providers.events import Accumulator, Ended, Failed
from providers.usage import Usage
from providers.wire import WireReply
from tests.providers.adapters.custom_mappings import MAPPING, changed, host, streaming

ADAPTER = CustomAdapter()
ANSWER = {
    "engine": "big",
    "out": [{"say": "Hel"}, {"say": "lo"}],
    "why": "CUT",
    "count": {"read": 5, "wrote": 7},
}
LINES = [
    {"engine": "big", "bit": "Hel"},
    {"ping": 1},
    {"bit": "lo", "count": {"read": 5}},
    {"over": True, "why": "END", "count": {"wrote": 7}},
]
SSE = changed(
    "stream",
    {"framing": "sse", "text": "/bit", "end": {"data": "[DONE]"}, "error": "/fault/words"},
)


def parse(value, mapping=MAPPING, status=200):
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return ADAPTER.parse(WireReply(status, {}, data), host(mapping))


def ndjson(*lines):
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


def sse(*frames):
    texts = [frame if isinstance(frame, str) else json.dumps(frame) for frame in frames]
    return "".join(f"data: {text}\n\n" for text in texts).encode()


def events(data, mapping=MAPPING, step=None):
    parser = ADAPTER.stream(host(mapping))
    pieces = [data[i : i + step] for i in range(0, len(data), step)] if step else [data]
    return [*(event for piece in pieces for event in parser.feed(piece)), *parser.close()]


def joined(*args, **options):
    answer = Accumulator()
    answer.extend(events(*args, **options))
    return answer


# --- Whole answers ---


def test_answer_is_read_by_its_paths():
    answer = parse(ANSWER)
    assert (answer.text, answer.model, answer.finish) == ("Hello", "big", "length")
    assert answer.usage == Usage(input_tokens=5, output_tokens=7)
    assert answer.choices[0].raw_finish == "CUT"


def test_known_words_need_no_entry_and_others_are_unknown():
    assert parse({**ANSWER, "why": "max_tokens"}).finish == "length"
    assert parse({**ANSWER, "why": "tired"}).finish == "unknown"


def test_answer_without_a_finish_path_has_come_to_its_end():
    assert parse(ANSWER, changed("answer.finish", None)).finish == "stop"


def test_usage_that_is_not_there_is_none():
    assert parse({"out": [{"say": "x"}]}).usage is None
    assert parse({"out": [{"say": "x"}], "count": {"read": "many"}}).usage is None


def test_empty_text_is_an_answer():
    assert parse({"out": [{"say": ""}]}).text == ""


@pytest.mark.parametrize("value", [{}, {"out": "x"}, {"out": [{"say": 5}]}, [], "x", None, 7])
def test_path_that_finds_no_text_is_named(value):
    with pytest.raises(ServerError, match=r"answer\.text \(/out/\*/say\) found no text"):
        parse(value)


def test_what_is_no_json_is_said():
    with pytest.raises(ServerError, match="not JSON"):
        parse(b"<html>")


def test_bare_text_is_an_answer_where_the_path_is_the_whole():
    assert parse("hello", changed("answer.text", "/")).text == "hello"


def test_error_inside_a_200_is_found_by_its_path():
    with pytest.raises(CallError) as caught:
        parse({"fault": {"words": "rate limit", "code": "rate_limit_exceeded"}, "out": []})
    assert caught.value.detail == "rate limit"


def test_error_without_a_path_is_found_where_it_usually_stands():
    with pytest.raises(RateLimited):
        parse({"error": {"code": "rate_limit_exceeded"}}, changed("answer.error", None))


def test_tool_calls_and_reasoning_are_read():
    mapping = changed(
        "answer.tools", {"calls": "/do", "name": "/fn", "arguments": "/with", "id": "/n"}
    )
    mapping["answer"]["reasoning"] = "/think"
    answer = parse(
        {"think": "hm", "do": [{"fn": "a", "with": {"x": 1}, "n": "7"}, {"fn": "b"}]}, mapping
    )
    reasoning, first, second = answer.choices[0].parts
    assert reasoning == Reasoning("hm")
    assert first == ToolCall("7", "a", '{"x":1}')
    assert (second.name, second.arguments) == ("b", "{}")
    assert second.id
    assert answer.finish == "tool_calls"


def test_refusal_is_explained_by_the_mappings_error_path():
    reply = WireReply(401, {}, b'{"fault": {"words": "who are you"}}')
    error = ADAPTER.explain(reply, host())
    assert isinstance(error, AuthFailed)
    assert error.detail == "who are you"


@pytest.mark.parametrize("body", [b"", b"oops", b"[]", b'{"fault": 3}', b"\xff"])
def test_refusal_of_any_shape_is_explained(body):
    assert isinstance(ADAPTER.explain(WireReply(401, {}, body), host()), AuthFailed)
    assert isinstance(
        ADAPTER.explain(WireReply(401, {}, body), host(changed("path", "/a"))), AuthFailed
    )


# --- Streams ---


def test_stream_says_what_the_whole_answer_says():
    answer = joined(ndjson(*LINES))
    assert answer.ended
    assert (answer.response().text, answer.model) == ("Hello", "big")
    assert answer.response().finish == "stop"
    assert answer.usage == Usage(input_tokens=5, output_tokens=7)


@pytest.mark.parametrize("step", [1, 2, 3, 7])
def test_any_cut_of_the_bytes_gives_the_same(step):
    for data, mapping in [
        (ndjson(*LINES), MAPPING),
        (sse({"bit": "Hé"}, {"bit": "llo"}, "[DONE]"), SSE),
    ]:
        whole, cut = joined(data, mapping), joined(data, mapping, step=step)
        assert (whole.response(), whole.ended) == (cut.response(), cut.ended)


@pytest.mark.parametrize("mapping", [MAPPING, SSE])
def test_stream_that_stops_early_is_never_complete(mapping):
    data = ndjson(*LINES) if mapping is MAPPING else sse(*LINES[:3], "[DONE]")
    for length in range(len(data) - 12):
        last = events(data[:length], mapping)[-1]
        assert isinstance(last, Failed)


def test_nothing_follows_the_end():
    assert isinstance(events(ndjson(*LINES, {"bit": "more"}))[-1], Ended)


def test_stream_may_end_with_its_body_where_the_mapping_says_so():
    mapping = changed("stream.end", {"body": True})
    assert isinstance(events(ndjson(*LINES[:3]), mapping)[-1], Ended)
    assert isinstance(events(ndjson({"bit": "x"}) + b'{"bi', mapping)[-1], Failed)
    assert isinstance(events(b"", mapping)[-1], Failed)


def test_error_in_a_stream_fails_it():
    (*_, last) = events(ndjson(LINES[0], {"fault": {"words": "boom"}}))
    assert isinstance(last, Failed)
    assert last.error.detail == "boom"


def test_sse_event_called_error_fails_the_stream():
    data = b'event: error\ndata: {"error": {"code": "rate_limit_exceeded"}}\n\n'
    (*_, last) = events(data, SSE)
    assert isinstance(last.error, RateLimited)


def test_stream_in_which_the_path_finds_nothing_names_it():
    (*_, last) = events(ndjson({"text": "x"}, {"over": 1}))
    assert "stream.text (/bit)" in last.error.message


def test_frame_that_is_no_json_fails_the_stream():
    (*_, last) = events(sse("oops", "[DONE]"), SSE)
    assert isinstance(last.error, ServerError)


def test_answer_in_one_piece_where_a_stream_was_asked_is_said():
    (last,) = events(b'{\n"out": [{"say": "x"}]}', SSE)
    assert "in one piece" in last.error.message
    (last,) = events(b'{"fault":\n{"words": "no"}}', SSE)
    assert last.error.detail == "no"


def test_without_a_stream_the_whole_answer_is_told_at_its_end():
    answer = joined(json.dumps(ANSWER).encode(), changed("stream", None), step=5)
    assert answer.ended
    assert answer.response() == parse(ANSWER)


@pytest.mark.parametrize("body", [b"", b'{"out": [', b'{"out": []}'])
def test_without_a_stream_half_an_answer_fails(body):
    (*_, last) = events(body, changed("stream", None))
    assert isinstance(last, Failed)


def test_whole_answer_for_a_stream_has_a_limit():
    parser = ADAPTER.stream(host(changed("stream", None)))
    (last,) = parser.feed(b" " * (MAX_WHOLE + 1))
    assert isinstance(last, Failed)
    assert parser.feed(b"x") == parser.close() == []


# --- For the person who writes it ---


def test_findings_tell_each_path():
    found = {f.key: f for f in findings(read(MAPPING).answer, [ANSWER])}
    assert found["answer.text"].sample == '"Hel"'
    assert found["answer.error"].times == 0
    assert found["answer.usage.input"].sample == "5"


def test_findings_of_a_stream_count_its_frames():
    stream = streaming(SSE)
    frames = frames_of(stream, sse(*LINES, "[DONE]"))
    assert len(frames) == 4
    assert findings(stream.answer, frames)[0].times == 2


def test_long_samples_are_shortened():
    (text, *_) = findings(read(MAPPING).answer, [{"out": [{"say": "x" * 500}]}])
    assert len(text.sample) == 80


# --- Anything at all ---

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["out", "say", "bit", "fault", "words", "over"]), inner)
    ),
    max_leaves=20,
)
PATHS = st.lists(st.sampled_from(["out", "say", "bit", "*", "0", "-1"]), max_size=4).map(
    lambda steps: "/" + "/".join(steps)
)


@st.composite
def mappings(draw):
    paths = {name: draw(PATHS) for name in ("text", "finish", "error", "model", "reasoning")}
    paths["usage"] = {"input": draw(PATHS), "output": draw(PATHS)}
    paths["tools"] = {"calls": draw(PATHS), "name": draw(PATHS), "arguments": draw(PATHS)}
    end = draw(st.sampled_from([{"data": "[DONE]"}, {"path": "/over"}, {"body": True}]))
    framing = draw(st.sampled_from(["sse", "ndjson"]))
    stream = draw(st.none() | st.just({**paths, "framing": framing, "end": end}))
    return {**MAPPING, "answer": paths, "stream": stream}


@given(mappings(), JSON, st.binary(max_size=60))
def test_no_mapping_crashes_the_reading(mapping, value, noise):
    try:
        at = host(mapping)
    except BadMapping:
        return
    text = json.dumps(value).encode()
    for body in (text, noise, text + b"\n" + noise):
        reply = WireReply(200, {}, body)
        with suppress(CallError):
            ADAPTER.parse(reply, at)
        assert isinstance(ADAPTER.explain(reply, at), CallError)
        for data in (body, b"data: " + body + b"\n\n"):
            parser = ADAPTER.stream(at)
            found = [*parser.feed(data), *parser.close()]
            assert sum(isinstance(event, Ended | Failed) for event in found) == 1
            assert isinstance(found[-1], Ended | Failed)


def test_stream_that_was_cut_is_a_cut():
    assert isinstance(events(b'{"bit": "Hel')[-1].error, StreamCut)

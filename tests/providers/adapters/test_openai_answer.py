"""Odd answers and streams of chat completions, each a named case. Hosts and counts: recordings' notes."""

import json

import pytest

from providers.adapters.openai import OpenAIAdapter
from providers.chat import Citation, Image, Opaque, Reasoning, Refusal, Text, ToolCall
from providers.errors import InvalidRequest, ServerError, StreamCut
from providers.events import Accumulator, Ended, Failed, Finished, Started, UsageReported
from providers.usage import Usage
from providers.wire import WireReply
from tests.providers.adapters.hosts import host

ADAPTER = OpenAIAdapter()
DONE = "data: [DONE]\n\n"


def parse(value):
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    return ADAPTER.parse(WireReply(200, {}, body), host())


def answer(message, finish="stop", **more):
    return {
        "id": "a",
        "model": "m",
        "choices": [{"message": message, "finish_reason": finish}],
        **more,
    }


def chunk(delta=None, finish=None, index=0, **more):
    choice = {"index": index, "delta": delta or {}, "finish_reason": finish}
    return sse({"id": "a", "model": "m", "choices": [choice], **more})


def sse(value):
    return f"data: {json.dumps(value)}\n\n"


def events(*pieces):
    stream = ADAPTER.stream(host())
    found = [event for piece in pieces for event in stream.feed(piece.encode())]
    return [*found, *stream.close()]


def joined(*pieces):
    accumulator = Accumulator()
    accumulator.extend(events(*pieces))
    return accumulator


def parts(*pieces):
    return joined(*pieces, DONE).response().choices[0].parts


# --- whole answers --------------------------------------------------------------------------------


def test_text_finish_and_usage_are_read():
    usage = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
    response = parse(answer({"content": "hi"}, usage=usage))
    assert (response.id, response.model, response.text) == ("a", "m", "hi")
    assert response.finish == "stop"
    assert response.usage == Usage(1, 2)


@pytest.mark.parametrize("content", [None, "", []])
def test_empty_content_is_no_part(content):
    assert parse(answer({"content": content})).choices[0].parts == ()


def test_missing_usage_is_none():
    assert parse(answer({"content": "hi"}, usage=None)).usage is None


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("length", "length"),
        ("eos", "stop"),
        ("function_call", "tool_calls"),
        ("content_filter", "content_filter"),
        ("insufficient_system_resource", "error"),
        ("STOP", "stop"),
        ("new_word", "unknown"),
        (None, "unknown"),
        ("", "unknown"),
    ],
)
def test_finish_reasons_are_translated(word, reason):
    choice = parse(answer({"content": "x"}, word)).choices[0]
    assert choice.finish == reason
    assert choice.raw_finish == (word or None)


def test_openrouter_tells_only_natively_that_a_call_was_cut():
    body = answer({"tool_calls": [{"id": "c", "function": {"name": "f", "arguments": '{"a'}}]})
    body["choices"][0] |= {
        "finish_reason": "tool_calls",
        "native_finish_reason": "max_output_tokens",
    }
    choice = parse(body).choices[0]
    assert (choice.finish, choice.raw_finish) == ("length", "max_output_tokens")
    assert choice.tool_calls[0].arguments == '{"a'


def test_several_choices_are_kept_apart_even_without_an_index():
    choices = [{"message": {"content": "a"}}, {"message": {"content": "b"}}]
    response = parse({"choices": choices})
    assert [choice.text for choice in response.choices] == ["a", "b"]


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
def test_thoughts_stand_before_the_text(field):
    found = parse(answer({"content": "a", field: "hm"})).choices[0].parts
    assert found == (Reasoning("hm"), Text("a"))


def test_thoughts_said_twice_are_read_once():
    details = [{"type": "reasoning.text", "text": "hm", "signature": "s", "index": 0}]
    message = {"content": "a", "reasoning": "hm", "reasoning_details": details}
    thought, _ = parse(answer(message)).choices[0].parts
    assert thought == Reasoning("hm", {"openai": {"reasoning_details": details}})


def test_sealed_thoughts_without_text_are_kept_in_front():
    details = [{"type": "reasoning.encrypted", "data": "x", "index": 0}]
    thought, text = parse(answer({"content": "a", "reasoning_details": details})).choices[0].parts
    assert thought == Reasoning("", {"openai": {"reasoning_details": details}})
    assert text == Text("a")


def test_mistral_content_is_a_list():
    content = [
        {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}], "closed": True},
        {"type": "text", "text": "a"},
        {"type": "reference", "reference_ids": [1]},
    ]
    thought, text = parse(answer({"content": content})).choices[0].parts
    assert thought == Reasoning("hm")
    assert text.text == "a"
    assert text.citations == (Citation(state={"openai": content[2]}),)


def test_unknown_block_is_kept_whole():
    block = {"type": "hologram", "x": 1}
    assert parse(answer({"content": [block]})).choices[0].parts == (
        Opaque("hologram", {"openai": block}),
    )


def test_refusal_is_its_own_part():
    assert parse(answer({"content": None, "refusal": "no"})).choices[0].parts == (Refusal("no"),)


def test_web_citation_belongs_to_the_text():
    note = {"url": "https://a.example", "title": "A", "start_index": 2, "end_index": 5}
    notes = [{"type": "url_citation", "url_citation": note}]
    (text,) = parse(answer({"content": "a b c", "annotations": notes})).choices[0].parts
    assert text.citations == (Citation("https://a.example", "A", None, 2, 5),)


def test_perplexitys_sources_are_citations():
    body = answer({"content": "a"}, citations=["https://a.example", "https://b.example"])
    body["search_results"] = [
        {"url": "https://b.example", "title": "B", "snippet": "…"},
        {"url": "", "title": "mine.docx"},
    ]
    (text,) = parse(body).choices[0].parts
    assert text.citations == (
        Citation("https://a.example"),
        Citation("https://b.example", "B", "…"),
        Citation(None, "mine.docx"),
    )


def test_other_annotations_are_kept_for_the_next_turn():
    note = {"type": "file", "file": {"hash": "x"}}
    found = parse(answer({"content": "a", "annotations": [note]})).choices[0].parts
    assert found[1] == Opaque("annotation", {"openai": note})


def test_made_picture_is_a_part():
    images = [
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
        {"type": "image_url", "image_url": {"url": "https://a.example/x.png"}},
    ]
    found = parse(answer({"content": "", "images": images})).choices[0].parts
    assert found == (Image("image/png", "AAAA"), Image(url="https://a.example/x.png"))


def test_sound_is_kept_whole():
    audio = {"id": "audio_1", "data": "AAAA", "transcript": "hi", "expires_at": 5}
    assert parse(answer({"content": None, "audio": audio})).choices[0].parts == (
        Opaque("audio", {"openai": audio}),
    )


def test_snowflakes_empty_fields_are_no_parts():
    message = {
        "content": "a",
        "refusal": "",
        "audio": {"id": "", "data": "", "transcript": "", "expires_at": 0},
        "function_call": {"name": "", "arguments": ""},
        "tool_calls": None,
        "annotations": None,
    }
    assert parse(answer(message, "")).choices[0].parts == (Text("a"),)


def test_parallel_calls_with_a_null_index_stay_apart():
    call = {"index": None, "type": "function", "function": {"name": "f", "arguments": "{}"}}
    calls = [{**call, "id": "a"}, {**call, "id": "b"}]
    found = parse(answer({"tool_calls": calls})).choices[0].tool_calls
    assert [call.id for call in found] == ["a", "b"]


@pytest.mark.parametrize("identity", [None, "", "null"])
def test_call_without_an_id_gets_one_that_is_always_the_same(identity):
    call = {"id": identity, "function": {"name": "f", "arguments": "{}"}}
    first, second = parse(answer({"tool_calls": [call, call]})).choices[0].tool_calls
    assert first.id
    assert first.id != second.id
    assert parse(answer({"tool_calls": [call, call]})).choices[0].tool_calls == (first, second)


def test_arguments_as_an_object_become_text():
    call = {"id": "c", "function": {"name": "f", "arguments": {"a": 1}}}
    assert parse(answer({"tool_calls": [call]})).tool_calls[0].arguments == '{"a":1}'


def test_legacy_function_call_is_a_tool_call():
    message = {"content": None, "function_call": {"name": "f", "arguments": "{}"}}
    (call,) = parse(answer(message, "function_call")).tool_calls
    assert (call.name, call.arguments) == ("f", "{}")
    assert call.id


def test_custom_call_keeps_its_kind():
    call = {"id": "c", "type": "custom", "custom": {"name": "sh", "input": "ls"}}
    assert parse(answer({"tool_calls": [call]})).tool_calls == (
        ToolCall("c", "sh", "ls", {"openai": {"type": "custom"}}),
    )


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b"{}", b'{"choices": {}}', b'{"object":"list"}']
)
def test_nonsense_is_a_server_error(body):
    with pytest.raises(ServerError):
        parse(body)


@pytest.mark.parametrize(
    "value",
    [
        {"error": {"message": "x", "type": "invalid_request_error"}},
        {"object": "error", "message": "x", "type": "invalid_request_error"},
        {"type": "error", "message": "x", "code": 400},
    ],
)
def test_error_inside_a_200_is_raised(value):
    with pytest.raises(InvalidRequest):
        parse(value)


@pytest.mark.parametrize(
    "choice",
    [
        None,
        5,
        {},
        {"message": None},
        {"message": []},
        {"message": {"content": 5, "tool_calls": {}, "reasoning": [], "annotations": "x"}},
        {"message": {"tool_calls": [None, 5, {}, {"function": None}], "images": [5], "audio": 5}},
        {"message": {"content": [None, 5, {}, {"type": 5}, {"type": "text"}]}, "index": "x"},
        {"message": {"reasoning_details": [None, {"index": "x", "text": 5}]}, "finish_reason": 5},
    ],
)
def test_wrong_types_lose_no_answer(choice):
    assert parse({"id": 5, "model": None, "choices": [choice], "usage": []}).choices


# --- streams --------------------------------------------------------------------------------------


def test_stream_begins_finishes_and_ends():
    found = events(chunk({"content": "a"}), chunk(finish="stop"), DONE)
    assert found[0] == Started("a", "m")
    assert found[-2:] == [Finished("stop", raw="stop"), Ended()]


def test_azure_begins_with_a_chunk_about_the_prompt():
    prompt = sse({"choices": [], "id": "", "model": "", "prompt_filter_results": []})
    silent = sse({"choices": [{"index": 0, "finish_reason": None}], "id": "a", "model": "m"})
    found = events(prompt, silent, chunk({"content": "a"}), chunk(finish="stop"), DONE)
    assert found[0] == Started("a", "m")
    assert isinstance(found[-1], Ended)


def test_finish_that_comes_again_with_the_usage_is_said_once():
    usage = {"prompt_tokens": 1, "completion_tokens": 2, "cost": 0.5}
    found = events(chunk({"content": "a"}, "stop"), chunk(finish="stop", usage=usage), DONE)
    assert sum(isinstance(event, Finished) for event in found) == 1
    assert sum(isinstance(event, UsageReported) for event in found) == 1


def test_two_usages_are_never_added_up():
    usage = {"prompt_tokens": 1, "completion_tokens": 2}
    groq = chunk(finish="stop", x_groq={"usage": usage})
    last = sse({"id": "a", "choices": [], "usage": usage})
    assert joined(chunk({"content": "a"}), groq, last, DONE).usage == Usage(1, 2)


def test_growing_usage_in_every_chunk_is_replaced():
    pieces = [
        chunk({"content": "a"}, usage={"prompt_tokens": 1, "completion_tokens": n}) for n in (1, 2)
    ]
    assert joined(*pieces, DONE).usage == Usage(1, 2)


def test_perplexity_ends_without_done_and_repeats_the_message():
    first = {"index": 0, "delta": {"content": "a"}, "message": {"content": "a"}}
    second = {"index": 0, "delta": {"content": "b"}, "message": {"content": "ab"}}
    last = {"index": 0, "delta": {}, "message": {"content": "ab"}, "finish_reason": "stop"}
    pieces = [sse({"id": "a", "choices": [c], "citations": ["u"]}) for c in (first, second, last)]
    accumulator = joined(*pieces)
    assert accumulator.ended
    (text,) = accumulator.response().choices[0].parts
    assert text == Text("ab", (Citation("u"),))


def test_snowflake_ends_with_done_and_without_a_finish():
    accumulator = joined(chunk({"content": "a"}), DONE)
    assert accumulator.ended
    assert accumulator.response().finish == "unknown"


def test_stream_without_done_and_finish_is_cut():
    found = events(chunk({"content": "a"}))
    assert isinstance(found[-1].error, StreamCut)


def test_stream_with_one_choice_unfinished_is_cut():
    found = events(chunk({"content": "a"}, "stop"), chunk({"content": "b"}, index=1))
    assert isinstance(found[-1].error, StreamCut)
    assert found[-2] == Finished("stop", raw="stop")


@pytest.mark.parametrize("body", ["", ": ping\n\n", DONE, "data:\n\n"])
def test_stream_of_nothing_has_no_end(body):
    assert isinstance(events(body)[-1], Failed)


def test_nothing_counts_after_done():
    assert (
        joined(chunk({"content": "a"}, "stop"), DONE, chunk({"content": "b"})).response().text
        == "a"
    )


def test_done_cut_in_two_is_done():
    assert joined(chunk({"content": "a"}, "stop"), "data: [DO", "NE]").ended


def test_half_a_chunk_at_the_end_is_a_cut():
    found = events(chunk({"content": "a"}), 'data: {"id":"a","choi')
    assert isinstance(found[-1].error, StreamCut)


def test_garbage_in_the_middle_is_a_server_error():
    found = events(chunk({"content": "a"}), "data: {nonsense\n\n", DONE)
    assert isinstance(found[-1].error, ServerError)
    assert not isinstance(found[-1].error, StreamCut)


def test_groqs_error_event_fails_the_stream():
    error = {"error": {"message": "x", "code": "tool_use_failed", "status_code": 400}}
    found = events(chunk({"content": "a"}), "event: error\n" + sse(error))
    assert isinstance(found[-1].error, InvalidRequest)


def test_gpustacks_error_field_fails_the_stream():
    found = events(chunk({"content": "a"}), 'error: {"error":{"message":"failed to decode"}}\n\n')
    assert isinstance(found[-1].error, ServerError)
    assert found[-1].error.detail == "failed to decode"


def test_error_event_of_plain_words_fails_the_stream():
    assert isinstance(events("event: error\ndata: upstream broke\n\n")[-1], Failed)


def test_openrouters_error_chunk_fails_after_its_usage():
    usage = {"prompt_tokens": 1, "completion_tokens": 2}
    error = chunk(usage=usage, error={"code": 400, "message": "Token limit reached"})
    accumulator = joined(chunk({"content": "a"}, "length"), error, DONE)
    assert isinstance(accumulator.error, InvalidRequest)
    assert accumulator.usage == Usage(1, 2)
    assert accumulator.response().finish == "length"


def test_error_before_anything_is_the_only_event():
    (failed,) = events(chunk(error={"code": 429, "message": "x"}), DONE)
    assert failed.error.code == "rate_limit"


def test_plain_json_error_instead_of_a_stream_is_understood():
    (failed,) = events('{"error": {"message": "x", "code": "insufficient_quota"}}')
    assert failed.error.code == "quota_exceeded"


def test_whole_answer_instead_of_a_stream_is_read():
    accumulator = joined(json.dumps(answer({"content": "hi"})))
    assert accumulator.ended
    assert accumulator.response().text == "hi"


def test_html_instead_of_a_stream_has_no_end():
    assert isinstance(events("<html>\n<p>x</p>\n</html>")[-1], Failed)


def test_other_events_are_passed_over():
    assert joined("event: ping\ndata: x\n\n", chunk({"content": "a"}, "stop"), DONE).ended


def call(index, identity=None, name=None, arguments=None, **more):
    function = {"name": name, "arguments": arguments}
    return {"tool_calls": [{"index": index, "id": identity, "function": function, **more}]}


def test_pieces_of_arguments_are_joined():
    found = parts(
        chunk(call(0, "c", "f", "")),
        chunk(call(0, "", None, '{"a')),
        chunk(call(0, arguments='":1}')),
    )
    assert found == (ToolCall("c", "f", '{"a":1}'),)


def test_arguments_may_be_null_or_missing_at_first():
    missing = {"tool_calls": [{"index": 0, "id": "c", "function": {"name": "f"}}]}
    assert parts(chunk(missing), chunk(call(0, arguments="{}"))) == (ToolCall("c", "f", "{}"),)


def test_name_and_id_that_come_again_are_not_doubled():
    found = parts(chunk(call(0, "c", "f", "{")), chunk(call(0, "c", "f", "}")))
    assert found == (ToolCall("c", "f", "{}"),)


def test_interleaved_calls_are_kept_apart_by_index():
    pieces = [
        call(0, "a", "f", "{"),
        call(1, "b", "g", "{"),
        call(0, arguments="}"),
        call(1, arguments="}"),
    ]
    assert parts(*map(chunk, pieces)) == (ToolCall("a", "f", "{}"), ToolCall("b", "g", "{}"))


def test_whole_calls_without_an_index_are_kept_apart():
    pieces = [call(None, "a", "f", "{}"), call(None, "b", "f", "{}"), call(None, None, "f", "{}")]
    first, second, third = parts(*map(chunk, pieces))
    assert [first.id, second.id] == ["a", "b"]
    assert third.id


def test_piece_without_index_and_id_continues_the_last_call():
    assert parts(chunk(call(None, "a", "f", "{")), chunk(call(None, arguments="}"))) == (
        ToolCall("a", "f", "{}"),
    )


def test_calls_that_share_an_index_are_kept_apart_by_id():
    # Gemini's OpenAI endpoint numbers every parallel call 0.
    pieces = [call(0, "a", "f", "{"), call(0, "b", "g", "{"), call(0, arguments="}")]
    assert parts(*map(chunk, pieces)) == (ToolCall("a", "f", "{"), ToolCall("b", "g", "{}"))


def test_pieces_of_reasoning_details_are_joined_by_number():
    pieces = [
        {"type": "reasoning.text", "text": "h", "index": 0, "signature": None},
        {"type": "reasoning.text", "text": "m", "index": 0, "signature": "s"},
        {"type": "reasoning.encrypted", "data": "x", "index": 1},
    ]
    deltas = [{"reasoning": p.get("text"), "reasoning_details": [p]} for p in pieces]
    (thought, text) = parts(*map(chunk, deltas), chunk({"content": "a"}))
    assert thought.text == "hm"
    assert thought.state["openai"]["reasoning_details"] == [
        {"type": "reasoning.text", "text": "hm", "index": 0, "signature": "s"},
        {"type": "reasoning.encrypted", "data": "x", "index": 1},
    ]
    assert text == Text("a")


def test_pieces_of_sound_are_joined():
    deltas = [
        {"audio": a} for a in ({"id": "x"}, {"data": "AA"}, {"data": "BB", "transcript": "h"})
    ]
    assert parts(*map(chunk, deltas)) == (
        Opaque("audio", {"openai": {"id": "x", "data": "AABB", "transcript": "h"}}),
    )


def test_thinking_between_texts_keeps_its_place():
    deltas = [{"content": "a"}, {"reasoning_content": "hm"}, {"content": "b"}]
    assert parts(*map(chunk, deltas)) == (Text("a"), Reasoning("hm"), Text("b"))

"""Odd answers and streams of Responses, each a named case."""

import json

import pytest

from providers.adapters.responses import ResponsesAdapter
from providers.chat import Citation, Image, Opaque, Reasoning, Refusal, Text, ToolCall
from providers.errors import InvalidRequest, QuotaExceeded, ServerError, StreamCut
from providers.events import Accumulator, Ended, Failed, Finished, Started, UsageReported
from providers.wire import WireReply
from tests.providers.adapters.hosts import host

ADAPTER = ResponsesAdapter()
CALL = {"type": "function_call", "call_id": "c1", "name": "weather", "arguments": '{"a":1}'}


def response(*output, status="completed", **more):
    return {
        "id": "r",
        "model": "m",
        "status": status,
        "output": list(output),
        "error": None,
        **more,
    }


def message(*content, **more):
    return {"type": "message", "role": "assistant", "content": list(content), **more}


def said(text, *annotations):
    return {"type": "output_text", "text": text, "annotations": list(annotations)}


def parse(value):
    return ADAPTER.parse(WireReply(200, {}, json.dumps(value).encode()), host())


def parts(*output):
    return parse(response(*output)).choices[0].parts


def events(*values, raw=b""):
    stream = ADAPTER.stream(host())
    text = "".join(f"data: {json.dumps(value)}\n\n" for value in values)
    return [*stream.feed(text.encode() + raw), *stream.close()]


def why(found):
    """The error that a stream ended with."""
    assert isinstance(found[-1], Failed)
    return found[-1].error


def joined(*values):
    accumulator = Accumulator()
    accumulator.extend(events(*values))
    return accumulator


def event(kind, **more):
    return {"type": f"response.{kind}", **more}


def delta(kind, text, index=0, **more):
    return event(f"{kind}.delta", output_index=index, delta=text, **more)


def done(item, index=0):
    return event("output_item.done", output_index=index, item=item)


CREATED = event("created", response=response(status="in_progress"))
COMPLETED = event("completed", response=response())


# --- whole answers --------------------------------------------------------------------------------


def test_text_and_refusal_are_parts_of_one_message():
    item = message(said("Hi"), {"type": "refusal", "refusal": "No."})
    assert parts(item) == (Text("Hi"), Refusal("No."))


def test_phase_is_kept_on_the_text():
    item = message(said("Hi"), phase="commentary")
    assert parts(item) == (Text("Hi", state={"responses": {"phase": "commentary"}}),)


def test_sources_are_citations():
    page = {
        "type": "url_citation",
        "url": "https://a",
        "title": "A",
        "start_index": 0,
        "end_index": 2,
    }
    file = {"type": "file_citation", "file_id": "f", "filename": "a.txt", "index": 2}
    (text,) = parts(message(said("Hi", page, file)))
    assert text.citations == (
        Citation("https://a", "A", start=0, end=2),
        Citation(title="a.txt", state={"responses": file}),
    )


def test_reasoning_keeps_what_it_takes_to_send_it_back():
    item = {"id": "rs", "type": "reasoning", "status": "completed", "encrypted_content": "seal"}
    summary = [{"type": "summary_text", "text": text} for text in ("One.", "Two.")]
    (thought,) = parts({**item, "summary": summary})
    assert thought.text == "One.\n\nTwo."
    own = {"id": "rs", "encrypted_content": "seal", "summary": summary}
    assert thought.state == {"responses": own}


def test_calls_finish_with_tool_calls():
    answer = parse(response(CALL, {**CALL, "call_id": "c2"}))
    assert [call.id for call in answer.tool_calls] == ["c1", "c2"]
    assert answer.tool_calls[0] == ToolCall("c1", "weather", '{"a":1}')
    assert answer.finish == "tool_calls"


def test_call_of_a_plain_text_tool_is_marked():
    item = {"type": "custom_tool_call", "call_id": "c", "name": "note", "input": "plain"}
    (call,) = parts(item)
    assert (call.name, call.arguments) == ("note", "plain")
    assert call.state["openai"] == {"type": "custom"}


def test_namespace_of_a_call_is_kept():
    (call,) = parts({**CALL, "namespace": "crm"})
    assert call.state == {"responses": {"namespace": "crm"}}


def test_call_without_an_id_gets_one():
    (call,) = parts({**CALL, "call_id": None})
    assert call.id.startswith("call_")


def test_hosted_tools_items_are_kept_whole():
    item = {"type": "web_search_call", "id": "ws", "status": "completed", "action": {"query": "x"}}
    assert parts(item) == (Opaque("web_search_call", {"responses": item}),)


def test_generated_picture_is_an_image():
    item = {"type": "image_generation_call", "id": "ig", "result": "AAAA", "output_format": "jpeg"}
    own = {"type": "image_generation_call", "id": "ig", "output_format": "jpeg"}
    assert parts(item) == (Image("image/jpeg", "AAAA", state={"responses": own}),)


@pytest.mark.parametrize(
    ("reason", "finish"),
    [("max_output_tokens", "length"), ("content_filter", "content_filter"), ("new", "unknown")],
)
def test_incomplete_answers_tell_why(reason, finish):
    value = response(status="incomplete", incomplete_details={"reason": reason})
    (choice,) = parse(value).choices
    assert (choice.finish, choice.raw_finish) == (finish, reason)


def test_queued_answer_is_empty_and_unfinished():
    (choice,) = parse(response(status="queued")).choices
    assert (choice.parts, choice.finish, choice.raw_finish) == ((), "unknown", "queued")


def test_usage_counts_cached_and_reasoning_tokens():
    counts = {"input_tokens": 10, "output_tokens": 5, "total_tokens": 15}
    details = {
        "input_tokens_details": {"cached_tokens": 4},
        "output_tokens_details": {"reasoning_tokens": 3},
    }
    usage = parse(response(usage={**counts, **details})).usage
    assert usage is not None
    assert (usage.input_tokens, usage.cached_tokens, usage.reasoning_tokens) == (10, 4, 3)


@pytest.mark.parametrize("status", ["failed", "cancelled"])
def test_failed_answer_raises(status):
    error = {"code": "server_error", "message": "Oops"}
    with pytest.raises(ServerError):
        parse(response(status=status, error=error if status == "failed" else None))


def test_answer_without_output_is_nonsense():
    with pytest.raises(ServerError, match="lacks"):
        parse({"id": "r"})


# --- streams --------------------------------------------------------------------------------------


def test_stream_is_what_its_deltas_say():
    found = joined(
        CREATED,
        delta("output_text", "Hel", content_index=0),
        delta("output_text", "lo", content_index=0),
        done(message(said("Hello"))),
        event("completed", response=response(message(said("Hello")))),
    )
    assert found.ended
    assert found.response().text == "Hello"


def test_order_of_events():
    counts = {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}
    found = events(CREATED, event("completed", response=response(usage=counts)))
    assert [type(e) for e in found] == [Started, UsageReported, Finished, Ended]


def test_empty_output_at_the_end_loses_nothing():
    """ChatGPT's Codex backend repeats nothing in response.completed."""
    thought = {"id": "rs", "type": "reasoning", "summary": [], "encrypted_content": "seal"}
    found = joined(CREATED, done(thought), done(CALL, 1), COMPLETED).response()
    own = {"id": "rs", "summary": [], "encrypted_content": "seal"}
    assert found.choices[0].parts[0] == Reasoning("", {"responses": own})
    assert found.tool_calls == (ToolCall("c1", "weather", '{"a":1}'),)
    assert found.finish == "tool_calls"


def test_items_told_only_at_the_end_are_read():
    found = joined(CREATED, event("completed", response=response(message(said("Hi")), CALL)))
    assert found.response().text == "Hi"
    assert len(found.response().tool_calls) == 1


def test_pieces_of_parallel_calls_find_their_call():
    second = {**CALL, "call_id": "c2"}
    found = joined(
        CREATED,
        event("output_item.added", output_index=0, item={**CALL, "arguments": ""}),
        event("output_item.added", output_index=1, item={**second, "arguments": ""}),
        delta("function_call_arguments", '{"b":', 1),
        delta("function_call_arguments", '{"a":1}', 0),
        delta("function_call_arguments", "2}", 1),
        done(CALL, 0),
        COMPLETED,
    )
    assert [call.arguments for call in found.response().tool_calls] == ['{"a":1}', '{"b":2}']


def test_arguments_of_a_hosted_servers_call_are_not_a_call_of_ours():
    item = {"type": "mcp_call", "name": "ask", "arguments": "{}"}
    found = joined(
        CREATED,
        event("output_item.added", output_index=0, item=item),
        delta("mcp_call_arguments", "{}"),
        done(item),
        COMPLETED,
    ).response()
    assert found.tool_calls == ()
    assert found.choices[0].parts == (Opaque("mcp_call", {"responses": item}),)


def test_parts_of_a_summary_are_paragraphs():
    def piece(text, number):
        return delta("reasoning_summary_text", text, summary_index=number)

    found = joined(CREATED, piece("One", 0), piece(".", 0), piece("Two.", 1), COMPLETED)
    assert found.response().choices[0].parts == (Reasoning("One.\n\nTwo."),)


def test_thoughts_repeated_under_another_name_are_read_once():
    item = {"type": "reasoning", "summary": [{"text": "Hm."}]}
    found = joined(CREATED, delta("reasoning_text", "Hm."), done(item), COMPLETED)
    assert found.response().choices[0].parts[0].text == "Hm."


def test_content_that_is_counted_on_from_the_item_before_is_one_text():
    """vLLM: content_index 1 in the deltas, the first place in the whole item."""
    found = joined(
        CREATED,
        event("content_part.added", output_index=1, content_index=1, part={}),
        delta("output_text", "Hi", 1, content_index=1),
        done(message(said("Hi")), 1),
        COMPLETED,
    )
    assert found.response().text == "Hi"


def test_citation_told_twice_is_there_once():
    note = {"type": "url_citation", "url": "https://a", "title": "A"}
    found = joined(
        CREATED,
        delta("output_text", "Hi", content_index=0),
        event("output_text.annotation.added", output_index=0, content_index=0, annotation=note),
        done(message(said("Hi", note))),
        COMPLETED,
    )
    (text,) = found.response().choices[0].parts
    assert len(text.citations) == 1


def test_error_event_ends_the_stream():
    error = {"type": "error", "error": {"code": "insufficient_quota", "message": "No credit"}}
    found = events(CREATED, error, event("failed", response=response(status="failed")))
    assert isinstance(why(found), QuotaExceeded)
    assert sum(isinstance(e, Failed) for e in found) == 1


def test_failed_response_says_why():
    error = {"code": "invalid_prompt", "message": "Bad words"}
    found = events(CREATED, event("failed", response=response(status="failed", error=error)))
    assert isinstance(why(found), InvalidRequest)


def test_error_field_in_a_stream_is_an_error():
    found = events(CREATED, raw=b'event: error\ndata: {"error": {"message": "Oops"}}\n\n')
    assert isinstance(why(found), ServerError)


def test_error_without_a_type_is_an_error():
    found = events(CREATED, {"error": {"message": "Oops", "code": 500}})
    assert isinstance(why(found), ServerError)


def test_done_mark_and_chatter_are_ignored():
    found = events(CREATED, {"type": "keepalive"}, raw=b"event: ping\ndata: x\n\ndata: [DONE]\n\n")
    assert isinstance(why(found), StreamCut)


def test_stream_without_its_last_event_is_cut():
    found = events(CREATED, delta("output_text", "Hi", content_index=0))
    assert isinstance(why(found), StreamCut)


def test_host_that_does_not_stream_is_read_all_the_same():
    stream = ADAPTER.stream(host())
    body = json.dumps(response(message(said("Hi")))).encode()
    accumulator = Accumulator()
    accumulator.extend([*stream.feed(body), *stream.close()])
    assert accumulator.ended
    assert accumulator.response().text == "Hi"


def test_plain_error_in_place_of_a_stream_is_an_error():
    stream = ADAPTER.stream(host())
    found = [*stream.feed(b'{"error": {"code": "insufficient_quota"}}'), *stream.close()]
    assert isinstance(why(found), QuotaExceeded)

import json
import struct
from zlib import crc32

import pytest

from providers.adapters.base import Host
from providers.adapters.bedrock import BedrockAdapter
from providers.catalogue.loader import load_builtin
from providers.chat import ChatRequest, Image, Message, Opaque, Reasoning, Text, ToolCall
from providers.errors import (
    AuthFailed,
    CallTimeout,
    ContextTooLong,
    InvalidRequest,
    NotFound,
    Overloaded,
    PermissionDenied,
    QuotaExceeded,
    RateLimited,
    ServerError,
    StreamCut,
)
from providers.events import Accumulator, Ended, Failed, Started, UsageReported
from providers.usage import Usage
from providers.wire import WireReply

(BEDROCK,) = [spec for spec in load_builtin() if spec.id == "bedrock"]
NOVA = "global.amazon.nova-2-lite-v1:0"
ADAPTER = BedrockAdapter()
HOST = Host(BEDROCK, BEDROCK.model(NOVA))


def reply(body, status=200, **headers):
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return WireReply(status, {n.replace("_", "-"): v for n, v in headers.items()}, data)


def parse(*blocks, stop="end_turn", usage=None, **headers):
    message = {"message": {"role": "assistant", "content": list(blocks)}}
    body = {
        "output": message,
        "stopReason": stop,
        "usage": usage or {},
        "metrics": {"latencyMs": 1},
    }
    return ADAPTER.parse(reply(body, **headers), HOST)


# --- whole answers ---


def test_text():
    answer = parse({"text": "Hi"}, x_amzn_requestid="id-1")
    assert (answer.id, answer.model, answer.text, answer.finish) == ("id-1", NOVA, "Hi", "stop")


@pytest.mark.parametrize(
    ("stop", "finish"),
    [
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("tool_use", "tool_calls"),
        ("guardrail_intervened", "content_filter"),
        ("content_filtered", "content_filter"),
        ("malformed_tool_use", "error"),
        ("something new", "unknown"),
    ],
)
def test_stop_reason(stop, finish):
    answer = parse({"text": "Hi"}, stop=stop)
    assert (answer.finish, answer.choices[0].raw_finish) == (finish, stop)


def test_parallel_calls():
    first = {"toolUse": {"toolUseId": "a", "name": "x", "input": {"b": 1}}}
    second = {"toolUse": {"toolUseId": "b", "name": "y", "input": {}, "type": "tool_use"}}
    answer = parse(first, second, stop="tool_use")
    assert answer.tool_calls == (ToolCall("a", "x", '{"b":1}'), ToolCall("b", "y", "{}"))


def test_thought_and_its_redacted_form_keep_what_goes_back():
    told = {"reasoningContent": {"reasoningText": {"text": "Hm", "signature": "sig"}}}
    redacted = {"reasoningContent": {"redactedContent": "c2VhbGVk"}}
    answer = parse(told, redacted, {"text": "Hi"})
    assert answer.choices[0].parts[:2] == (
        Reasoning("Hm", {"bedrock": {"signature": "sig"}}),
        Reasoning("", {"bedrock": {"redacted": "c2VhbGVk"}}),
    )


def test_citations_belong_to_their_text():
    note = {
        "location": {"web": {"url": "https://example.com", "domain": "example.com"}},
        "sourceContent": [{"text": "It is "}, {"text": "12."}],
    }
    answer = parse({"citationsContent": {"content": [{"text": "12"}], "citations": [note]}})
    ((text,),) = [choice.parts for choice in answer.choices]
    (citation,) = text.citations
    assert (text.text, citation.url, citation.title) == ("12", "https://example.com", "example.com")
    assert citation.quote == "It is 12."
    assert citation.state == {"bedrock": note}


def test_image():
    (part,) = parse({"image": {"format": "png", "source": {"bytes": "iVBO"}}}).choices[0].parts
    assert part == Image("image/png", "iVBO")


def test_tools_of_the_server_are_no_calls():
    call = {"toolUse": {"toolUseId": "a", "name": "nova_grounding", "type": "server_tool_use"}}
    answer = parse(call, {"text": "Hi"})
    assert answer.tool_calls == ()
    assert answer.choices[0].parts[0] == Opaque("server_tool_use", {"bedrock": call})


def test_cached_input_counts_as_input():
    usage = {
        "inputTokens": 3,
        "outputTokens": 121,
        "cacheReadInputTokens": 1712,
        "cacheWriteInputTokens": 236,
        "cacheDetails": [{"inputTokens": 200, "ttl": "1h"}, {"inputTokens": 36, "ttl": "5m"}],
        "totalTokens": 2072,
    }
    assert parse({"text": "Hi"}, usage=usage).usage == Usage(
        1951, 121, cached_tokens=1712, cache_write_tokens=236, cache_write_1h_tokens=200
    )


def test_answer_without_counts_has_no_usage():
    assert parse({"text": "Hi"}).usage is None


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"{}", b'{"output": {"message": 1}}'])
def test_nonsense_is_a_server_error(body):
    with pytest.raises(ServerError):
        ADAPTER.parse(reply(body), HOST)


def test_answer_goes_back_as_it_came():
    blocks = [
        {"reasoningContent": {"reasoningText": {"text": "Hm", "signature": "sig"}}},
        {"citationsContent": {"content": [{"text": "12"}], "citations": [{"title": "a"}]}},
        {"toolUse": {"toolUseId": "a", "name": "x", "input": {"b": 1}}},
    ]
    hello = Message("user", (Text("Hello"),))
    turn = Message("assistant", parse(*blocks).choices[0].parts)
    wire = ADAPTER.build(ChatRequest(NOVA, (hello, turn)), HOST)
    assert wire.body is not None
    assert wire.body["messages"][1]["content"] == blocks


# --- streams ---


def frame(payload, kind="event", **headers):
    named = {":message-type": kind, **{f":{n.replace('_', '-')}": v for n, v in headers.items()}}
    head = b"".join(
        bytes([len(n)]) + n.encode() + b"\x07" + struct.pack(">H", len(v)) + v.encode()
        for n, v in named.items()
    )
    body = json.dumps(payload).encode()
    prelude = struct.pack(">II", 16 + len(head) + len(body), len(head))
    whole = prelude + struct.pack(">I", crc32(prelude)) + head + body
    return whole + struct.pack(">I", crc32(whole))


def event(name, payload):
    return frame(payload, event_type=name)


def delta(index, **what):
    return event("contentBlockDelta", {"contentBlockIndex": index, "delta": what, "p": "abc"})


def start(index, **what):
    return event("contentBlockStart", {"contentBlockIndex": index, "start": what})


def stop(index):
    return event("contentBlockStop", {"contentBlockIndex": index})


BEGIN = event("messageStart", {"role": "assistant"})
END = event("messageStop", {"stopReason": "end_turn"})
COUNTS = event("metadata", {"usage": {"inputTokens": 3, "outputTokens": 2}, "metrics": {}})


def events(*frames):
    parser = ADAPTER.stream(HOST)
    return [*parser.feed(b"".join(frames)), *parser.close()]


def whole(*frames):
    accumulator = Accumulator()
    accumulator.extend(events(BEGIN, *frames, END, COUNTS))
    assert accumulator.ended
    return accumulator.response()


def test_stream_in_order():
    found = events(BEGIN, delta(0, text=""), delta(0, text="Hi"), stop(0), END, COUNTS)
    assert found[0] == Started("", NOVA)
    assert found[-2:] == [UsageReported(Usage(3, 2)), Ended()]


def test_text_begins_without_a_start():
    answer = whole(delta(0, text="H"), delta(0, text="i"), stop(0), delta(1, text="!"), stop(1))
    assert [part.text for part in answer.choices[0].parts] == ["Hi", "!"]


def test_call_in_pieces_and_one_without_arguments():
    answer = whole(
        start(0, toolUse={"toolUseId": "a", "name": "x"}),
        delta(0, toolUse={"input": '{"b"'}),
        delta(0, toolUse={"input": ": 1}"}),
        stop(0),
        start(1, toolUse={"toolUseId": "b", "name": "y"}),
        stop(1),
    )
    assert answer.tool_calls == (ToolCall("a", "x", '{"b": 1}'), ToolCall("b", "y", "{}"))


def test_thought_and_signature():
    answer = whole(
        delta(0, reasoningContent={"text": "Hm"}),
        delta(0, reasoningContent={"signature": "si"}),
        delta(0, reasoningContent={"signature": "g"}),
        stop(0),
        delta(1, reasoningContent={"redactedContent": "c2VhbGVk"}),
        stop(1),
    )
    assert answer.choices[0].parts == (
        Reasoning("Hm", {"bedrock": {"signature": "sig"}}),
        Reasoning("", {"bedrock": {"redacted": "c2VhbGVk"}}),
    )


def test_citation_belongs_to_the_text_of_its_block():
    answer = whole(delta(1, citation={"title": "a"}), delta(1, text="12"), stop(1))
    ((part,),) = [choice.parts for choice in answer.choices]
    assert (part.text, part.citations[0].title) == ("12", "a")


def test_tool_of_the_server_and_its_result_are_kept_whole():
    answer = whole(
        start(0, toolUse={"toolUseId": "a", "name": "x", "type": "server_tool_use"}),
        delta(0, toolUse={"input": '{"q": 1}'}),
        stop(0),
        start(1, toolResult={"toolUseId": "a", "status": "success"}),
        delta(1, toolResult=[{"json": {"exitCode": 0}}]),
        stop(1),
    )
    call, result = answer.choices[0].parts
    assert call.state["bedrock"]["toolUse"]["input"] == {"q": 1}
    assert result.state["bedrock"]["toolResult"]["content"] == [{"json": {"exitCode": 0}}]
    assert answer.tool_calls == ()


def test_image_in_a_stream():
    answer = whole(
        start(0, image={"format": "png"}), delta(0, image={"source": {"bytes": "iVBO"}}), stop(0)
    )
    assert answer.choices[0].parts == (Image("image/png", "iVBO"),)


def test_unknown_events_are_passed_over():
    assert whole(event("somethingNew", {"a": 1}), delta(0, text="Hi")).text == "Hi"


def test_stream_without_metadata_ends_well():
    assert events(BEGIN, delta(0, text="Hi"), END)[-1] == Ended()


@pytest.mark.parametrize("tail", [b"", COUNTS[:20]])
def test_stream_that_is_cut_fails(tail):
    frames = (BEGIN, delta(0, text="Hi"), *((END, tail) if tail else ()))
    found = events(*frames)
    assert isinstance(found[-1], Failed)
    assert isinstance(found[-1].error, StreamCut)


def test_damaged_stream_fails():
    found = events(BEGIN, b"\0" * 20)
    assert isinstance(found[-1], Failed) and isinstance(found[-1].error, ServerError)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("throttlingException", RateLimited),
        ("serviceUnavailableException", Overloaded),
        ("internalServerException", ServerError),
        ("modelStreamErrorException", ServerError),
        ("validationException", InvalidRequest),
        ("modelTimeoutException", CallTimeout),
    ],
)
def test_exception_in_a_stream(name, kind):
    exception = frame({"message": "provider's words"}, "exception", exception_type=name)
    found = events(BEGIN, delta(0, text="Hi"), exception)
    assert isinstance(found[-1], Failed)
    assert type(found[-1].error) is kind
    assert found[-1].error.detail == "provider's words"
    assert "provider's words" not in found[-1].error.message


def test_error_message_in_a_stream():
    failure = frame({}, "error", error_code="InternalFailure", error_message="broken")
    assert type(events(BEGIN, failure)[-1].error) is ServerError


# --- refusals ---


@pytest.mark.parametrize(
    ("status", "name", "message", "kind"),
    [
        (403, "UnrecognizedClientException", "The security token is invalid.", AuthFailed),
        (403, "InvalidSignatureException", "The request signature does not match.", AuthFailed),
        (403, "ExpiredTokenException", "The security token is expired", AuthFailed),
        (
            403,
            "AccessDeniedException",
            "Authentication failed: Please make sure your API Key is valid.",
            AuthFailed,
        ),
        (
            403,
            "AccessDeniedException",
            "User is not authorized to perform: bedrock:X",
            PermissionDenied,
        ),
        (403, "AccessDeniedException", "denied due to INVALID_PAYMENT_INSTRUMENT", QuotaExceeded),
        (404, "ResourceNotFoundException", "No such model", NotFound),
        (400, "ValidationException", "The provided model identifier is invalid.", NotFound),
        (400, "ValidationException", "Input is too long for requested model.", ContextTooLong),
        (400, "ValidationException", "Malformed input request", InvalidRequest),
        (429, "ThrottlingException", "Too many tokens, please wait", RateLimited),
        (400, "ServiceQuotaExceededException", "Quota", RateLimited),
        (429, "ModelNotReadyException", "The model is not ready", Overloaded),
        (408, "ModelTimeoutException", "Too slow", CallTimeout),
        (424, "ModelErrorException", "The model failed", ServerError),
        (500, "InternalServerException", "Oops", ServerError),
        (503, "ServiceUnavailableException", "Busy", Overloaded),
    ],
)
def test_refusal(status, name, message, kind):
    error = ADAPTER.explain(
        reply({"message": message}, status, x_amzn_errortype=f"{name}:http://internal/"), HOST
    )
    assert type(error) is kind
    assert (error.upstream_status, error.detail) == (status, message)


@pytest.mark.parametrize("key", ["message", "Message"])
def test_refusal_without_a_header(key):
    body = {key: "Slow down", "__type": "com.amazon.coral#ThrottlingException"}
    error = ADAPTER.explain(reply(body, 429), HOST)
    assert type(error) is RateLimited and error.detail == "Slow down"


def test_signature_that_is_repeated_is_blacked_out():
    message = (
        "Invalid key=value pair in Authorization header: 'Credential=AKID/x, Signature=abcdef'"
    )
    error = ADAPTER.explain(
        reply({"message": message}, 403, x_amzn_errortype="IncompleteSignatureException"), HOST
    )
    assert "abcdef" not in str(error.detail) and "AKID" not in str(error.detail)


@pytest.mark.parametrize("body", [b"", b"Not Found", b"[1]", b"\xff\xfe"])
def test_refusal_that_is_no_json_is_explained_all_the_same(body):
    assert type(ADAPTER.explain(reply(body, 404), HOST)) is NotFound


# --- embeddings ---


@pytest.mark.parametrize(
    ("body", "headers", "vectors", "tokens"),
    [
        ({"embedding": [0.5, 1], "inputTextTokenCount": 3}, {}, ((0.5, 1.0),), 3),
        (
            {"embeddings": [[1], [2]]},
            {"x_amzn_bedrock_input_token_count": "7"},
            ((1.0,), (2.0,)),
            7,
        ),
        ({"embeddings": {"float": [[1]]}}, {}, ((1.0,),), None),
    ],
)
def test_vectors(body, headers, vectors, tokens):
    found = ADAPTER.parse_embedding(reply(body, **headers), HOST)
    assert found.vectors == vectors
    assert found.usage == (None if tokens is None else Usage(tokens))


@pytest.mark.parametrize(
    "body", [{}, {"embedding": []}, {"embeddings": [["x"]]}, {"embeddings": []}]
)
def test_answer_without_vectors_is_a_server_error(body):
    with pytest.raises(ServerError):
        ADAPTER.parse_embedding(reply(body), HOST)

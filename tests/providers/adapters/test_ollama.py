import json

import pytest

from providers.adapters.ollama import OllamaAdapter
from providers.chat import Reasoning, Text
from providers.embedding import EmbeddingRequest
from providers.errors import InvalidRequest, NotFound, ServerError, StreamCut
from providers.events import Accumulator, Ended, Failed, Started
from providers.usage import Usage
from providers.wire import WireReply
from tests.providers.adapters.hosts import host

ADAPTER = OllamaAdapter()
CALL = {"function": {"name": "weather", "arguments": {"city": "Paris"}}}


def reply(value, status=200):
    return WireReply(status, {}, json.dumps(value).encode())


def answer(message, **more):
    return {"model": "m", "created_at": "2026-01-01", "message": message, **more}


def done(message=None, reason="stop", **more):
    counts = {"prompt_eval_count": 5, "eval_count": 7}
    return answer(message or {"content": ""}, done=True, done_reason=reason, **{**counts, **more})


def events(*lines):
    stream = ADAPTER.stream(host("ollama"))
    found = [event for line in lines for event in stream.feed(json.dumps(line).encode() + b"\n")]
    return [*found, *stream.close()]


def joined(*lines):
    accumulator = Accumulator()
    accumulator.extend(events(*lines))
    return accumulator


def parse(value):
    return ADAPTER.parse(reply(value), host("ollama"))


def test_answer_is_read():
    response = parse(done({"content": "hi", "thinking": "hm"}))
    assert response.choices[0].parts == (Reasoning("hm"), Text("hi"))
    assert (response.model, response.finish, response.usage) == ("m", "stop", Usage(5, 7))


def test_length_is_told():
    assert parse(done({"content": "hi"}, "length")).finish == "length"


@pytest.mark.parametrize("reason", ["load", None])
def test_other_reasons_are_unknown(reason):
    assert parse(done({"content": ""}, reason)).finish == "unknown"


def test_prompt_from_the_cache_is_not_counted():
    value = done({"content": "hi"})
    del value["prompt_eval_count"]
    assert parse(value).usage == Usage(0, 7)


def test_calls_finish_as_calls_though_ollama_says_stop():
    response = parse(done({"content": "", "tool_calls": [CALL, CALL]}))
    first, second = response.tool_calls
    assert (first.name, first.arguments) == ("weather", '{"city":"Paris"}')
    assert response.finish == "tool_calls"
    assert first.id
    assert first.id != second.id
    assert parse(done({"content": "", "tool_calls": [CALL, CALL]})).tool_calls == (first, second)


def test_calls_keep_the_servers_id():
    assert parse(done({"tool_calls": [{"id": "call_x", **CALL}]})).tool_calls[0].id == "call_x"


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"{}", b'{"message": "x"}'])
def test_nonsense_is_a_server_error(body):
    with pytest.raises(ServerError):
        ADAPTER.parse(WireReply(200, {}, body), host("ollama"))


def test_error_inside_a_200_is_raised():
    with pytest.raises(ServerError):
        parse({"error": "llama runner process has terminated"})


def test_stream_is_joined():
    accumulator = joined(
        answer({"thinking": "hm"}), answer({"content": "h"}), answer({"content": "i"}), done()
    )
    response = accumulator.response()
    assert accumulator.ended
    assert response.choices[0].parts == (Reasoning("hm"), Text("hi"))
    assert response.usage == Usage(5, 7)


def test_stream_begins_once():
    found = events(answer({"content": "h"}), done())
    assert found[0] == Started("", "m")
    assert sum(isinstance(event, Started) for event in found) == 1
    assert isinstance(found[-1], Ended)


def test_calls_in_two_lines_are_two_calls():
    lines = [answer({"content": "", "tool_calls": [CALL]})] * 2
    response = joined(*lines, done()).response()
    assert len({call.id for call in response.tool_calls}) == 2
    assert response.finish == "tool_calls"


def test_stream_without_done_is_cut():
    assert isinstance(events(answer({"content": "h"}))[-1].error, StreamCut)


def test_error_line_fails_the_stream():
    found = events(answer({"content": "h"}), {"error": "model 'x' not found"})
    assert isinstance(found[-1], Failed)
    assert isinstance(found[-1].error, NotFound)


def test_error_reply_is_explained():
    error = ADAPTER.explain(
        reply({"error": "model 'x' not found, try pulling it"}, 404), host("ollama")
    )
    assert isinstance(error, NotFound)


# --- embeddings and models ------------------------------------------------------------------------


def test_embedding_is_asked_for():
    request = EmbeddingRequest("m", ("a", "b"), 5, "u", "query", {"ollama": {"truncate": False}})
    wire = ADAPTER.build_embedding(request, host("ollama"))
    assert wire.path == "/api/embed"
    assert wire.body == {"model": "m", "input": ["a", "b"], "dimensions": 5, "truncate": False}
    assert [change.what for change in wire.changes] == ["user", "task"]


def test_tokens_cannot_be_embedded():
    with pytest.raises(InvalidRequest) as caught:
        ADAPTER.build_embedding(EmbeddingRequest("m", ((1, 2),)), host("ollama"))
    assert caught.value.param == "input"


def test_vectors_are_read():
    value = {"model": "m", "embeddings": [[1, 0.5], [2.0, 3.0]], "prompt_eval_count": 4}
    response = ADAPTER.parse_embedding(reply(value), host("ollama"))
    assert response.vectors == ((1.0, 0.5), (2.0, 3.0))
    assert response.usage == Usage(4)


def test_embedding_without_a_count_has_no_usage():
    assert ADAPTER.parse_embedding(reply({"embeddings": [[1.0]]}), host("ollama")).usage is None


@pytest.mark.parametrize(
    "value", [{}, {"embeddings": []}, {"embeddings": [[]]}, {"embeddings": [["x"]]}]
)
def test_answer_without_vectors_is_a_server_error(value):
    with pytest.raises(ServerError):
        ADAPTER.parse_embedding(reply(value), host("ollama"))


def test_embedding_error_inside_a_200_is_raised():
    with pytest.raises(NotFound):
        ADAPTER.parse_embedding(reply({"error": "model 'x' not found"}), host("ollama"))


def test_models_are_read():
    items = [
        {"name": "llama3:latest", "model": "llama3:latest", "details": {"families": ["llama"]}},
        {"name": "minilm", "details": {"families": ["bert"]}},
        {"name": "nomic-embed-text"},
        {},
    ]
    found = ADAPTER.parse_models(reply({"models": items}), host("ollama"))
    assert [(model.id, model.kind) for model in found] == [
        ("llama3:latest", "chat"),
        ("minilm", "embedding"),
        ("nomic-embed-text", "embedding"),
    ]
    assert ADAPTER.build_models(host("ollama")).path == "/api/tags"


def test_what_is_no_list_is_a_server_error():
    with pytest.raises(ServerError):
        ADAPTER.parse_models(reply({"object": "list"}), host("ollama"))


def test_host_without_embeddings_refuses():
    at = host("ollama", paths={"embeddings": ""})
    with pytest.raises(InvalidRequest):
        ADAPTER.build_embedding(EmbeddingRequest("m", ("a",)), at)


def test_host_without_a_list_refuses():
    with pytest.raises(InvalidRequest):
        ADAPTER.build_models(host("ollama", paths={"models": ""}))

import base64
import json
import struct

import pytest

from providers.adapters.openai import OpenAIAdapter
from providers.embedding import EmbeddingRequest
from providers.errors import AuthFailed, InvalidRequest, ServerError
from providers.events import Failed
from providers.registry import catalogue
from providers.usage import Usage
from providers.wire import WireReply
from tests.providers.adapters.hosts import host

ADAPTER = OpenAIAdapter()


def reply(value, status=200):
    return WireReply(status, {}, json.dumps(value).encode())


def test_error_reply_is_explained():
    error = ADAPTER.explain(reply({"error": {"message": "x"}}, 401), host())
    assert isinstance(error, AuthFailed)


def test_error_of_a_choice_is_an_error_and_no_empty_answer():
    """https://openrouter.ai/docs/api-reference/errors-and-debugging: a 200 whose choice failed."""
    choice = {"index": 0, "message": {"content": ""}, "finish_reason": "error"}
    choice["error"] = {"code": 502, "message": "Provider returned error"}
    with pytest.raises(ServerError):
        ADAPTER.parse(reply({"id": "x", "model": "m", "choices": [choice]}), host())
    stream = ADAPTER.stream(host())
    body = json.dumps({"id": "x", "choices": [{**choice, "delta": {"content": "Hel"}}]})
    events = [*stream.feed(f"data: {body}\n\n".encode()), *stream.close()]
    assert isinstance(events[-1], Failed)


# --- embeddings -----------------------------------------------------------------------------------


def test_embedding_asks_for_numbers():
    wire = ADAPTER.build_embedding(EmbeddingRequest("m", ("a", (1, 2)), 5, "u"), host())
    assert wire.path == "/embeddings"
    assert wire.body == {
        "model": "m",
        "input": ["a", (1, 2)],
        "encoding_format": "float",
        "dimensions": 5,
        "user": "u",
    }
    assert wire.content() == (
        b'{"model":"m","input":["a",[1,2]],"encoding_format":"float","dimensions":5,"user":"u"}'
    )


def test_embedding_follows_the_quirks():
    at = host(drop=["encoding_format", "user"], rename={"dimensions": "size", "task": "input_type"})
    wire = ADAPTER.build_embedding(EmbeddingRequest("m", ("a",), 5, "u", "query"), at)
    assert wire.body == {"model": "m", "input": ["a"], "size": 5, "input_type": "query"}
    assert [change.what for change in wire.changes] == ["user"]


def test_task_of_an_embedding_has_the_host_s_word():
    at = host(rename={"task": "task"}, tasks={"query": "retrieval.query"})

    def build(task):
        return ADAPTER.build_embedding(EmbeddingRequest("m", ("a",), task=task), at)

    assert build("query").body["task"] == "retrieval.query"
    assert build("retrieval.query").body["task"] == "retrieval.query"
    assert "task" not in build("clustering").body
    assert [change.what for change in build("clustering").changes] == ["task"]


@pytest.mark.parametrize(
    ("provider", "said"),
    [
        ("voyage", {"input_type": "document", "output_dimension": 256}),
        ("jina", {"task": "retrieval.passage", "dimensions": 256, "embedding_type": "float"}),
        ("mistral", {"output_dimension": 256}),
    ],
)
def test_embedding_hosts_get_their_own_words(provider, said):
    task = None if provider == "mistral" else "document"
    at = catalogue().host(provider)
    wire = ADAPTER.build_embedding(EmbeddingRequest("m", ("a",), 256, task=task), at)
    assert wire.body == {"model": "m", "input": ["a"], **said}
    assert wire.changes == ()


def test_embedding_tells_what_it_cannot_say():
    request = EmbeddingRequest(
        "m", ("a",), task="query", extra={"openai": {"x": 1}, "gemini": {"title": "t"}}
    )
    wire = ADAPTER.build_embedding(request, host())
    assert wire.body is not None
    assert wire.body["x"] == 1
    assert [change.what for change in wire.changes] == ["task", "title"]


def test_provider_without_embeddings_refuses():
    with pytest.raises(InvalidRequest):
        ADAPTER.build_embedding(EmbeddingRequest("m", ("a",)), host(paths={"embeddings": ""}))


def test_vectors_come_in_the_order_of_the_inputs():
    data = [{"index": 1, "embedding": [3, 4.5]}, {"index": 0, "embedding": [1.0, 2.0]}]
    usage = {"prompt_tokens": 2, "total_tokens": 2}
    response = ADAPTER.parse_embedding(reply({"model": "m", "data": data, "usage": usage}), host())
    assert response.vectors == ((1.0, 2.0), (3.0, 4.5))
    assert response.usage == Usage(2)


def test_packed_vector_is_unpacked():
    packed = base64.b64encode(struct.pack("<2f", 0.5, -1.0)).decode()
    response = ADAPTER.parse_embedding(reply({"data": [{"embedding": packed}]}), host())
    assert response.vectors == ((0.5, -1.0),)


def test_perplexity_packs_its_vectors_in_bytes():
    at = catalogue().host("perplexity")
    wire = ADAPTER.build_embedding(EmbeddingRequest("pplx-embed-v1-0.6b", ("a",), 256), at)
    assert wire.path == "/v1/embeddings"
    assert (wire.body or {})["encoding_format"] == "base64_int8"
    packed = base64.b64encode(bytes([1, 127, 128, 255])).decode()
    response = ADAPTER.parse_embedding(reply({"data": [{"embedding": packed}]}), at)
    assert response.vectors == ((1.0, 127.0, -128.0, -1.0),)


@pytest.mark.parametrize("vector", [None, [], ["x"], [True], "", "!", "AAA", "AAAA", {}])
def test_vector_that_is_none_is_a_server_error(vector):
    with pytest.raises(ServerError):
        ADAPTER.parse_embedding(reply({"data": [{"embedding": vector}]}), host())


@pytest.mark.parametrize("value", [{}, {"data": []}, {"data": 5}])
def test_answer_without_vectors_is_a_server_error(value):
    with pytest.raises(ServerError):
        ADAPTER.parse_embedding(reply(value), host())


def test_error_inside_a_200_is_raised():
    with pytest.raises(InvalidRequest):
        ADAPTER.parse_embedding(reply({"error": {"code": 400, "message": "x"}}), host())


# --- models ---------------------------------------------------------------------------------------


def models(*items):
    return ADAPTER.parse_models(reply({"object": "list", "data": list(items)}), host())


def test_models_are_asked_for_at_the_hosts_path():
    wire = ADAPTER.build_models(host(paths={"models": "/models?all=1"}))
    assert (wire.method, wire.path, wire.body) == ("GET", "/models?all=1", None)


def test_provider_without_a_list_refuses():
    with pytest.raises(InvalidRequest):
        ADAPTER.build_models(host(paths={"models": ""}))


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("gpt-4o", "chat"),
        ("text-embedding-3-small", "embedding"),
        ("whisper-1", "speech"),
        ("gpt-image-1", "image"),
        ("omni-moderation-latest", "other"),
    ],
)
def test_kind_is_told_by_the_id(name, kind):
    assert models({"id": name})[0].kind == kind


def test_kind_is_told_by_the_list_where_it_does():
    items = [
        {"id": "a", "type": "embeddings"},
        {"id": "bge-x", "type": "vlm"},
        {"id": "c", "type": "image"},
    ]
    assert [model.kind for model in models(*items)] == ["embedding", "chat", "image"]


@pytest.mark.parametrize(
    ("outputs", "kind"),
    [
        (["image", "text"], "chat"),
        (["embeddings"], "embedding"),
        (["image"], "image"),
        (["speech"], "speech"),
        (["rerank"], "other"),
    ],
)
def test_kind_is_told_by_what_comes_out(outputs, kind):
    assert models({"id": "m", "architecture": {"output_modalities": outputs}})[0].kind == kind


@pytest.mark.parametrize(
    "item",
    [
        {"context_length": 100},
        {"context_window": 100},
        {"max_context_length": 100},
        {"max_model_len": 100},
        {"meta": {"n_ctx_train": 100}},
    ],
)
def test_context_has_many_names(item):
    assert models({"id": "m", **item})[0].context == 100


def test_openrouter_tells_limits_and_abilities():
    (model,) = models(
        {
            "id": "a/b",
            "name": "B",
            "top_provider": {"max_completion_tokens": 50},
            "supported_parameters": ["tools", "seed", "structured_outputs"],
            "architecture": {"input_modalities": ["text", "image"]},
        }
    )
    assert (model.name, model.max_output) == ("B", 50)
    assert model.capabilities == ("tools", "structured_output", "vision")


def test_mistral_tells_abilities():
    flags = {"completion_chat": True, "function_calling": True, "vision": False}
    assert models({"id": "m", "capabilities": flags})[0].capabilities == ("chat", "tools")


def test_bare_list_is_a_list():
    found = ADAPTER.parse_models(reply([{"id": "a"}, {"id": "a"}, {"id": ""}, 5]), host())
    assert [model.id for model in found] == ["a"]


@pytest.mark.parametrize("body", [b"<html>", b"{}", b'"x"', b'{"data":{}}'])
def test_what_is_no_list_is_a_server_error(body):
    with pytest.raises(ServerError):
        ADAPTER.parse_models(WireReply(200, {}, body), host())

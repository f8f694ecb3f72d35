import json

import pytest

from providers.adapters.cohere import CohereAdapter
from providers.embedding import EmbeddingRequest
from providers.errors import (
    AuthFailed,
    ContentBlocked,
    ContextTooLong,
    InvalidRequest,
    RateLimited,
    ServerError,
)
from providers.wire import WireReply
from tests.providers.adapters.hosts import host

ADAPTER = CohereAdapter()


def reply(value, status=200, **headers):
    return WireReply(status, headers, json.dumps(value).encode())


def embed(inputs=("a",), **options):
    return ADAPTER.build_embedding(EmbeddingRequest("m", inputs, **options), host())


# --- embeddings -----------------------------------------------------------------------------------


def test_embedding_asks_for_numbers_of_documents():
    wire = embed(("a", "b"), dimensions=256)
    assert wire.path == "/v2/embed"
    assert wire.body == {
        "model": "m",
        "texts": ["a", "b"],
        "input_type": "search_document",
        "embedding_types": ["float"],
        "output_dimension": 256,
    }
    assert [(change.kind, change.what) for change in wire.changes] == [("changed", "task")]


@pytest.mark.parametrize(
    ("task", "word"), [("query", "search_query"), ("similarity", "clustering"), ("image", "image")]
)
def test_task_of_an_embedding_has_cohere_s_word(task, word):
    wire = embed(task=task)
    assert wire.body["input_type"] == word
    assert wire.changes == ()


def test_cohere_s_own_words_are_taken_from_every_dialect():
    extra = {"openai": {"input_type": "search_query", "x": 1}, "cohere": {"embedding_types": []}}
    wire = embed(extra=extra, user="u")
    assert wire.body["input_type"] == "search_query"
    assert wire.body["embedding_types"] == ["float"]
    assert {change.what for change in wire.changes} == {"user", "x", "embedding_types"}


def test_tokens_cannot_be_embedded():
    with pytest.raises(InvalidRequest) as caught:
        embed(((1, 2),))
    assert caught.value.param == "input"


def test_provider_without_embeddings_refuses():
    with pytest.raises(InvalidRequest):
        ADAPTER.build_embedding(EmbeddingRequest("m", ("a",)), host(paths={"embeddings": ""}))


def test_vectors_and_billed_tokens_are_read():
    meta = {"billed_units": {"input_tokens": 3}}
    value = {"id": "e", "embeddings": {"float": [[1, 0.5], [0, 1]]}, "meta": meta}
    response = ADAPTER.parse_embedding(reply(value), host())
    assert response.vectors == ((1.0, 0.5), (0.0, 1.0))
    assert response.usage is not None
    assert response.usage.input_tokens == 3


def test_bare_vectors_are_read():
    response = ADAPTER.parse_embedding(reply({"embeddings": [[1.5]]}), host())
    assert response.vectors == ((1.5,),)
    assert response.usage is None


@pytest.mark.parametrize(
    "said", [None, {}, {"float": []}, {"float": [["x"]]}, {"float": [[]]}, [[1], None]]
)
def test_embedding_without_numbers_is_nonsense(said):
    with pytest.raises(ServerError):
        ADAPTER.parse_embedding(reply({"embeddings": said}), host())


# --- models ---------------------------------------------------------------------------------------


def test_models_tell_what_they_are_for():
    items = [
        {
            "name": "command-a",
            "endpoints": ["chat", "rerank"],
            "context_length": 256000.0,
            "features": ["tools", "vision", "strict_tools"],
        },
        {"name": "embed-v4.0", "endpoints": ["embed"], "context_length": 128000},
        {"name": "rerank-v3.5", "endpoints": ["rerank"]},
        {"name": "old", "endpoints": ["chat"], "is_deprecated": True},
    ]
    chat, embedding, other = ADAPTER.parse_models(reply({"models": items}), host())
    assert (chat.id, chat.kind, chat.context) == ("command-a", "chat", 256000)
    assert chat.capabilities == ("chat", "streaming", "tools", "vision")
    assert (embedding.kind, embedding.capabilities) == ("embedding", ("embeddings",))
    assert other.kind == "other"


def test_models_are_asked_for_in_one_page():
    assert ADAPTER.build_models(host()).path == "/v1/models?page_size=1000"
    with pytest.raises(InvalidRequest):
        ADAPTER.build_models(host(paths={"models": ""}))


def test_answer_without_models_is_nonsense():
    with pytest.raises(ServerError):
        ADAPTER.parse_models(reply({"data": []}), host())


# --- errors ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "value", "kind"),
    [
        (401, {"id": "x", "message": "invalid api token"}, AuthFailed),
        (400, {"message": "too many tokens: …", "error_type": "TOO_MANY_TOKENS"}, ContextTooLong),
        (422, {"message": "all elements in history must have a message"}, InvalidRequest),
        (429, {"message": "You are using a Trial key"}, RateLimited),
        (498, {"message": "blocked"}, ContentBlocked),
        (500, {"message": "internal"}, ServerError),
    ],
)
def test_errors_are_explained(status, value, kind):
    error = ADAPTER.explain(reply(value, status), host())
    assert type(error) is kind
    assert error.upstream_status == status
    assert error.detail
    assert value["message"] in error.detail

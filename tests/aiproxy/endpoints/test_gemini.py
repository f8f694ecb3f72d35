"""What Google's address tells: the model, whether to stream and how, and never the key."""

from __future__ import annotations

import json

import pytest

from tests.sse import frames

BODY = {"contents": [{"role": "user", "parts": [{"text": "What is 2+2?"}]}]}
SANDBOX = "/v1beta/models/sandbox/sandbox"


@pytest.mark.parametrize(
    "path",
    [
        f"{SANDBOX}:generateContent",
        "/v1beta/models/sandbox%2Fsandbox:generateContent",
        "/v1beta/models/sandbox:generateContent",
    ],
)
def test_model_is_found_in_the_address(machine, path):
    answer = machine.post(path, BODY).json()
    assert "4" in answer["candidates"][0]["content"]["parts"][0]["text"]
    assert answer["candidates"][0]["finishReason"] == "STOP"


def test_model_with_a_colon_is_found(machine):
    machine.connect("ollama")
    machine.post("/v1beta/models/ollama/llama3:8b:generateContent", BODY)
    (asked,) = machine.fake.requests
    assert asked.json()["model"] == "llama3:8b"


def test_stream_with_alt_sse_is_events(machine):
    with machine.stream(f"{SANDBOX}:streamGenerateContent?alt=sse", BODY) as response:
        chunks = [json.loads(data) for _, data in frames(response.read())]
    assert response.headers["content-type"].startswith("text/event-stream")
    texts = [c["candidates"][0]["content"]["parts"][0]["text"] for c in chunks]
    assert "4" in "".join(texts)
    assert chunks[-1]["candidates"][0]["finishReason"] == "STOP"
    assert chunks[-1]["usageMetadata"]["totalTokenCount"] > 0


def test_stream_without_it_is_one_array(machine):
    with machine.stream(f"{SANDBOX}:streamGenerateContent", BODY) as response:
        chunks = json.loads(response.read())
    assert response.headers["content-type"].startswith("application/json")
    assert chunks[-1]["candidates"][0]["finishReason"] == "STOP"


@pytest.mark.parametrize("alt", ["", "?alt=sse"])
def test_stream_that_breaks_ends_in_an_error(machine, alt):
    machine.connect("google")
    path = f"/v1beta/models/google/fake-cut-2:streamGenerateContent{alt}"
    with machine.stream(path, BODY) as response:
        content = response.read()
    chunks = [json.loads(data) for _, data in frames(content)] if alt else json.loads(content)
    assert chunks[-1]["error"]["status"] == "INTERNAL"
    assert chunks[-1]["error"]["retryable"] is True


def test_key_in_the_address_is_refused_with_what_to_do(machine):
    path = f"{SANDBOX}:generateContent?key={machine.token}"
    reply = machine.post(path, BODY, headers={"authorization": ""})
    error = reply.json()["error"]
    assert (reply.status_code, error["status"]) == (400, "INVALID_ARGUMENT")
    assert "x-goog-api-key" in error["message"]
    assert machine.token not in reply.text


def test_key_in_googles_header_is_taken(machine):
    headers = {"authorization": "", "x-goog-api-key": machine.token}
    assert machine.post(f"{SANDBOX}:generateContent", BODY, headers=headers).status_code == 200


@pytest.mark.parametrize("path", ["/v1beta/nothing", f"{SANDBOX}:explodeContent"])
def test_unknown_address_is_an_error_of_google(machine, path):
    assert machine.post(path, BODY).json()["error"]["status"] in ("NOT_FOUND", "UNIMPLEMENTED")


def test_single_embedding(machine):
    body = {"content": {"parts": [{"text": "one"}]}, "outputDimensionality": 8}
    reply = machine.post("/v1beta/models/sandbox/sandbox-embed:embedContent", body)
    assert len(reply.json()["embedding"]["values"]) == 8


def test_embeddings_that_differ_in_kind_are_refused(machine):
    one = {"content": {"parts": [{"text": "one"}]}, "taskType": "RETRIEVAL_QUERY"}
    two = {"content": {"parts": [{"text": "two"}]}}
    path = "/v1beta/models/sandbox/sandbox-embed:batchEmbedContents"
    reply = machine.post(path, {"requests": [one, two]})
    assert reply.status_code == 400
    assert "requests[1]" in reply.json()["error"]["message"]


def test_model_list_tells_what_each_can(machine):
    models = machine.get("/v1beta/models").json()["models"]
    methods = {model["name"]: model["supportedGenerationMethods"] for model in models}
    assert "generateContent" in methods["models/sandbox/sandbox"]
    assert "embedContent" in methods["models/sandbox/sandbox-embed"]


def test_unknown_model_is_not_listed(machine):
    assert machine.get("/v1beta/models/sandbox/none").json()["error"]["code"] == 404

"""Calls that go well: through the running server to the sandbox and to a provider on a socket."""

from __future__ import annotations

import json

import pytest

from aiproxy.models import UsageRecord
from tests.sse import frames

CHAT = {"model": "sandbox/sandbox", "messages": [{"role": "user", "content": "Say hello."}]}


def test_native_chat_answers_with_the_names_of_the_product(machine):
    answer = machine.post("/api/ai/chat", CHAT).json()
    assert set(answer) >= {
        "id", "model", "provider", "integrationId", "content", "finishReason", "toolCalls", "choices", "usage", "cost"
    }  # fmt: skip
    assert answer["provider"] == "sandbox"
    assert answer["content"]


def test_a_stream_holds_the_same_text_as_the_whole_answer(machine):
    whole = machine.post("/api/ai/chat", CHAT).json()["content"]
    with machine.stream("/api/ai/chat", {**CHAT, "stream": True}) as response:
        events = frames(response.read())
    assert "".join(json.loads(data)["text"] for name, data in events if name == "text") == whole
    assert events[-1][0] == "end"


def test_an_openai_stream_ends_in_done(machine):
    with machine.stream("/v1/chat/completions", {**CHAT, "stream": True}) as response:
        assert response.read().endswith(b"data: [DONE]\n\n")


def test_an_answer_names_the_request_and_the_integration(machine):
    integration = machine.connect(model="fake-model")
    response = machine.post(
        "/api/ai/chat",
        {"messages": CHAT["messages"]},
        headers={"x-integration-id": str(integration.id)},
    )
    assert (
        response.json()["integrationId"]
        == str(integration.id)
        == response.headers["x-aim-integration"]
    )
    assert response.headers["x-request-id"].startswith("req_")


@pytest.mark.parametrize("provider", ["openai-compatible", "anthropic", "google", "ollama"])
@pytest.mark.parametrize("stream", [False, True])
def test_every_wire_format_answers_an_openai_client(machine, provider, stream):
    machine.connect(provider)
    body = {"model": f"{provider}/fake-model", "messages": CHAT["messages"], "stream": stream}
    if stream:
        with machine.stream("/v1/chat/completions", body) as response:
            chunks = [json.loads(data) for _, data in frames(response.read()) if data != "[DONE]"]
        text = "".join(
            c["choices"][0]["delta"].get("content") or "" for c in chunks if c["choices"]
        )
    else:
        text = machine.post("/v1/chat/completions", body).json()["choices"][0]["message"]["content"]
    assert text
    assert (UsageRecord.objects.get().first_token_ms is not None) == stream


def test_the_provider_gets_the_stored_key_and_not_the_token(machine):
    machine.connect()
    machine.post("/v1/chat/completions", {**CHAT, "model": "openai-compatible/fake-model"})
    (request,) = machine.fake.requests
    assert request.headers["authorization"].startswith("Bearer sk-canary")
    assert machine.token not in str(request.headers)


def test_defaults_of_the_integration_hold_where_the_caller_is_silent(machine):
    machine.connect(
        model="fake-model",
        defaults={"temperature": 0.25, "max_tokens": 77, "system_prompt": "Be brief."},
    )
    machine.post(
        "/v1/chat/completions",
        {**CHAT, "model": "openai-compatible/fake-model", "temperature": 0.5},
    )
    (request,) = machine.fake.requests
    sent = request.json()
    assert (sent["temperature"], sent["max_tokens"]) == (0.5, 77)
    assert sent["messages"][0] == {"role": "system", "content": "Be brief."}


def test_embeddings_give_a_vector_for_each_input(machine):
    answer = machine.post(
        "/v1/embeddings", {"model": "sandbox/sandbox-embed", "input": ["one", "two"]}
    ).json()
    assert [entry["index"] for entry in answer["data"]] == [0, 1]


def test_the_sandbox_tells_the_size_of_a_picture(machine, png):
    body = {"model": "sandbox/sandbox", "prompt": "What is this?", "images": [png(12, 34)]}
    assert "12" in machine.post("/api/ai/vision", body).json()["content"]


def test_models_lists_what_the_token_may_call(machine):
    ids = [entry["id"] for entry in machine.get("/v1/models").json()["data"]]
    assert ids == ["sandbox/sandbox", "sandbox/sandbox-embed"]
    assert machine.get("/v1/models/sandbox/sandbox").json()["id"] == "sandbox/sandbox"


def test_each_call_leaves_one_record_before_its_answer_ends(machine):
    machine.post("/v1/chat/completions", CHAT)
    record = UsageRecord.objects.get()
    assert (record.outcome, record.provider_id, record.model) == ("ok", "sandbox", "sandbox")
    assert record.input_tokens
    assert record.output_tokens
    assert record.cost == 0
    assert record.usage_source == "provider"
    assert record.token
    assert record.token.name == "test"


def test_a_stream_is_recorded_when_its_last_event_arrives(machine):
    with machine.stream("/v1/chat/completions", {**CHAT, "stream": True}) as response:
        for line in response.iter_lines():
            if line == "data: [DONE]":
                assert UsageRecord.objects.get().outcome == "ok"
                break
        else:
            pytest.fail("the stream had no end")


def test_an_unknown_price_is_unpriced_and_not_zero(machine):
    machine.connect()
    machine.post("/v1/chat/completions", {**CHAT, "model": "openai-compatible/fake-model"})
    record = UsageRecord.objects.get()
    assert record.cost is None
    assert record.price_source == ""


def test_steady_state_asks_the_database_nothing(machine, queries_of_server):
    machine.post("/v1/chat/completions", CHAT)
    with queries_of_server() as queries:
        machine.post("/v1/chat/completions", CHAT)
    assert [q for q in queries if q.lstrip().upper().startswith("SELECT")] == []


def test_a_field_whose_name_no_header_may_hold_is_still_reported(machine):
    response = machine.post(
        "/v1/messages", {**CHAT, "max_tokens": 9, "odd\r\nX-Evil: 1\x00 \u6a21": 1}
    )
    assert response.status_code == 200
    assert "odd  X-Evil: 1" in response.headers["x-aim-changes"]
    assert "x-evil" not in response.headers


def test_anthropics_beta_header_reaches_anthropic_only(machine):
    for provider in ("anthropic", "openai-compatible"):
        machine.connect(provider)
        answer = machine.post(
            "/v1/messages",
            {**CHAT, "model": f"{provider}/fake-model", "max_tokens": 9},
            headers={"anthropic-beta": "one-2026, two-2026"},
        )
        assert answer.status_code == 200
    anthropic, other = machine.fake.requests
    assert anthropic.headers["anthropic-beta"] == "one-2026,two-2026"
    assert "anthropic-beta" not in other.headers


def test_azure_deployment_stands_in_the_path_of_its_dated_api(machine):
    machine.connect(
        "azure-openai", fields={"resource": "acme", "api_version": "2024-10-21"}, name="Azure"
    )
    body = {"model": "azure-openai/my-gpt", "messages": [{"role": "user", "content": "Hello"}]}
    assert machine.post("/v1/chat/completions", body).status_code == 200
    (request,) = machine.fake.requests
    assert request.path == "/openai/deployments/my-gpt/chat/completions"
    assert request.query == "api-version=2024-10-21"
    assert "api-key" in request.headers and "authorization" not in request.headers


def test_vertex_project_and_location_stand_in_the_path(machine):
    machine.connect("vertex", fields={"project": "acme-project", "location": "europe-west4"})
    body = {"model": "vertex/gemini-x", "messages": [{"role": "user", "content": "Hello"}]}
    assert machine.post("/v1/chat/completions", body).status_code == 200
    (request,) = machine.fake.requests
    assert request.path == (
        "/v1beta/projects/acme-project/locations/europe-west4/publishers/google"
        "/models/gemini-x:generateContent"
    )
    assert request.headers["authorization"].startswith("Bearer ")


def test_bedrock_answers_in_every_dialect_and_is_billed(machine):
    machine.connect("bedrock")
    model = "bedrock/amazon.nova-micro-v1:0"
    body = {"model": model, "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 100}
    answers = [machine.post(path, body) for path in ("/v1/chat/completions", "/v1/messages")]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert {request.path for request in machine.fake.requests} == {
        "/model/amazon.nova-micro-v1:0/converse"
    }
    record = UsageRecord.objects.latest("pk")
    assert (record.model, record.usage_source) == ("amazon.nova-micro-v1:0", "provider")
    assert record.cost


def test_bedrock_is_not_called_with_a_signature_where_no_region_can_be_told(machine):
    secret = "wJalrXUtnFEMI/K7MDENG"
    machine.connect("bedrock", key=f"AKIAEXAMPLE:{secret}", auth_id="sigv4")
    body = {"model": "bedrock/fake-model", "messages": [{"role": "user", "content": "Hello"}]}
    answer = machine.post("/v1/chat/completions", body)
    assert answer.status_code == 400
    assert secret not in answer.text and "region" in answer.text
    assert machine.fake.requests == []

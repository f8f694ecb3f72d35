"""Counting tokens: by the provider where its format can, else by a documented estimate that says so."""

from __future__ import annotations

import pytest

from aiproxy.models import UsageRecord

MESSAGES = {"messages": [{"role": "user", "content": "What is 2+2?"}]}
CONTENTS = {"contents": [{"role": "user", "parts": [{"text": "What is 2+2?"}]}]}
TOOL = {"name": "f", "input_schema": {"type": "object"}}


@pytest.mark.parametrize("provider", ["anthropic", "google"])
@pytest.mark.parametrize("dialect", ["anthropic", "gemini"])
def test_provider_counts(machine, provider, dialect):
    machine.connect(provider)
    model = f"{provider}/fake-model"
    if dialect == "anthropic":
        reply = machine.post("/v1/messages/count_tokens", {"model": model, **MESSAGES})
        tokens = reply.json()["input_tokens"]
    else:
        reply = machine.post(f"/v1beta/models/{model}:countTokens", CONTENTS)
        tokens = reply.json()["totalTokens"]
    assert tokens > 0
    assert "x-aim-estimated" not in reply.headers
    (asked,) = machine.fake.requests
    assert asked.path.endswith(("/messages/count_tokens", ":countTokens"))
    record = UsageRecord.objects.get()
    assert (record.operation, record.outcome, record.input_tokens) == ("count", "ok", 0)


def test_tools_are_counted_too(machine):
    machine.connect("google")
    body = {"model": "google/fake-model", **MESSAGES, "tools": [TOOL]}
    machine.post("/v1/messages/count_tokens", body)
    (asked,) = machine.fake.requests
    whole = asked.json()["generateContentRequest"]
    assert whole["model"] == "models/fake-model"
    assert whole["tools"][0]["functionDeclarations"][0]["name"] == "f"


def test_counter_gets_no_limit_of_an_answer(machine):
    machine.connect("anthropic")
    body = {"model": "anthropic/fake-model", **MESSAGES, "max_tokens": 5, "temperature": 0.5}
    machine.post("/v1/messages/count_tokens", body)
    (asked,) = machine.fake.requests
    assert asked.json().keys() == {"model", "messages"}


@pytest.mark.parametrize("provider", ["openai-compatible", "ollama"])
def test_estimate_is_a_quarter_of_the_bytes(machine, provider):
    machine.connect(provider)
    model = f"{provider}/fake-model"
    reply = machine.post("/v1/messages/count_tokens", {"model": model, **MESSAGES})
    assert reply.headers["x-aim-estimated"] == "true"
    assert 10 < reply.json()["input_tokens"] < 60
    assert machine.fake.requests == []


def test_wrapped_request_is_counted(machine):
    machine.connect("google")
    body = {"generateContentRequest": {"model": "models/x", **CONTENTS}}
    reply = machine.post("/v1beta/models/google/fake-model:countTokens", body)
    assert reply.json()["totalTokens"] > 0


def test_token_needs_the_scope_of_chats(machine):
    _, text = machine.issue("embeddings")
    body = {"model": "sandbox/sandbox", **MESSAGES}
    assert machine.post("/v1/messages/count_tokens", body, token=text).status_code == 403


def test_unknown_model_is_an_error_in_the_callers_dialect(machine):
    reply = machine.post("/v1beta/models/no-such-model:countTokens", CONTENTS)
    assert reply.json()["error"]["status"] == "NOT_FOUND"


def test_estimate_does_not_hide_that_a_provider_fails(machine):
    """Some clients count before each call, so no two failures would ever follow each other."""
    machine.connect()
    for _ in range(5):
        machine.post("/v1/messages/count_tokens", {"model": "openai-compatible/x", **MESSAGES})
        body = {"model": "openai-compatible/fake-error-500", **MESSAGES}
        machine.post("/v1/chat/completions", body, headers={"X-Aim-Fallback": "sandbox/sandbox"})
    failing = machine.post("/v1/chat/completions", {"model": "openai-compatible/x", **MESSAGES})
    assert (failing.status_code, len(machine.fake.requests)) == (503, 5)

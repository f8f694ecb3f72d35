"""Strict calls: a request that the provider's format cannot carry as it is, is refused before anything is sent."""

from __future__ import annotations

from typing import Any

import pytest

from aiproxy.models import UsageRecord

HELLO = [{"role": "user", "content": "Hello"}]
MODEL = "ollama/fake-model"
PENALTY = {"model": MODEL, "messages": HELLO}
CONTENTS = [{"role": "user", "parts": [{"text": "Hello"}]}]
STRICT = {"X-Aim-Strict": "true"}

# Calls of each dialect that hold something Ollama's format has no word for.
CALLS: dict[str, tuple[str, dict[str, Any]]] = {
    "native": ("/api/ai/chat", {**PENALTY, "n": 2, "user": "ada"}),
    "openai": ("/v1/chat/completions", {**PENALTY, "n": 2, "user": "ada"}),
    "responses": (
        "/v1/responses",
        {"model": MODEL, "input": "Hello", "user": "ada", "truncation": "auto"},
    ),
    "anthropic": (
        "/v1/messages",
        {**PENALTY, "max_tokens": 9, "metadata": {"user_id": "ada"}, "container": "c"},
    ),
    "gemini": (
        f"/v1beta/models/{MODEL}:generateContent",
        {"contents": CONTENTS, "safetySettings": [{}], "generationConfig": {"candidateCount": 2}},
    ),
}


@pytest.mark.parametrize("dialect", CALLS)
def test_strict_call_that_would_be_changed_is_not_sent(machine, dialect):
    machine.connect("ollama")
    path, body = CALLS[dialect]
    reply = machine.post(path, body, headers=STRICT)
    assert reply.status_code == 400
    assert machine.fake.requests == []
    record = UsageRecord.objects.get()
    assert (record.outcome, record.attempts) == ("invalid_request", 0)
    assert len(record.changes) == 2
    message = reply.json()["error"]["message"]
    assert all(change in message for change in record.changes)


@pytest.mark.parametrize("dialect", CALLS)
def test_the_same_call_is_sent_otherwise_and_says_what_was_changed(machine, dialect):
    machine.connect("ollama")
    path, body = CALLS[dialect]
    reply = machine.post(path, body)
    assert reply.status_code == 200
    record = UsageRecord.objects.get()
    assert reply.headers["x-aim-changes"] == "; ".join(record.changes)
    assert len(record.changes) == 2


def test_strict_call_that_fits_is_answered(machine):
    machine.connect("ollama")
    reply = machine.post("/v1/chat/completions", PENALTY, headers=STRICT)
    assert reply.status_code == 200
    assert "x-aim-changes" not in reply.headers


@pytest.mark.parametrize("body", [{"strict": True}, {"options": {"strict": True}}])
def test_native_calls_may_say_it_in_the_body(machine, body):
    machine.connect("ollama")
    reply = machine.post("/api/ai/chat", {**PENALTY, "n": 2, **body})
    assert reply.status_code == 400
    assert machine.fake.requests == []


def test_strict_stream_is_refused_with_a_status(machine):
    machine.connect("ollama")
    reply = machine.post(
        "/v1/chat/completions", {**PENALTY, "n": 2, "stream": True}, headers=STRICT
    )
    assert reply.status_code == 400


def test_strict_embeddings_are_refused(machine):
    machine.connect("ollama")
    body = {"model": "ollama/fake-embed", "input": "one", "user": "ada"}
    assert machine.post("/v1/embeddings", body, headers=STRICT).status_code == 400
    assert machine.post("/v1/embeddings", body).status_code == 200


def test_strict_must_be_true_or_false(machine):
    reply = machine.post("/v1/chat/completions", PENALTY, headers={"X-Aim-Strict": "yes"})
    assert reply.json()["error"]["param"] == "X-Aim-Strict"

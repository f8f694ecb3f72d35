"""Everything that can be wrong with a call: one error object in the caller's dialect, and no secret in it."""

from __future__ import annotations

import json
import socket
from datetime import timedelta
from typing import Any

import httpx
import pytest
from django.utils import timezone

from aiproxy.models import UsageRecord
from integrations.actions import integrations as integration_actions
from integrations.actions import tokens as token_actions
from integrations.audit import Actor
from tests.aiproxy.conftest import KEY
from tests.sse import frames

MESSAGES = [{"role": "user", "content": "Say hello."}]
DIALECTS = {"native": "/api/ai/chat", "openai": "/v1/chat/completions", "anthropic": "/v1/messages"}


def body(model: str, **more: object) -> dict[str, object]:
    return {"model": model, "messages": MESSAGES, "max_tokens": 100, **more}


def body_for(dialect: str, model: str, **more: object) -> dict[str, object]:
    chat = body(model, **more)
    if dialect == "native":
        chat["maxTokens"] = chat.pop("max_tokens")
    return chat


def error_of(dialect: str, response: httpx.Response) -> dict[str, Any]:
    """The error object, checked to be in the dialect's own shape."""
    assert response.headers["content-type"] == "application/json"
    assert response.headers["x-request-id"].startswith("req_")
    answer = response.json()
    if dialect == "anthropic":
        assert answer["type"] == "error"
        assert answer["request_id"] == response.headers["x-request-id"]
    else:
        assert answer["error"]["requestId"] == response.headers["x-request-id"]
    assert answer["error"]["message"].endswith((".", "?"))
    assert KEY not in response.text
    return answer["error"]


@pytest.fixture(params=list(DIALECTS))
def dialect(request):
    return request.param


def test_a_body_that_never_begins_is_not_waited_for(machine, monkeypatch):
    monkeypatch.setattr("aiproxy.endpoints.body.SECONDS", 0.2)
    head = (
        "POST /api/ai/chat HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9\r\n"
        f"authorization: Bearer {machine.token}\r\n\r\n"
    )
    url = httpx.URL(machine.url)
    with socket.create_connection((url.host, url.port or 80), timeout=10) as connection:
        connection.sendall(head.encode())
        assert connection.recv(100).startswith(b"HTTP/1.1 408 ")


def test_malformed_json_says_where_it_broke(machine, dialect):
    response = machine.post(
        DIALECTS[dialect], headers={"content-type": "application/json"}, content=b'{"model": "x", '
    )
    assert response.status_code == 400
    assert "valid JSON" in error_of(dialect, response)["message"]


def test_a_body_over_the_limit_is_refused(machine, dialect):
    response = machine.post(DIALECTS[dialect], content=b" " * 40_000_000)
    assert response.status_code == 413
    assert "32 MiB" in error_of(dialect, response)["message"]


def test_a_body_over_the_limit_is_refused_without_an_announced_length(machine):
    def pieces():
        for _ in range(40):
            yield b" " * 1_000_000

    response = machine.post(DIALECTS["native"], content=pieces())
    assert response.status_code == 413


@pytest.mark.parametrize("depth", [900, 100_000])
def test_a_body_that_is_nested_too_deeply_is_refused(machine, dialect, depth):
    deep = b"[" * depth + b"]" * depth
    content = b'{"model": "sandbox/sandbox", "max_tokens": 9, "messages": %s, "tools": %s}' % (
        json.dumps(MESSAGES).encode(),
        deep,
    )
    response = machine.post(DIALECTS[dialect], content=content)
    assert response.status_code == 400
    error_of(dialect, response)


def test_an_unknown_field_of_our_dialect_is_named(machine):
    response = machine.post(
        "/api/ai/chat", {"model": "sandbox/sandbox", "messages": MESSAGES, "max_tokens": 3}
    )
    message = error_of("native", response)["message"]
    assert response.status_code == 400
    assert "max_tokens" in message
    assert "maxTokens" in message


@pytest.mark.parametrize(
    "field", ["api_base", "base_url", "api_key", "endpoint", "custom_llm_provider"]
)
def test_no_body_chooses_the_destination(machine, dialect, field):
    response = machine.post(
        DIALECTS[dialect], body_for(dialect, "sandbox/sandbox", **{field: "http://127.0.0.1:1/"})
    )
    assert response.status_code == 400
    assert field in error_of(dialect, response)["message"]


def test_wrong_types_name_the_field(machine, dialect):
    response = machine.post(
        DIALECTS[dialect], body_for(dialect, "sandbox/sandbox", temperature="hot")
    )
    assert response.status_code == 400
    assert "temperature" in error_of(dialect, response)["message"]


def test_an_unknown_model_says_how_to_name_one(machine, dialect):
    response = machine.post(DIALECTS[dialect], body_for(dialect, "gpt-unknown"))
    assert response.status_code == 404
    assert "provider/model" in error_of(dialect, response)["message"]


def test_a_disabled_integration_says_so(machine, dialect):
    integration = machine.connect()
    integration_actions.set_enabled(Actor(user_id=machine.user.id), integration, False)
    response = machine.post(DIALECTS[dialect], body_for(dialect, "openai-compatible/fake-model"))
    assert response.status_code == 409
    assert "disabled" in error_of(dialect, response)["message"]


def test_a_mistyped_token_costs_no_query(machine, dialect, queries_of_server):
    machine.post(DIALECTS[dialect], body_for(dialect, "sandbox/sandbox"))
    typo = machine.token[:-1] + ("A" if machine.token[-1] != "A" else "B")
    with queries_of_server() as queries:
        response = machine.post(DIALECTS[dialect], body_for(dialect, "sandbox/sandbox"), token=typo)
    assert response.status_code == 401
    assert queries == []
    error_of(dialect, response)


def test_a_revoked_token_is_refused_at_once_and_costs_no_query(machine, dialect, queries_of_server):
    token, text = machine.issue("chat")
    chat = body_for(dialect, "sandbox/sandbox")
    assert machine.post(DIALECTS[dialect], chat, token=text).status_code == 200
    token_actions.revoke(Actor(user_id=machine.user.id), token)
    with queries_of_server() as queries:
        response = machine.post(DIALECTS[dialect], chat, token=text)
    assert response.status_code == 401
    assert queries == []
    assert "revoked" in error_of(dialect, response)["message"]


def test_an_expired_token_is_refused(machine, dialect):
    token, text = machine.issue("chat")
    type(token).objects.filter(pk=token.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    response = machine.post(DIALECTS[dialect], body_for(dialect, "sandbox/sandbox"), token=text)
    assert response.status_code == 401
    assert "expired" in error_of(dialect, response)["message"]


def test_no_token_says_where_to_get_one(machine, dialect):
    response = httpx.post(
        machine.url + DIALECTS[dialect], json=body_for(dialect, "sandbox/sandbox")
    )
    assert response.status_code == 401
    assert "token" in error_of(dialect, response)["message"]


@pytest.mark.parametrize("header", ["x-api-key", "x-goog-api-key", "api-key"])
def test_a_token_counts_the_same_in_any_key_header(machine, header):
    response = httpx.post(
        machine.url + "/v1/chat/completions",
        json=body("sandbox/sandbox"),
        headers={header: machine.token},
    )
    assert response.status_code == 200


def test_two_different_tokens_are_refused(machine):
    _, other = machine.issue("chat")
    response = machine.post(
        "/v1/chat/completions", body("sandbox/sandbox"), headers={"x-api-key": other}
    )
    assert response.status_code == 400


def test_a_token_without_the_scope_is_refused(machine, dialect):
    _, text = machine.issue("embeddings")
    response = machine.post(DIALECTS[dialect], body_for(dialect, "sandbox/sandbox"), token=text)
    assert response.status_code == 403
    assert "chat" in error_of(dialect, response)["message"]


def test_a_token_for_chosen_integrations_does_not_see_the_others(machine):
    allowed = machine.connect(name="allowed")
    hidden = machine.connect("anthropic", name="hidden")
    _, text = machine.issue("chat", integrations=[allowed])
    for headers, model in (
        ({"x-integration-id": str(hidden.id)}, "m"),
        ({}, "anthropic/fake-model"),
    ):
        response = machine.post("/v1/chat/completions", body(model), token=text, headers=headers)
        assert response.status_code == 404


def test_another_persons_integration_is_not_found(machine, bob):
    theirs = integration_actions.create(
        Actor(user_id=bob.id),
        bob,
        "openai-compatible",
        integration_actions.IntegrationInput(key=KEY, base_url=machine.fake.url + "/v1"),
    )
    response = machine.post(
        "/v1/chat/completions", body("fake-model"), headers={"x-integration-id": str(theirs.id)}
    )
    assert response.status_code == 404
    assert machine.fake.requests == []


UPSTREAM = {
    400: (400, "invalid_request"),
    401: (401, "auth_failed"),
    403: (403, "auth_failed"),
    404: (404, "not_found"),
    429: (429, "rate_limit"),
    500: (502, "server_error"),
    529: (503, "server_error"),
}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("status", list(UPSTREAM))
def test_a_providers_refusal_becomes_our_error(machine, dialect, status, stream):
    machine.connect()
    response = machine.post(
        DIALECTS[dialect],
        body_for(dialect, f"openai-compatible/fake-error-{status}", stream=stream),
    )
    expected_status, code = UPSTREAM[status]
    overloaded = 529 if dialect == "anthropic" else 503  # each dialect's own status for it
    assert response.status_code == (overloaded if status == 529 else expected_status)
    error_of(dialect, response)
    record = UsageRecord.objects.get()
    assert (record.outcome, record.http_status) == (code, expected_status)
    if dialect == "native":
        assert response.json()["error"]["code"] == code
        assert response.json()["error"]["provider"] == "openai-compatible"


def test_the_providers_wait_is_passed_on(machine):
    machine.connect()
    response = machine.post(
        "/v1/chat/completions", body("openai-compatible/fake-error-429-retry-7")
    )
    assert response.headers["retry-after"] == "7"


def test_a_key_echoed_by_the_provider_reaches_nobody(machine, dialect):
    machine.connect(headers={"x-fake-echo-key": "1", "x-fake-status": "401"})
    response = machine.post(DIALECTS[dialect], body_for(dialect, "openai-compatible/fake-model"))
    assert response.status_code == 401
    assert "canary" not in response.text + str(response.headers)
    assert "canary" not in str(UsageRecord.objects.values().get())


def test_html_instead_of_json_is_a_server_error(machine, dialect):
    machine.connect()
    response = machine.post(DIALECTS[dialect], body_for(dialect, "openai-compatible/fake-html"))
    assert response.status_code == 502
    assert "<" not in error_of(dialect, response)["message"]


def test_a_cut_stream_ends_in_an_error_and_never_in_a_false_end(machine, dialect):
    machine.connect()
    with machine.stream(
        DIALECTS[dialect], body_for(dialect, "openai-compatible/fake-cut", stream=True)
    ) as response:
        events = frames(response.read())
    assert "[DONE]" not in [data for _, data in events]
    assert not {"message_stop", "end"} & {name for name, _ in events}
    assert "error" in json.loads(events[-1][1])
    record = UsageRecord.objects.get()
    assert record.outcome == "network_error"
    assert record.usage_source == "estimated"
    assert record.output_tokens > 0


def test_a_silent_provider_times_out(short_timeouts, machine, dialect):
    machine.connect()
    response = machine.post(DIALECTS[dialect], body_for(dialect, "openai-compatible/fake-silence"))
    assert response.status_code == 504
    error_of(dialect, response)


def test_a_provider_that_falls_silent_within_a_stream_ends_it_with_an_error(
    short_timeouts, machine, dialect
):
    machine.connect()
    with machine.stream(
        DIALECTS[dialect], body_for(dialect, "openai-compatible/fake-stall", stream=True)
    ) as response:
        events = frames(response.read())
    assert "error" in json.loads(events[-1][1])
    assert UsageRecord.objects.get().outcome == "timeout"


def test_a_redirect_is_not_followed(machine, dialect):
    machine.connect(headers={"x-fake-redirect": "302"})
    response = machine.post(DIALECTS[dialect], body_for(dialect, "openai-compatible/fake-model"))
    assert response.status_code == 502
    assert "location" not in response.headers
    assert len(machine.fake.requests) == 1


def test_a_wrong_method_says_the_right_one(machine, dialect):
    response = machine.get(DIALECTS[dialect])
    assert response.status_code == 405
    assert "POST" in error_of(dialect, response)["message"]


@pytest.mark.parametrize("path", ["/v1/nothing", "/api/ai/nothing"])
def test_an_unknown_address_answers_json(machine, path):
    response = machine.post(path, {})
    assert response.status_code == 404
    assert response.json()["error"]["requestId"]


def test_headers_echoed_within_a_stream_do_not_reach_the_log(machine, caplog):
    machine.connect(headers={"x-team-pass": "headercanary-0123456789", "x-fake-echo-key": "1"})
    machine.post("/v1/chat/completions", body("openai-compatible/fake-fail-1", stream=True))
    assert "headercanary" not in caplog.text

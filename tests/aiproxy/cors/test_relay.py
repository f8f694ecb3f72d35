"""SECURITY T1, T5, T14, T22 to T27 over real sockets, and what a relayed call leaves behind."""

from __future__ import annotations

import asyncio
import json
import uuid
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import httpx
import pytest

from aiproxy.actions import LimitInput, set_limit
from aiproxy.app import application
from aiproxy.gateway import limits
from aiproxy.models import UsageRecord
from integrations.actions import integrations as integration_actions
from integrations.actions.integrations import IntegrationInput
from integrations.audit import SYSTEM, Actor
from tests.aiproxy.conftest import KEY
from tests.aiproxy.cors.conftest import ORIGIN, Site
from tests.factories import make_integration
from tests.fakes import serve_raw
from tests.waiting import eventually

CHAT = "/api/proxy/openai-compatible/chat/completions"
HELLO = {"model": "sandbox", "messages": [{"role": "user", "content": "Say hello."}]}
PAGE = {"origin": ORIGIN}
CORS = "access-control-allow-origin"


def code_of(response: httpx.Response) -> str:
    return str(response.json()["error"]["code"])


# --- Who may call ---


def test_a_browser_that_asks_for_a_listed_page_is_told_yes(site, subtests):
    for path in (CHAT, "/v1/chat/completions", "/api/ai/chat", "/v1/models", "/v1beta/models"):
        with subtests.test(path):
            response = site.preflight(path)
            assert response.status_code == 204
            assert response.headers[CORS] == ORIGIN
            assert response.headers["access-control-allow-headers"] == "authorization, content-type"
            assert response.headers["vary"] == "Origin"
            assert "access-control-allow-credentials" not in response.headers


def test_any_other_page_is_told_no_and_its_call_is_refused(site, subtests):
    strangers = (
        "null",
        "https://evil.example",
        "https://app.example.com.evil.example",
        "http://app.example.com",
        "https://app.example.com:444",
        "https://App.example.com",
        "https://app.example.com.",
    )
    for origin in strangers:
        with subtests.test(origin):
            asked = site.preflight(CHAT, origin)
            called = site.send(CHAT, json=HELLO, headers={"origin": origin})
            for response in (asked, called):
                assert (response.status_code, code_of(response)) == (403, "auth_failed")
                told = [name for name in response.headers if name.startswith("access-control")]
                assert told == []
    assert site.provider.received == []


def test_asking_costs_no_query(site, queries_of_server):
    site.preflight(CHAT)
    with queries_of_server() as queries:
        assert site.preflight(CHAT).status_code == 204
    assert queries == []


def test_a_page_is_a_stranger_once_its_integration_is_off(site):
    actor = Actor(user_id=site.machine.user.id)
    integration_actions.set_enabled(actor, site.integration, False)
    eventually(lambda: site.preflight(CHAT).status_code == 403)


def test_a_listed_page_without_a_token_learns_why(site):
    response = httpx.post(site.machine.url + CHAT, json=HELLO, headers=PAGE, trust_env=False)
    assert response.status_code == 401
    assert response.headers[CORS] == ORIGIN
    assert code_of(response) == "auth_failed"


def test_a_session_is_no_token(site, client):
    client.force_login(site.machine.user)
    cookies = {name: morsel.value for name, morsel in client.cookies.items()}
    url = site.machine.url + CHAT
    response = httpx.post(url, json=HELLO, headers=PAGE, cookies=cookies, trust_env=False)
    assert response.status_code == 401


def test_a_token_needs_the_scope(site):
    response = site.send(
        CHAT, json=HELLO, headers={"authorization": f"Bearer {site.machine.token}"}
    )
    assert response.status_code == 403
    assert "'proxy'" in response.json()["error"]["message"]
    assert site.provider.received == []


def test_a_page_that_one_integration_allows_is_refused_by_another(site):
    other = site.machine.connect(base_url=f"{site.provider.url}/v1", name="Other")
    headers = {**PAGE, "x-integration-id": str(other.id)}
    response = site.send(CHAT, json=HELLO, headers=headers)
    assert response.status_code == 403
    assert CORS not in response.headers
    by_id = site.send(f"/api/proxy/custom/{other.id}/chat/completions", json=HELLO, headers=PAGE)
    assert by_id.status_code == 403
    assert site.provider.received == []


def test_of_several_integrations_the_one_that_allows_the_page_is_called(site):
    actor = Actor(user_id=site.machine.user.id)
    shut = IntegrationInput(policy={"origins": []})
    integration_actions.edit(actor, site.integration, shut)
    named = site.machine.connect(
        base_url=f"{site.provider.url}/v1", name="Second", policy={"origins": [ORIGIN]}
    )
    response = site.send(CHAT, json=HELLO, headers=PAGE)
    assert response.headers["x-aim-integration"] == str(named.id)


def test_an_integration_of_somebody_else_is_unknown(site, bob):
    theirs = make_integration(bob, "openai-compatible", base_url="https://api.example.com/v1")
    for wanted in (theirs.id, uuid.uuid4()):
        by_id = site.send(f"/api/proxy/custom/{wanted}/chat/completions", json=HELLO)
        by_header = site.send(CHAT, json=HELLO, headers={"x-integration-id": str(wanted)})
        assert by_id.status_code == by_header.status_code == 404
        assert code_of(by_id) == code_of(by_header) == "not_found"


def test_a_token_for_one_integration_reaches_no_other(site):
    other = site.machine.connect(base_url=f"{site.provider.url}/v1", name="Other")
    _, token = site.machine.issue("proxy", integrations=[other])
    headers = {"authorization": f"Bearer {token}"}
    mine = f"/api/proxy/custom/{site.integration.id}/chat/completions"
    assert site.send(mine, json=HELLO, headers=headers).status_code == 404
    answer = site.send(CHAT, json=HELLO, headers=headers)
    assert answer.headers["x-aim-integration"] == str(other.id)


# --- Where it goes ---


ELSEWHERE = [
    ("/api/proxy/evil.example/chat/completions", 400),
    ("/api/proxy/https://evil.example/v1/chat/completions", 400),
    ("/api/proxy/nobody/chat/completions", 404),
    ("/api/proxy/openai/chat/completions", 404),
    ("/api/proxy/custom/not-an-id/chat/completions", 400),
    ("/api/proxy/openai-compatible/organization/users", 403),
    ("/api/proxy/openai-compatible/chat%2Fcompletions", 400),
    ("/api/proxy/openai-compatible/%2e%2e/%2e%2e/chat/completions", 400),
    ("/api/proxy/openai-compatible//chat/completions", 400),
    ("/api/proxy/openai-compatible/..%5cchat/completions", 400),
    (f"{CHAT}?key=x", 400),
    (f"{CHAT}?access_token=x", 400),
    ("/api/proxy/openai-compatible", 404),
]


def test_no_other_destination_can_be_named(site, subtests):
    for path, status in ELSEWHERE:
        with subtests.test(path):
            response = site.send(path, json=HELLO, headers=PAGE)
            assert response.status_code == status
            assert response.json()["error"]["message"]
    assert site.provider.received == []


def test_a_body_that_names_a_destination_goes_to_the_stored_one(site):
    body = {**HELLO, "base_url": "http://127.0.0.1:9", "api_base": "http://127.0.0.1:9"}
    headers = {"x-base-url": "http://127.0.0.1:9", "host": "127.0.0.1"}
    assert site.send(CHAT, json=body, headers=headers).status_code == 200
    (received,) = site.provider.received
    assert received["path"] == "/v1/chat/completions"
    assert received["headers"]["host"] == f"127.0.0.1:{site.provider.port}"


def test_a_redirect_is_not_followed_and_not_told(site, subtests):
    with serve_raw(_silent) as elsewhere:
        site.provider.answer(b"", location=f"{elsewhere.url}/inside")
        for status in (301, 302, 303, 307):  # a fifth failure would open the breaker
            with subtests.test(status=status):
                site.provider.status = status
                response = site.send(CHAT, json=HELLO, headers=PAGE)
                assert response.status_code == 502
                assert "location" not in response.headers
                assert "inside" not in response.text
                assert response.headers[CORS] == ORIGIN
    assert elsewhere.connections == 0


def test_ollama_chats_and_is_not_managed(site):
    site.machine.connect("ollama", base_url=site.provider.url, name="Local", key="")
    for path in ("pull", "push", "create", "copy", "delete"):
        assert site.send(f"/api/proxy/ollama/api/{path}", json=HELLO).status_code == 403
    assert site.send("/api/proxy/ollama/api/chat", json=HELLO).status_code == 200
    assert [received["path"] for received in site.provider.received] == ["/api/chat"]


def test_other_methods_are_not_carried(site):
    methods = ("DELETE", "PUT", "PATCH", "OPTIONS")
    assert [site.send(CHAT, method).status_code for method in methods] == [405] * 4
    assert site.provider.received == []


def test_an_endless_body_is_not_carried(site, settings):
    settings.AIM_MAX_BODY_BYTES = 1000
    response = site.send(CHAT, content=b"x" * 1001, headers=PAGE)
    assert response.status_code == 413
    assert response.headers[CORS] == ORIGIN


# --- What goes ---


def test_of_forty_headers_only_the_list_goes_on(site):
    site.provider.headers["x-seen"] = "1"
    forty = {f"x-own-{number}": "canary-header" for number in range(40)}
    headers = {
        **forty,
        **PAGE,
        "content-type": "application/json",
        "accept": "application/json",
        "openai-beta": "assistants=v2",
        "openai-organization": "org-canary-header",
        "cookie": "session=canary-header",
        "x-forwarded-for": "canary-header",
        "x-forwarded-host": "canary-header",
        "referer": "https://app.example.com/canary-header",
        "te": "trailers",
        "user-agent": "canary-header",
        "accept-encoding": "gzip, br",
    }
    assert site.send(CHAT, content=json.dumps(HELLO), headers=headers).status_code == 200
    (received,) = site.provider.received
    assert received["headers"] == {
        "host": f"127.0.0.1:{site.provider.port}",
        "user-agent": "ai-integration-marketplace",
        "accept": "application/json",
        "accept-encoding": "identity",
        "authorization": f"Bearer {KEY}",
        "content-type": "application/json",
        "openai-beta": "assistants=v2",
        "content-length": str(len(json.dumps(HELLO))),
    }
    assert site.token not in str(received)


def test_bytes_of_a_form_go_on_as_they_are(site):
    body = b'--b\r\nContent-Disposition: form-data; name="file"\r\n\r\n\x00\xff\x80\r\n--b--\r\n'
    site.send(
        "/api/proxy/openai-compatible/audio/transcriptions?language=de",
        content=body,
        headers={"content-type": "multipart/form-data; boundary=b"},
    )
    (received,) = site.provider.received
    assert (received["path"], received["query"]) == ("/v1/audio/transcriptions", "language=de")
    assert received["body"] == body
    assert received["headers"]["content-type"] == "multipart/form-data; boundary=b"


def test_a_list_is_asked_for_without_a_body(site):
    site.provider.answer(b'{"data": []}')
    answer = site.send("/api/proxy/openai-compatible/models", "GET", headers=PAGE)
    assert (answer.status_code, answer.json()) == (200, {"data": []})
    (received,) = site.provider.received
    assert (received["method"], received["body"]) == ("GET", b"")
    assert "content-type" not in received["headers"]


# --- What comes back ---


def test_an_answer_comes_as_the_provider_gave_it(site):
    site.provider.answer(b'{"own": "format"}', **{"x-request-id": "theirs", "retry-after": "7"})
    response = site.send(CHAT, json=HELLO, headers=PAGE)
    assert response.content == b'{"own": "format"}'
    assert response.headers["content-type"] == "application/json"
    assert response.headers["x-provider-request-id"] == "theirs"
    assert response.headers["retry-after"] == "7"
    assert response.headers[CORS] == ORIGIN
    exposed = response.headers["access-control-expose-headers"].split(", ")
    assert {"x-request-id", "retry-after", "x-aim-provider"} <= set(exposed)


def test_nothing_that_acts_on_a_browser_comes_back(site):
    site.provider.answer(
        b"{}",
        **{
            "set-cookie": "sessionid=evil",
            "location": "https://evil.example",
            "access-control-allow-origin": "*",
            "access-control-allow-credentials": "true",
            "clear-site-data": '"*"',
            "strict-transport-security": "max-age=1",
            "link": "<https://evil.example>; rel=preload",
            "refresh": "0; url=https://evil.example",
        },
    )
    response = site.send(CHAT, json=HELLO, headers=PAGE)
    assert "evil" not in str(response.headers)
    assert response.headers[CORS] == ORIGIN
    for name in ("set-cookie", "clear-site-data", "strict-transport-security", "link", "refresh"):
        assert name not in response.headers
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["content-security-policy"] == "sandbox; default-src 'none'"
    assert response.headers["cross-origin-resource-policy"] == "same-origin"


@pytest.mark.parametrize("status", [200, 500])
def test_a_page_of_the_provider_is_a_download(site, status):
    site.provider.status = status
    site.provider.answer(b"<script>evil()</script>", "text/html; charset=utf-8")
    response = site.send(CHAT, json=HELLO, headers=PAGE)
    assert response.status_code == status
    assert response.headers["content-type"] == "application/octet-stream"
    assert response.headers["content-disposition"] == "attachment"
    assert response.content == b"<script>evil()</script>"


@pytest.mark.parametrize("status", [200, 201, 401, 429, 500])
def test_the_key_is_blacked_out_wherever_the_provider_repeats_it(site, status):
    site.provider.status = status
    body = json.dumps({"error": f"Bad key {KEY}", "token": "ok"}).encode()
    half = body.index(KEY.encode()) + 10
    site.provider.answer(b"", **{"x-request-id": KEY, "x-ratelimit-limit": f"Bearer {KEY}"})
    site.provider.pieces = [body[:half], body[half:]]
    response = site.send(CHAT, json=HELLO, headers=PAGE)
    assert response.status_code == status
    assert response.json() == {"error": "Bad key ****", "token": "ok"}
    assert KEY not in str(response.headers)
    record = UsageRecord.objects.get()
    assert KEY not in f"{record.message}{record.journey}"


def test_events_pass_as_they_are(site):
    stream = [b'data: {"one": 1}\n\n', b'data: {"t', b'wo": 2}\n\ndata: [DONE]\n\n']
    site.provider.headers = {"content-type": "text/event-stream; charset=utf-8"}
    site.provider.pieces = stream
    response = site.send(CHAT, json={**HELLO, "stream": True}, headers=PAGE)
    assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert response.content == b"".join(stream)


def test_an_event_passes_before_the_next_is_there(site):
    machine = site.machine
    integration = machine.connect(name="Fake")
    path = f"/api/proxy/custom/{integration.id}/chat/completions"
    headers = {"authorization": f"Bearer {site.token}"}
    body = {**HELLO, "model": "fake-stall", "stream": True}
    with httpx.stream(
        "POST", machine.url + path, json=body, headers=headers, trust_env=False
    ) as response:
        assert next(response.iter_lines()).startswith("data: ")
        (request,) = machine.fake.requests
        assert request.outcome == ""


# --- How it ends, and what it leaves ---


def test_a_chat_is_billed_by_what_the_provider_says(site):
    used = {"prompt_tokens": 12, "completion_tokens": 3, "total_tokens": 15}
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": "Hi"},
        "finish_reason": "stop",
    }
    body = {"id": "x", "model": "gpt-x-2026", "choices": [choice], "usage": used}
    site.provider.answer(json.dumps(body).encode())
    assert site.send(CHAT, json=HELLO).json() == body
    record = UsageRecord.objects.get()
    assert (record.operation, record.dialect, record.outcome) == ("relay", "relay", "ok")
    assert (record.input_tokens, record.output_tokens, record.usage_source) == (12, 3, "provider")
    assert (record.requested_model, record.model, record.attempts) == ("sandbox", "gpt-x-2026", 1)
    assert (record.integration_id, record.owner_id) == (site.integration.id, site.machine.user.id)
    assert record.cost is None
    assert record.token is not None and record.token.name == "app"


def test_a_stream_is_billed_too_and_says_when_it_began(site):
    integration = site.machine.connect("ollama", name="Fake")
    path = f"/api/proxy/custom/{integration.id}/api/chat"
    response = site.send(path, json=HELLO)
    assert json.loads(response.text.splitlines()[-1])["done"] is True
    record = UsageRecord.objects.get()
    assert record.usage_source == "provider"
    assert record.input_tokens > 0 and record.output_tokens > 0
    assert record.stream and record.first_token_ms is not None
    assert record.cost == Decimal(0)  # a local server's calls are free, and that is known


def test_what_nobody_can_count_is_unknown_and_not_zero(site):
    site.provider.answer(b"\xff\xfb\x90", "audio/mpeg")
    answer = site.send("/api/proxy/openai-compatible/audio/speech", json={"model": "tts-1"})
    assert answer.content == b"\xff\xfb\x90"
    record = UsageRecord.objects.get()
    assert (record.outcome, record.model, record.usage_source) == ("ok", "tts-1", "none")
    assert (record.cost, record.price_source) == (None, "")


def test_an_answer_of_another_shape_is_passed_on_and_not_billed(site):
    site.provider.answer(b'{"surprise": true}')
    assert site.send(CHAT, json=HELLO).json() == {"surprise": True}
    record = UsageRecord.objects.get()
    assert (record.outcome, record.usage_source, record.cost) == ("ok", "none", None)


def test_a_refusal_is_passed_on_once_and_recorded_as_one(site):
    site.provider.status = 429
    site.provider.answer(b'{"error": {"message": "slow down"}}', **{"retry-after": "0"})
    response = site.send(CHAT, json=HELLO)
    assert (response.status_code, response.json()["error"]["message"]) == (429, "slow down")
    assert len(site.provider.received) == 1
    record = UsageRecord.objects.get()
    assert (record.outcome, record.attempts) == ("rate_limit", 1)


def test_a_call_with_a_key_is_carried_once_for_the_page_that_made_it(site):
    key = {"idempotency-key": "one"}
    site.provider.answer(b"\x89PNG", "image/png")
    path = "/api/proxy/openai-compatible/images/generations"
    first, again = (site.send(path, json=HELLO, headers=PAGE | key) for _ in range(2))
    assert first.content == again.content == b"\x89PNG"
    assert again.headers["idempotency-replayed"] == "true"
    assert first.headers[CORS] == again.headers[CORS] == ORIGIN
    assert again.headers["content-security-policy"] == "sandbox; default-src 'none'"
    assert len(site.provider.received) == 1
    # Kept for a program, and asked for again by a page that could not have made the call.
    body = {**HELLO, "model": "sandbox/sandbox"}
    key = {"idempotency-key": "two"}
    site.send("/v1/chat/completions", json=body, headers=key)
    read = site.send("/v1/chat/completions", json=body, headers=PAGE | key)
    assert read.headers["idempotency-replayed"] == "true"
    assert CORS not in read.headers


def test_a_caller_says_how_long_it_waits(site):
    integration = site.machine.connect(name="Fake")
    path = f"/api/proxy/custom/{integration.id}/chat/completions"
    body = {**HELLO, "model": "fake-silence"}
    response = site.send(path, json=body, headers={"x-aim-timeout": "0.2"})
    assert (response.status_code, code_of(response)) == (504, "timeout")


def test_a_page_hears_nothing_before_it_is_known_whether_it_may(site, settings):
    settings.AIM_KEEPALIVE_SECONDS = 0.05
    shut = site.machine.connect(name="Fake")
    headers = {**PAGE, "x-integration-id": str(shut.id)}
    body = {**HELLO, "model": "fake-slow-300", "stream": True}
    response = site.send("/v1/chat/completions", json=body, headers=headers)
    assert response.status_code == 200
    assert CORS not in response.headers


def test_failures_open_the_breaker(site):
    site.provider.status = 503
    for _ in range(5):
        assert site.send(CHAT, json=HELLO).status_code == 503
    response = site.send(CHAT, json=HELLO, headers=PAGE)
    assert "failed several times in a row" in response.json()["error"]["message"]
    assert response.headers[CORS] == ORIGIN
    assert len(site.provider.received) == 5


def test_good_answers_close_it_again(site):
    gateway = application.gateway
    assert gateway
    breaker = gateway.guards.breakers.of(site.integration.id)
    breaker.failures = 4
    site.send(CHAT, json=HELLO)
    assert breaker.failures == 0


def test_a_provider_that_is_away_is_an_error_a_page_can_read(site, allow_private):
    allow_private("127.0.0.1:9")
    gone = site.machine.connect(
        base_url="http://127.0.0.1:9/v1", name="Gone", policy={"origins": [ORIGIN]}
    )
    path = f"/api/proxy/custom/{gone.id}/chat/completions"
    response = site.send(path, json=HELLO, headers=PAGE)
    assert (response.status_code, code_of(response)) == (502, "network_error")
    assert response.headers[CORS] == ORIGIN
    assert UsageRecord.objects.get().outcome == "network_error"


def test_an_answer_that_breaks_off_does_not_look_whole(site):
    integration = site.machine.connect(name="Fake")
    path = f"/api/proxy/custom/{integration.id}/chat/completions"
    with pytest.raises(httpx.RemoteProtocolError):
        site.send(path, json={**HELLO, "model": "fake-cut", "stream": True})
    eventually(lambda: UsageRecord.objects.exists())
    record = UsageRecord.objects.get()
    assert (record.outcome, record.usage_source) == ("network_error", "estimated")


def test_leaving_ends_the_providers_call_at_once(site):
    integration = site.machine.connect(name="Fake")
    url = f"{site.machine.url}/api/proxy/custom/{integration.id}/chat/completions"
    headers = {"authorization": f"Bearer {site.token}"}
    body = {**HELLO, "model": "fake-stall", "stream": True}
    with httpx.stream("POST", url, json=body, headers=headers, trust_env=False) as response:
        next(response.iter_lines())
    eventually(lambda: site.machine.fake.disconnects == 1)
    eventually(lambda: UsageRecord.objects.filter(outcome="cancelled").count() == 1)


async def _steady(line):
    """Longer than the idle deadline in all, and never as long in between."""
    await line.send(
        b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"
    )
    for _ in range(8):
        await line.send(b": still here\n\n")
        await asyncio.sleep(0.06)
    await line.send(b"data: [DONE]\n\n")


async def _silent(line):
    await line.send(
        b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
        b"9\r\ndata: 1\n\n\r\n"
    )
    await line.silence()


@pytest.fixture
def scripted(short_timeouts: None, site: Site, allow_private):
    """``scripted(script)`` is a context that gives the address of an integration whose provider follows it."""

    def at(port: int) -> str:
        allow_private(f"127.0.0.1:{port}")
        made = site.machine.connect(base_url=f"http://127.0.0.1:{port}/v1", name=f"At {port}")
        return f"/api/proxy/custom/{made.id}/chat/completions"

    return at


def test_a_slow_stream_that_lives_is_not_cut(scripted, site):
    with serve_raw(_steady) as server:
        response = site.send(scripted(server.port), json={**HELLO, "stream": True})
    assert response.text.endswith("data: [DONE]\n\n")


def test_a_stream_that_stands_still_is_cut(scripted, site):
    with serve_raw(_silent) as server:
        with pytest.raises(httpx.RemoteProtocolError):
            site.send(scripted(server.port), json={**HELLO, "stream": True})
        eventually(lambda: server.closed == 1)
    assert UsageRecord.objects.get().outcome == "timeout"


def test_steady_state_asks_the_database_nothing(site, queries_of_server):
    site.send(CHAT, json=HELLO)
    with queries_of_server() as queries:
        site.send(CHAT, json=HELLO)
    assert [q for q in queries if q.lstrip().upper().startswith("SELECT")] == []


def test_the_sandbox_answers_without_a_key(site):
    response = site.send("/api/proxy/sandbox/chat/completions", json=HELLO)
    assert response.json()["object"] == "chat.completion"
    assert UsageRecord.objects.get().cost == 0


# --- Pages on the other machine addresses ---


@pytest.mark.parametrize("stream", [False, True])
def test_a_page_may_read_what_an_integration_that_allows_it_answers(site, stream):
    integration = site.machine.connect(name="Fake", policy={"origins": [ORIGIN]})
    headers = {**PAGE, "x-integration-id": str(integration.id)}
    body = {**HELLO, "stream": stream}
    response = site.send("/v1/chat/completions", json=body, headers=headers)
    assert response.status_code == 200
    assert response.headers[CORS] == ORIGIN
    assert "x-aim-provider" in response.headers["access-control-expose-headers"]


def test_a_page_may_not_read_what_another_answers(site):
    body = {**HELLO, "model": "sandbox/sandbox"}
    response = site.send("/v1/chat/completions", json=body, headers=PAGE)
    assert response.status_code == 200
    assert CORS not in response.headers


def test_a_page_may_read_errors_and_lists(site):
    assert site.send("/v1/models", "GET", headers=PAGE).headers[CORS] == ORIGIN
    refused = site.send("/v1/chat/completions", json={}, headers=PAGE)
    assert (refused.status_code, refused.headers[CORS]) == (400, ORIGIN)


def test_a_program_that_is_no_page_sees_no_difference(site):
    response = site.send("/v1/chat/completions", json={**HELLO, "model": "sandbox/sandbox"})
    assert [name for name in response.headers if name in ("vary", CORS)] == []


# --- Limits ---


def limit(site: Site, **values: Any) -> None:
    set_limit(SYSTEM, site.machine.user, LimitInput(**values), site.machine.user)


def used(site: Site) -> dict[str, int | Decimal]:
    return {
        fill.name: fill.used
        for some in limits.fills(site.machine.user.pk).values()
        for fill in some
    }


def test_a_relayed_call_waits_for_a_limit_of_its_integration(site):
    fake = site.machine.connect(name="Fake")
    limit(site, kind="integration", integration_id=fake.pk, concurrent=1, queue_seconds=10)
    path, body = (
        f"/api/proxy/custom/{fake.pk}/chat/completions",
        {**HELLO, "model": "fake-slow-200"},
    )
    with ThreadPoolExecutor(3) as pool:
        answers = list(pool.map(lambda _: site.send(path, json=body), range(3)))
    assert [answer.status_code for answer in answers] == [200] * 3
    assert UsageRecord.objects.filter(queued_ms__gt=0).count() == 2


def test_what_nobody_can_read_uses_up_what_was_held_back_for_it(site):
    openai = site.machine.connect("openai", base_url=f"{site.provider.url}/v1")
    limit(site, tokens_per_day=2_500, money_per_day=Decimal(1))
    path = f"/api/proxy/custom/{openai.pk}/completions"
    answers = [site.send(path, json={"model": "gpt-4o-mini", "prompt": "Hi"}) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 402]
    assert used(site)["tokens_per_day"] > 2_000
    assert used(site)["money_per_day"] > 0
    assert set(UsageRecord.objects.values_list("usage_source", flat=True)) == {"none"}


def test_a_refusal_of_the_provider_gives_back_what_was_held(site):
    limit(site, tokens_per_day=2_500, concurrent=1)
    site.provider.status = 400
    assert site.send("/api/proxy/openai-compatible/completions", json=HELLO).status_code == 400
    assert used(site) == {"tokens_per_day": 0, "concurrent": 0}


def test_a_list_is_read_whatever_is_left_of_a_budget(site):
    limit(site, tokens_per_day=1, money_per_day=Decimal("0.000001"))
    answer = site.send("/api/proxy/openai-compatible/models", "GET")
    assert (answer.status_code, answer.content) == (200, b"{}")
    assert used(site) == {"tokens_per_day": 0, "money_per_day": 0}

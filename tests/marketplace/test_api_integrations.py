"""/api/integrations."""

import json
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from integrations import credentials
from integrations.models import AuditEvent, Integration
from providers.rate_limits import Allowance, RateLimitState
from tests.factories import make_integration, make_token
from tests.fakes import serve_fake
from tests.providers.adapters.custom_mappings import MAPPING

KEY = "sk-canary-0123456789abcd"
NAMES = {
    "id", "providerId", "providerName", "name", "apiKey", "apiKeyType", "authId", "baseUrl", "fields", "model",
    "models", "defaults", "headers", "enabled", "disabledAt", "status", "testResult", "testMessage", "testedAt",
    "rateLimit", "lastUsed", "createdAt", "updatedAt", "metadata", "mapping",
    "policy",
}  # fmt: skip


def send(client, method, path, body=None, **options):
    if method == "get":
        return client.get(path, **options)
    body = json.dumps(body or {})
    return getattr(client, method)(path, body, content_type="application/json", **options)


def post(client, path, body=None, **options):
    return send(client, "post", path, body, **options)


def put(client, path, body, **options):
    return send(client, "put", path, body, **options)


def url(integration, tail=""):
    return f"/api/integrations/{integration.pk}{tail}"


@pytest.fixture
def openai(alice):
    return make_integration(alice, "openai", key=KEY, name="Work")


@pytest.fixture
def sandbox(alice):
    return Integration.objects.get(owner=alice, provider_id="sandbox")


# --- Reading ---


def test_list_holds_mine_and_nobody_elses(alice_client, openai, bob):
    make_integration(bob, "openai", name="Bob's")
    found = alice_client.get("/api/integrations").json()
    assert [one["name"] for one in found] == ["Sandbox", "Work"]


def test_rate_limit_is_what_the_provider_said_last(alice_client, openai):
    assert alice_client.get(url(openai)).json()["rateLimit"] is None
    at = datetime(2026, 11, 20, 12, tzinfo=UTC)
    openai.rate_limit = RateLimitState(at, Allowance(60, 59, at + timedelta(seconds=5))).to_json()
    openai.save()
    assert alice_client.get(url(openai)).json()["rateLimit"] == {
        "at": "2026-11-20T12:00:00Z",
        "requests": {"limit": 60, "remaining": 59, "resetAt": "2026-11-20T12:00:05Z"},
        "tokens": None,
    }


def test_new_key_forgets_the_limits_of_the_old_one(alice_client, openai):
    openai.rate_limit = RateLimitState(datetime.now(UTC), Allowance(60, 59)).to_json()
    openai.save()
    put(alice_client, url(openai), {"apiKey": "sk-another-0123456789"})
    assert alice_client.get(url(openai)).json()["rateLimit"] is None


def test_names_are_those_of_the_product(alice_client, openai):
    assert set(alice_client.get(url(openai)).json()) == NAMES


def test_key_is_shown_by_its_last_four_only(alice_client, openai):
    response = alice_client.get(url(openai))
    assert response.json()["apiKey"] == "****abcd"
    assert KEY not in response.text


@pytest.mark.parametrize(
    ("method", "tail"),
    [("get", ""), ("put", ""), ("delete", ""), ("post", "/test"), ("get", "/models")],
)
def test_stranger_gets_404(carol_client, openai, method, tail):
    response = send(carol_client, method, url(openai, tail))
    assert response.status_code == 404
    assert response.json()["error"]["code"] == "not_found"
    assert Integration.objects.filter(pk=openai.pk).exists()


def test_unknown_id_and_another_persons_read_the_same(carol_client, openai):
    other = "/api/integrations/00000000-0000-4000-8000-000000000000"
    answers = [carol_client.get(path).json()["error"] for path in (url(openai), other)]
    for answer in answers:
        del answer["requestId"]
    assert answers[0] == answers[1]


# --- Writing ---


def test_create_stores_the_key_sealed(alice_client, alice):
    response = post(alice_client, "/api/integrations", {"providerId": "openai", "apiKey": KEY})
    assert response.status_code == 201
    assert response.json()["name"] == "OpenAI"
    assert response.json()["status"] == "connected"
    row = Integration.objects.get(pk=response.json()["id"])
    assert row.owner == alice
    assert KEY not in row.sealed_key
    assert credentials.reveal(row).plain() == KEY


def test_everything_can_be_set_at_once(alice_client):
    given = {
        "providerId": "openai", "apiKey": KEY, "name": "Work", "model": "gpt-x", "models": ["gpt-x"],
        "defaults": {"temperature": 0.5, "maxTokens": 100, "topP": 0.9, "systemPrompt": "Be brief."},
        "headers": {"X-Team": "canary-value"}, "metadata": {"team": "a"}, "enabled": False,
    }  # fmt: skip
    response = post(alice_client, "/api/integrations", given)
    shown = response.json()
    assert shown["defaults"] == given["defaults"]
    assert shown["headers"] == ["X-Team"]
    assert "canary-value" not in response.text
    assert (shown["enabled"], shown["status"]) == (False, "disabled")
    assert shown["metadata"] == {"team": "a"}


def test_only_what_is_given_changes(alice_client, openai):
    shown = put(alice_client, url(openai), {"model": "gpt-y"}).json()
    assert (shown["model"], shown["name"], shown["apiKey"]) == ("gpt-y", "Work", "****abcd")


@pytest.mark.parametrize("key", ["", "****abcd"])
def test_empty_or_masked_key_keeps_the_stored_one(alice_client, openai, key):
    put(alice_client, url(openai), {"apiKey": key})
    openai.refresh_from_db()
    assert credentials.reveal(openai).plain() == KEY


def test_new_key_replaces_the_old_one(alice_client, openai):
    assert (
        put(alice_client, url(openai), {"apiKey": "sk-another-0123456789"}).json()["apiKey"]
        == "****6789"
    )


def test_new_origin_drops_the_key(alice_client, openai):
    shown = put(alice_client, url(openai), {"baseUrl": "https://other.example/v1"}).json()
    assert (shown["apiKey"], shown["status"]) == ("", "needs_attention")


def test_delete_is_for_good(alice_client, openai):
    assert alice_client.delete(url(openai)).status_code == 204
    assert alice_client.get(url(openai)).status_code == 404


def test_audit_knows_who_and_from_where(alice_client, alice, openai):
    response = put(alice_client, url(openai), {"model": "gpt-y"})
    event = AuditEvent.objects.latest("at")
    assert (event.actor_id, event.action) == (alice.pk, "integration.edited")
    assert event.request_id == response["X-Request-Id"]
    assert event.ip == "127.0.0.1"


# --- What is refused ---


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "providerId"),
        ({"providerId": "openai"}, "apiKey"),
        ({"providerId": "no-such"}, "providerId"),
        ({"providerId": "openai", "apiKey": KEY, "apiBase": "https://evil.example"}, "apiBase"),
        ({"providerId": "openai", "apiKey": 12}, "apiKey"),
        ({"providerId": "openai", "apiKey": KEY, "baseUrl": "http://169.254.169.254"}, "baseUrl"),
        ({"providerId": "openai", "apiKey": KEY, "defaults": {"topP": 7}}, "defaults.topP"),
        ({"providerId": "openai", "apiKey": KEY, "defaults": {"top_p": 1}}, "defaults.top_p"),
        (
            {"providerId": "openai", "apiKey": KEY, "headers": {"Authorization": "x"}},
            "headers.Authorization",
        ),
    ],
)
def test_bad_input_names_its_field(alice_client, body, param):
    response = post(alice_client, "/api/integrations", body)
    assert response.status_code == 400
    error = response.json()["error"]
    assert error["code"] == "invalid_request"
    assert error["param"] == param
    assert error["fields"][param]
    assert error["requestId"] == response["X-Request-Id"]
    assert KEY not in response.text


def test_name_twice_is_refused(alice_client, openai):
    body = {"providerId": "openai", "apiKey": KEY, "name": "Work"}
    assert post(alice_client, "/api/integrations", body).json()["error"]["param"] == "name"


@pytest.mark.parametrize("body", ["{", "[]", "null", '"x"', ""])
def test_what_is_no_object_is_refused(alice_client, body):
    response = alice_client.post("/api/integrations", body, content_type="application/json")
    assert response.status_code == 400
    assert response.json()["error"]["code"] == "invalid_request"


def test_deep_nesting_is_refused(alice_client):
    deep = '{"metadata":' + '{"a":' * 50_000 + "1" + "}" * 50_000 + "}"
    response = alice_client.post("/api/integrations", deep, content_type="application/json")
    assert response.status_code == 400


def test_malformed_id_is_refused(alice_client):
    assert alice_client.get("/api/integrations/not-a-uuid").status_code in (400, 404)


# --- Testing ---


def test_test_of_a_stored_integration_is_kept(alice_client, sandbox):
    response = post(alice_client, url(sandbox, "/test"))
    assert response.status_code == 200, response.text
    assert response.json()["result"] == "ok"
    assert response.json()["message"]
    sandbox.refresh_from_db()
    assert sandbox.test_result == "ok"


def test_test_before_saving_stores_nothing(alice_client, alice):
    before = Integration.objects.count()
    response = post(alice_client, "/api/integrations/test", {"providerId": "sandbox"})
    assert response.json()["result"] == "ok"
    assert Integration.objects.count() == before


def test_stored_key_is_tested_at_its_own_origin_only(alice_client, openai, allow_private):
    with serve_fake() as fake:
        allow_private(f"127.0.0.1:{fake.port}")
        body = {"integrationId": str(openai.pk), "baseUrl": f"{fake.url}/v1"}
        assert post(alice_client, "/api/integrations/test", body).status_code == 200
        assert KEY not in repr([(one.path, one.headers) for one in fake.requests])


def test_test_of_another_persons_integration_is_404(carol_client, openai):
    response = post(carol_client, "/api/integrations/test", {"integrationId": str(openai.pk)})
    assert response.status_code == 404


def test_test_needs_a_provider(alice_client):
    response = post(alice_client, "/api/integrations/test", {})
    assert response.json()["error"]["param"] == "providerId"


def test_tests_are_limited(alice_client, sandbox):
    with time_machine.travel(timezone.now(), tick=False):  # all in one minute of the counter's
        answers = [post(alice_client, url(sandbox, "/test")) for _ in range(31)]
    assert answers[29].status_code == 200
    assert answers[30].status_code == 429
    assert int(answers[30]["Retry-After"]) > 0
    assert answers[30].json()["error"]["retryAfter"] > 0


def test_models_come_from_the_provider(alice_client, sandbox):
    answer = alice_client.get(url(sandbox, "/models")).json()
    assert answer["source"] == "provider"
    assert "sandbox" in {model["id"] for model in answer["models"]}


def test_models_come_from_the_catalogue_when_the_provider_is_away(
    alice_client, alice, allow_private
):
    # Discard's port: nothing listens there.
    allow_private("127.0.0.1:9")
    away = make_integration(alice, "openai", key=KEY, base_url="http://127.0.0.1:9/v1", name="Away")
    answer = alice_client.get(url(away, "/models")).json()
    assert answer["source"] == "catalogue"
    assert answer["models"]


# --- Tokens as callers ---


def bearer(owner, *scopes, **options):
    _, text = make_token(owner, scopes=scopes, **options)
    return Client(headers={"Authorization": f"Bearer {text}"})


def test_token_with_the_scope_may_read(alice, openai):
    assert bearer(alice, "integrations:read").get(url(openai)).status_code == 200


def test_token_without_the_scope_may_not(alice, openai):
    client = bearer(alice, "integrations:read", "chat")
    response = put(client, url(openai), {"name": "x"})
    assert response.status_code == 403
    assert "integrations:write" in response.json()["error"]["message"]


def test_token_may_write_and_is_named_in_the_audit(alice):
    token, text = make_token(alice, scopes=("integrations:write",))
    client = Client(headers={"x-api-key": text}, enforce_csrf_checks=True)
    assert (
        post(client, "/api/integrations", {"providerId": "openai", "apiKey": KEY}).status_code
        == 201
    )
    assert AuditEvent.objects.latest("at").token_id == token.pk


def test_restricted_token_sees_its_integrations_only(alice, openai, sandbox):
    client = bearer(alice, "integrations:read", "integrations:write", integrations=[openai])
    assert [one["name"] for one in client.get("/api/integrations").json()] == ["Work"]
    assert client.get(url(sandbox)).status_code == 404
    assert client.delete(url(sandbox)).status_code == 404
    assert (
        post(client, "/api/integrations", {"providerId": "openai", "apiKey": KEY}).status_code
        == 403
    )


# --- A mapping of one's own ---

OWN = {"providerId": "custom", "baseUrl": "https://own.example.com", "authId": "none"}


def test_mapping_is_stored_and_shown(alice_client, alice):
    made = post(alice_client, "/api/integrations", {**OWN, "mapping": MAPPING}).json()
    assert made["mapping"] == MAPPING
    row = Integration.objects.get(owner=alice, provider_id="custom")
    answer = put(alice_client, url(row), {"mapping": {**MAPPING, "path": "/v3"}}).json()
    assert answer["mapping"]["path"] == "/v3"
    assert put(alice_client, url(row), {"name": "Own"}).json()["mapping"]["path"] == "/v3"
    assert put(alice_client, url(row), {"mapping": {}}).json()["mapping"] == {}


def test_mistakes_in_a_mapping_are_named_by_their_keys(alice_client):
    mapping = {**MAPPING, "path": "say", "answer": {"text": "out"}}
    answer = post(alice_client, "/api/integrations", {**OWN, "mapping": mapping})
    assert answer.status_code == 400
    assert answer.json()["error"]["fields"].keys() == {"mapping.path", "mapping.answer.text"}


def test_provider_with_a_format_of_its_own_takes_no_mapping(alice_client, openai):
    answer = put(alice_client, url(openai), {"mapping": MAPPING})
    assert answer.json()["error"]["fields"].keys() == {"mapping"}


def test_mapping_is_described(alice_client):
    document = alice_client.get("/api/openapi.json").json()
    schemas = document["components"]["schemas"]
    assert "answer.text" in schemas["IntegrationCreate"]["properties"]["mapping"]["description"]


# --- How calls are made ---


def test_policy_is_shown_whole_and_can_be_sent_back(alice_client, openai):
    given = {"attempts": 2, "totalTimeout": 60, "origins": ["https://app.example.com"]}
    edited = put(alice_client, url(openai), {"policy": given}).json()["policy"]
    assert edited == {
        "attempts": 2,
        "multiplier": 0.5,
        "maxWait": 8,
        "retryOn": ["network_error", "rate_limit", "server_error", "timeout"],
        "connectTimeout": None,
        "firstTokenTimeout": None,
        "idleTimeout": None,
        "totalTimeout": 60,
        "cacheSeconds": 0,
        "priority": 0,
        "weight": 1,
        "origins": ["https://app.example.com"],
    }
    assert put(alice_client, url(openai), {"policy": edited}).json()["policy"] == edited
    assert put(alice_client, url(openai), {"name": "New"}).json()["policy"] == edited
    openai.refresh_from_db()
    assert openai.policy == given


def test_policy_replaces_the_stored_one(alice_client, openai):
    put(alice_client, url(openai), {"policy": {"attempts": 2}})
    assert (
        put(alice_client, url(openai), {"policy": {"weight": 3}}).json()["policy"]["attempts"] == 3
    )


@pytest.mark.parametrize(
    ("wrong", "param"),
    [
        ({"maxWait": 600}, "policy.maxWait"),
        ({"attempts": 9}, "policy.attempts"),
        ({"attempts": "many"}, "policy.attempts"),
        ({"retryOn": ["auth_failed"]}, "policy.retryOn"),
        ({"origins": ["https://a.example/path"]}, "policy.origins"),
        ({"patience": 1}, "policy.patience"),
    ],
)
def test_wrong_policy_is_named_by_its_field(alice_client, openai, wrong, param):
    response = put(alice_client, url(openai), {"policy": wrong})
    assert response.status_code == 400
    assert response.json()["error"]["param"] == param


def test_policy_can_be_given_from_the_start(alice_client):
    body = {"providerId": "groq", "apiKey": "gsk_0123456789", "policy": {"cacheSeconds": 300}}
    assert post(alice_client, "/api/integrations", body).json()["policy"]["cacheSeconds"] == 300

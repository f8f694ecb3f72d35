"""/api/usage."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.test import Client
from django.utils import timezone

from tests.factories import make_call, make_integration, make_token


@pytest.fixture
def openai(alice):
    return make_integration(alice, "openai")


def record(owner, integration=None, **facts):
    defaults = {
        "operation": "chat", "dialect": "native", "outcome": "ok", "http_status": 200, "request_id": "req_x",
        "input_tokens": 10, "output_tokens": 5, "cost": Decimal("0.0000150000"), "latency_ms": 100, "attempts": 1,
        "usage_source": "provider",
    }  # fmt: skip
    return make_call(owner, integration, **{**defaults, **facts})


def test_summary_adds_up(alice_client, alice, openai):
    record(alice, openai)
    record(alice, openai, outcome="timeout", cost=None, latency_ms=300)
    summary = alice_client.get("/api/usage/summary").json()
    assert (summary["calls"], summary["ok"], summary["successRate"]) == (2, 1, 0.5)
    assert (summary["inputTokens"], summary["outputTokens"]) == (20, 10)
    assert (summary["cost"], summary["currency"], summary["unpricedCalls"]) == (
        "0.000015",
        "USD",
        1,
    )
    assert summary["averageLatencyMs"] == 200


def test_no_calls_have_no_cost(alice_client):
    summary = alice_client.get("/api/usage/summary").json()
    assert summary["calls"] == 0
    assert summary["cost"] is None
    assert summary["successRate"] is None


def test_summary_from_a_time_on(alice_client, alice):
    record(alice, at=timezone.now() - timedelta(days=2))
    since = (timezone.now() - timedelta(days=1)).isoformat()
    assert alice_client.get("/api/usage/summary", {"since": since}).json()["calls"] == 0


def test_calls_come_in_pages_newest_first(alice_client, alice):
    now = timezone.now()
    for age in range(5):
        record(alice, model=f"m{age}", at=now - timedelta(minutes=age))
    first = alice_client.get("/api/usage/calls", {"limit": 3}).json()
    assert [call["model"] for call in first["items"]] == ["m0", "m1", "m2"]
    rest = alice_client.get("/api/usage/calls", {"limit": 3, "before": first["next"]}).json()
    assert [call["model"] for call in rest["items"]] == ["m3", "m4"]
    assert rest["next"] is None


def test_calls_of_one_integration(alice_client, alice, openai):
    record(alice, openai)
    record(alice)
    assert (
        len(alice_client.get("/api/usage/calls", {"integrationId": openai.pk}).json()["items"]) == 1
    )


@pytest.mark.parametrize("limit", ["0", "201", "many"])
def test_page_size_has_bounds(alice_client, limit):
    response = alice_client.get("/api/usage/calls", {"limit": limit})
    assert response.status_code == 400
    assert response.json()["error"]["param"] == "limit"


def test_stranger_sees_nothing(carol_client, alice, openai):
    record(alice, openai)
    assert carol_client.get("/api/usage/calls").json()["items"] == []
    assert carol_client.get("/api/usage/calls", {"integrationId": openai.pk}).status_code == 404
    assert carol_client.get("/api/usage/summary", {"integrationId": openai.pk}).status_code == 404


def test_restricted_token_has_to_name_its_integration(alice, openai):
    _, text = make_token(alice, scopes=("usage:read",), integrations=[openai])
    client = Client(headers={"Authorization": f"Bearer {text}"})
    assert client.get("/api/usage/summary").status_code == 403
    assert client.get("/api/usage/summary", {"integrationId": openai.pk}).status_code == 200


@pytest.mark.parametrize(
    ("path", "name"), [("/api/usage/calls", "before"), ("/api/usage/summary", "since")]
)
def test_a_time_that_utc_does_not_have_is_refused(alice_client, path, name):
    response = alice_client.get(path, {name: "0001-01-01T00:00:00+14:00"})
    assert response.status_code == 400
    assert response.json()["error"]["param"] == name

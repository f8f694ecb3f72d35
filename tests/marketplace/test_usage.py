"""The list of calls, each call's page, and the usage tab."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.urls import reverse
from django.utils import timezone

from aiproxy.models import UsageRecord
from tests.factories import make_integration


@pytest.fixture
def openai(alice):
    return make_integration(alice, name="Work")


def record(owner, integration=None, **data):
    facts = {
        "integration_name": integration.name if integration else "",
        "provider_id": "openai",
        "model": "gpt-5.1",
        "operation": "chat",
        "dialect": "native",
        "outcome": "ok",
        "http_status": 200,
        "input_tokens": 1200,
        "output_tokens": 34,
        "usage_source": "provider",
        "cost": Decimal("0.0123"),
        "latency_ms": 840,
        "attempts": 1,
        "request_id": "req_abc",
    }
    return UsageRecord.objects.create(owner=owner, integration=integration, **(facts | data))


def page(client, name, *args, **query):
    response = client.get(reverse(name, args=args), query)
    assert response.status_code == 200
    return response.content.decode()


def test_call_is_listed_with_what_it_cost(alice, alice_client):
    record(alice)
    shown = page(alice_client, "usage")
    for text in ("gpt-5.1", "1,234", "$0.01", "840 ms", "OK"):
        assert text in shown


def test_unknown_price_is_not_zero(alice, alice_client):
    record(alice, cost=None)
    shown = page(alice_client, "usage")
    assert "unpriced" in shown
    assert "$0.00" not in shown


def test_nobody_elses_calls_are_listed(alice_client, bob):
    record(bob, model="bobs-model")
    assert "bobs-model" not in page(alice_client, "usage")


def test_no_calls_says_what_to_do(alice_client):
    assert "No calls yet" in page(alice_client, "usage")


def test_long_list_has_pages(alice, alice_client):
    for number in range(27):
        record(alice, model=f"model-{number}", at=timezone.now() - timedelta(minutes=number))
    assert "model-0<" in page(alice_client, "usage")
    assert "model-26<" in page(alice_client, "usage", page=2)
    assert "page 2 of 2" in page(alice_client, "usage", page=99)
    assert "page 1 of 2" in page(alice_client, "usage", page="x")


def test_usage_tab_holds_the_calls_of_its_integration(alice, alice_client, openai):
    record(alice, openai, model="mine")
    record(alice, model="others")
    shown = page(alice_client, "integration-usage", openai.pk)
    assert "mine" in shown
    assert "others" not in shown


def test_call_page_tells_everything_in_words(alice, alice_client, openai):
    call = record(
        alice,
        openai,
        outcome="rate_limit",
        message="OpenAI limits how often it may be called.",
        http_status=429,
        changes=["top_k was left out: OpenAI has no such parameter."],
    )
    shown = page(alice_client, "call", call.pk)
    for text in ("Rate limit", "OpenAI limits how often", "429", "req_abc", "top_k was left out"):
        assert text in shown


def test_call_page_of_somebody_else_is_not_found(carol_client, alice):
    call = record(alice)
    assert carol_client.get(reverse("call", args=[call.pk])).status_code == 404


def test_what_a_provider_said_is_text_and_not_markup(alice, alice_client):
    nasty = "<script>alert(1)</script>"
    call = record(alice, model=nasty, message=nasty, outcome="server_error", changes=[nasty])
    assert nasty not in page(alice_client, "call", call.pk)
    assert nasty not in page(alice_client, "usage")


def test_call_shows_what_was_changed(alice, alice_client):
    call = record(alice, changes=["dropped seed: this format has no such parameter"])
    shown = page(alice_client, "call", call.pk)
    assert "What was changed on the way" in shown
    assert "dropped seed: this format has no such parameter" in shown


def test_strict_call_shows_what_would_have_been_changed(alice, alice_client):
    call = record(alice, changes=["dropped seed: no"], outcome="invalid_request", attempts=0)
    assert "What would have been changed" in page(alice_client, "call", call.pk)

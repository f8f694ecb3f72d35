"""What the marketplace says of each provider."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from aiproxy.gateway.breaker import Breakers
from integrations.models import Integration
from marketplace.cards import Card, Filter, deal
from providers.catalogue.spec import Auth, ProviderSpec

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def spec(id="openai", **data):
    data = {
        "name": "OpenAI",
        "description": "GPT models",
        "category": "llm",
        "adapter": "openai",
    } | data
    return ProviderSpec(id=id, auth=(Auth(id="key", type="api_key", label="API key"),), **data)


def integration(status="connected", **data):
    states: dict[str, dict[str, Any]] = {
        "connected": {"sealed_key": "x"},
        "needs_attention": {"sealed_key": ""},
        "disabled": {"enabled": False},
    }
    return Integration(provider_id="openai", **states[status], **data)


@pytest.mark.parametrize(
    ("states", "status", "label"),
    [
        ([], "not_connected", "Not connected"),
        (["connected"], "connected", "Connected"),
        (["connected", "connected"], "connected", "2 connected"),
        (["connected", "disabled"], "connected", "Connected"),
        (["connected", "needs_attention"], "needs_attention", "Needs attention"),
        (["disabled"], "disabled", "Disabled"),
    ],
)
def test_the_worst_status_is_shown_unless_it_was_chosen(states, status, label):
    card = Card(spec(), tuple(integration(state) for state in states))
    assert (card.status, card.status_label) == (status, label)


def test_last_used_is_the_latest_of_all():
    used = [NOW - timedelta(hours=3), None, NOW]
    assert Card(spec(), tuple(integration(last_used=when) for when in used)).last_used == NOW


def test_never_used():
    assert Card(spec(), (integration(),)).last_used is None


def test_one_integration_is_opened_at_once():
    one = integration()
    assert Card(spec(), (one,)).url == f"/integrations/{one.pk}/credentials/"


@pytest.mark.parametrize("count", [0, 2])
def test_none_or_several_lead_to_the_provider(count):
    assert Card(spec(), tuple(integration() for _ in range(count))).url == "/providers/openai/"


@pytest.mark.parametrize(
    ("data", "away", "action"),
    [
        ({}, "", "Connect"),
        ({"adapter": ""}, "Not callable yet", "Details"),
        ({"status": "retired"}, "No longer offered", "Details"),
    ],
)
def test_a_provider_that_cannot_be_called_says_so(data, away, action):
    card = Card(spec(**data))
    assert (card.away, card.action) == (away, action)


def test_every_provider_gets_a_card_with_its_own_integrations():
    mine = integration()
    cards = deal([spec(), spec("groq", name="Groq")], [mine])
    assert [(card.spec.id, card.integrations) for card in cards] == [
        ("openai", (mine,)),
        ("groq", ()),
    ]


@pytest.mark.parametrize(
    ("wanted", "passes"),
    [
        (Filter(), True),
        (Filter(text="gpt OPEN"), True),
        (Filter(text="gemini"), False),
        (Filter(category="llm"), True),
        (Filter(category="local"), False),
        (Filter(feature="tools"), True),
        (Filter(feature="rerank"), False),
        (Filter(status="not_connected"), True),
        (Filter(status="connected"), False),
    ],
)
def test_filter(wanted, passes):
    assert wanted.lets_pass(Card(spec(features=("chat", "tools")))) is passes


def test_a_provider_that_is_left_alone_says_so(monkeypatch):
    breakers = Breakers()
    mine = integration()
    for _ in range(5):
        breakers.of(mine.pk).failed(time.monotonic())
    monkeypatch.setattr("marketplace.cards.breakers", lambda: breakers)
    assert "calls wait for" in Card(spec(), (mine,)).trouble
    breakers.reset(mine.pk)
    assert Card(spec(), (mine,)).trouble == ""

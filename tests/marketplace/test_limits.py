"""The page of limits, and the lines about them beside tokens and integrations."""

from decimal import Decimal
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from aiproxy.actions import LimitInput, set_limit
from aiproxy.gateway import limits
from aiproxy.gateway.limits import Fill
from aiproxy.models import Limit
from integrations.audit import SYSTEM
from marketplace import meters
from marketplace.middleware import SessionLifeMiddleware
from tests.factories import make_call, make_integration, make_token

HTMX = {"HX-Request": "true"}
LIST, NOW, NEW = reverse("limits"), reverse("limits-now"), reverse("limit-new")


def at(name, limit):
    return reverse(f"limit-{name}", args=[limit.pk])


def limit(owner, **data):
    made = set_limit(SYSTEM, owner, LimitInput(**({"requests_per_minute": 60} | data)))
    limits.reload()  # as after the commit, which a test's transaction does not come to
    return made


@pytest.fixture
def by_operator(alice, bob):
    data = LimitInput(by_operator=True, money_per_month=Decimal(50))
    return set_limit(SYSTEM, alice, data, bob)


def spend(owner, **facts):
    usual: dict[str, Any] = {"input_tokens": 900, "output_tokens": 100, "cost": Decimal("1.5")}
    return make_call(owner, **(usual | facts))


# --- Seeing ---


def test_empty_page_says_what_they_are_for(bob_client):
    assert "No limits yet" in bob_client.get(LIST).text


def test_each_limit_says_what_it_holds_for_and_how_full_it_is(bob, bob_client):
    integration, (token, _) = make_integration(bob, name="Work"), make_token(bob, "Editor")
    limit(bob)
    limit(bob, kind="integration", integration_id=integration.pk, concurrent=5, queue_seconds=10)
    limit(bob, kind="token", token_id=token.pk)
    limit(bob, kind="provider", provider_id="groq")
    shown = bob_client.get(LIST).text
    for text in (
        "The whole account",
        "Work",
        "Calls through this integration · waits up to 10 s",
        "Editor",
        "Groq",
        "0 of 60 requests this minute",
        "0 of 5 calls at once",
    ):
        assert text in shown


def test_budget_tells_what_was_spent(bob, bob_client):
    spend(bob)
    limit(bob, money_per_month=Decimal(3), tokens_per_day=1000)
    shown = bob_client.get(LIST).text
    assert "$1.50 of $3.00 this month" in shown
    assert 'min="0" max="1000" value="1000"' in shown
    assert "1,000 of 1,000 tokens today" in shown


def test_nobody_elses_limits_are_shown(alice, alice_client, bob, bob_client):
    limit(alice, requests_per_minute=77)
    limit(bob, requests_per_minute=88)
    assert "of 88 requests" not in alice_client.get(LIST).text
    assert "of 77 requests" not in bob_client.get(LIST).text


def test_open_page_asks_for_the_list_alone(bob, bob_client):
    limit(bob)
    part = bob_client.get(NOW, headers=HTMX).text
    assert "0 of 60 requests" in part
    assert "<html" not in part


def test_page_that_asks_by_itself_keeps_no_session_alive(bob_client):
    def seen():
        return bob_client.session.get(SessionLifeMiddleware.SEEN)

    bob_client.get(NOW)
    assert seen() is None
    bob_client.get(LIST)
    assert seen() is not None


@pytest.mark.parametrize(
    ("fill", "text", "frees"),
    [
        (
            Fill("requests_per_minute", 37, 60, 12.4),
            "37 of 60 requests this minute",
            "frees in 12 s",
        ),
        (Fill("tokens_per_minute", 0, 40_000, None), "0 of 40k tokens this minute", ""),
        (Fill("concurrent", 2, 5, None), "2 of 5 calls at once", ""),
        (Fill("tokens_per_day", 10, 20, 7_300.0), "10 of 20 tokens today", "frees in 2 h"),
        (
            Fill("money_per_month", Decimal("1.2"), Decimal(5), 9 * 86_400.0),
            "$1.20 of $5.00 this month",
            "frees in 9 d",
        ),
    ],
)
def test_meter_says_in_words_what_its_bar_shows(fill, text, frees):
    meter = meters.meter(fill)
    assert (meter.text, meter.frees) == (text, frees)


@pytest.mark.parametrize(("used", "tone"), [(10, ""), (48, "high"), (60, "full"), (70, "full")])
def test_meter_that_fills_up_changes_its_colour(used, tone):
    assert meters.meter(Fill("requests_per_minute", used, 60, None)).tone == tone


# --- Setting ---


def test_limit_is_set_for_the_whole_account(bob, bob_client):
    data = {"about": "user", "requests_per_minute": "1,000", "money_per_month": "$20.50"}
    assert bob_client.post(NEW, data, headers=HTMX).status_code == 204
    found = Limit.objects.get()
    assert (found.owner, found.kind, found.by_operator) == (bob, "user", False)
    assert (found.requests_per_minute, found.money_per_month) == (1000, Decimal("20.5"))
    assert (found.concurrent, found.queue_seconds) == (None, 0)


def test_limit_is_set_for_one_integration_token_or_provider(bob, bob_client):
    integration, (token, _) = make_integration(bob), make_token(bob)
    for about in (f"integration:{integration.pk}", f"token:{token.pk}", "provider:groq"):
        data = {"about": about, "concurrent": "5", "queue_seconds": "10"}
        assert bob_client.post(NEW, data, headers=HTMX).status_code == 204
    found = Limit.objects.order_by("created_at")
    assert [row.kind for row in found] == ["integration", "token", "provider"]
    assert found[0].integration == integration
    assert found[1].token == token
    assert {row.queue_seconds for row in found} == {10}


def test_without_scripts_the_list_follows(bob_client):
    response = bob_client.post(NEW, {"about": "user", "concurrent": "5"})
    assert response.url == LIST


def test_nobody_elses_things_can_be_chosen(alice, bob_client):
    theirs, (token, _) = make_integration(alice), make_token(alice)
    for about in (f"integration:{theirs.pk}", f"token:{token.pk}"):
        response = bob_client.post(NEW, {"about": about, "concurrent": "5"}, headers=HTMX)
        assert list(response.context["form"].errors) == ["about"]
    assert not Limit.objects.exists()


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"requests_per_minute": "many"}, "requests_per_minute"),
        ({"requests_per_minute": "0"}, "requests_per_minute"),
        ({"money_per_day": "-1"}, "money_per_day"),
        ({"concurrent": "5", "queue_seconds": "9999"}, "queue_seconds"),
        ({"about": "planet", "concurrent": "5"}, "about"),
        ({}, "__all__"),
    ],
)
def test_what_is_wrong_stands_beside_its_field(bob_client, wrong, field):
    response = bob_client.post(NEW, {"about": "user"} | wrong, headers=HTMX)
    assert response.status_code == 422
    assert list(response.context["form"].errors) == [field]


def test_second_limit_for_the_same_does_not_replace_the_first(bob, bob_client):
    first = limit(bob)
    response = bob_client.post(NEW, {"about": "user", "concurrent": "5"}, headers=HTMX)
    assert list(response.context["form"].errors) == ["about"]
    first.refresh_from_db()
    assert first.concurrent is None


def test_link_from_elsewhere_chooses_what_it_is_about(bob, bob_client):
    about = f"integration:{make_integration(bob).pk}"
    page = bob_client.get(NEW, {"about": about})
    assert f'value="{about}" selected' in page.text


def test_limit_is_changed(bob, bob_client):
    mine = limit(bob, money_per_day=Decimal("2.50"))
    assert 'value="2.5"' in bob_client.get(at("edit", mine)).text
    data = {"requests_per_minute": "10", "money_per_day": ""}
    assert bob_client.post(at("edit", mine), data, headers=HTMX).status_code == 204
    mine.refresh_from_db()
    assert (mine.requests_per_minute, mine.money_per_day) == (10, None)
    assert Limit.objects.count() == 1


def test_removing_asks_first(bob, bob_client):
    mine = limit(bob)
    assert "Remove the limit of The whole account?" in bob_client.get(at("delete", mine)).text
    assert Limit.objects.exists()
    assert bob_client.post(at("delete", mine), headers=HTMX).status_code == 204
    assert not Limit.objects.exists()


@pytest.mark.parametrize("name", ["edit", "delete"])
def test_stranger_gets_404(carol_client, bob, name):
    mine = limit(bob)
    assert carol_client.get(at(name, mine)).status_code == 404
    assert carol_client.post(at(name, mine), {"concurrent": "5"}).status_code == 404
    assert Limit.objects.get().concurrent is None


def test_not_even_an_administrator_touches_a_persons_own_limit(alice_client, bob):
    mine = limit(bob)
    assert alice_client.post(at("delete", mine)).status_code == 404


# --- What administrators set ---


def test_administrator_limits_another_account(alice_client, bob):
    data = {"about": "provider:openai", "account": "BOB@example.com", "money_per_month": "50"}
    assert alice_client.post(NEW, data, headers=HTMX).status_code == 204
    found = Limit.objects.get()
    assert (found.owner, found.by_operator, found.provider_id) == (bob, True, "openai")
    shown = alice_client.get(LIST).text
    assert "Other accounts" in shown
    assert "bob@example.com · All calls to this provider" in shown


def test_own_address_is_ones_own_limit(alice, alice_client):
    data = {"about": "user", "account": alice.email, "concurrent": "5"}
    alice_client.post(NEW, data)
    assert Limit.objects.get().by_operator is False


def test_unknown_account_is_told(alice_client):
    data = {"about": "user", "account": "nobody@example.com", "concurrent": "5"}
    response = alice_client.post(NEW, data, headers=HTMX)
    assert list(response.context["form"].errors) == ["account"]


def test_only_administrators_are_asked_for_an_account(bob, bob_client, alice):
    assert 'name="account"' not in bob_client.get(NEW).text
    bob_client.post(NEW, {"about": "user", "account": alice.email, "concurrent": "5"})
    assert Limit.objects.get().owner == bob


def test_holder_sees_an_administrators_limit_and_cannot_change_it(bob_client, by_operator):
    shown = bob_client.get(LIST).text
    assert "Set by an administrator" in shown
    assert at("edit", by_operator) not in shown
    for name in ("edit", "delete"):
        assert bob_client.get(at(name, by_operator)).status_code == 403
        assert bob_client.post(at(name, by_operator), {"concurrent": "5"}).status_code == 403
    assert Limit.objects.get().concurrent is None


def test_administrator_changes_it_and_it_stays_the_holders(alice_client, bob, by_operator):
    alice_client.post(at("edit", by_operator), {"money_per_month": "10"})
    found = Limit.objects.get()
    assert (found.owner, found.by_operator, found.money_per_month) == (bob, True, Decimal(10))


# --- Beside what they are about ---


def test_tokens_row_tells_its_limit(bob, bob_client):
    token, _ = make_token(bob)
    assert f"{NEW}?about=token:{token.pk}" in bob_client.get(reverse("tokens")).text
    mine = limit(bob, kind="token", token_id=token.pk)
    shown = bob_client.get(reverse("tokens")).text
    assert "0 of 60 requests this minute" in shown
    assert at("edit", mine) in shown


def test_usage_tab_tells_the_integrations_limit(bob, bob_client):
    integration, other = make_integration(bob), make_integration(bob, name="Other")
    limit(bob, kind="integration", integration_id=other.pk)
    url = reverse("integration-usage", args=[integration.pk])
    assert "of 60 requests" not in bob_client.get(url).text
    assert f"{NEW}?about=integration:{integration.pk}" in bob_client.get(url).text
    mine = limit(bob, kind="integration", integration_id=integration.pk, money_per_day=Decimal(1))
    spend(bob, integration=integration, cost=Decimal("0.25"), at=timezone.now())
    shown = bob_client.get(url).text
    assert "$0.25 of $1.00 today" in shown
    assert at("edit", mine) in shown


def test_names_are_text_and_not_markup(bob, bob_client):
    token, _ = make_token(bob, "<script>alert(1)</script>")
    limit(bob, kind="token", token_id=token.pk)
    for page in (LIST, reverse("tokens"), NEW):
        assert "<script>alert" not in bob_client.get(page).text

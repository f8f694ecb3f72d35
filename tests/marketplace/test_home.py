"""The marketplace page."""

import pytest
from django.urls import reverse
from django.utils import timezone

from integrations.actions import integrations as actions
from integrations.audit import SYSTEM
from providers.rate_limits import Allowance, RateLimitState
from providers.registry import catalogue
from tests.factories import make_call, make_integration

HTMX = {"HX-Request": "true"}


def home(client, headers=None, **query):
    response = client.get(reverse("home"), query, headers=headers)
    assert response.status_code == 200
    return response


def shown(response):
    return [card.spec.id for card in response.context["cards"]]


def test_signed_out_visitor_is_sent_to_sign_in(client, db):
    assert client.get(reverse("home")).url == reverse("sign-in")


def test_every_provider_has_a_card_and_the_sandbox_is_first(alice_client):
    ids = shown(home(alice_client))
    assert ids == [spec.id for spec in catalogue()]
    assert ids[0] == "sandbox"


def test_sandbox_is_connected_from_the_start(alice_client):
    assert home(alice_client).context["cards"][0].status == "connected"


def test_card_tells_the_status_in_words(alice, alice_client):
    actions.set_enabled(SYSTEM, make_integration(alice), False)
    assert "Disabled" in home(alice_client, q="openai").content.decode()


def test_another_persons_integrations_change_nothing(alice_client, bob):
    make_integration(bob)
    assert home(alice_client, status="connected").context["cards"][0].spec.id == "sandbox"
    assert len(shown(home(alice_client, status="connected"))) == 1


def test_number_of_queries_does_not_grow_with_integrations(
    alice, alice_client, django_assert_max_num_queries
):
    for number in range(5):
        make_integration(alice, name=f"Number {number}")
    home(alice_client)  # the first visit also notes when the session was seen
    with django_assert_max_num_queries(5):  # session, user, integrations, their health, shared keys
        home(alice_client)


def test_card_tells_what_failed_lately_and_what_is_left(alice, alice_client):
    integration = make_integration(alice)
    integration.rate_limit = RateLimitState(timezone.now(), Allowance(60, 59)).to_json()
    integration.save()
    for outcome in ("ok", "ok", "rate_limit"):
        make_call(alice, integration, outcome=outcome)
    page = home(alice_client, q="openai").content.decode()
    assert "1 of 3 calls failed since " in page
    assert 'title="Requests left: 59 of 60"' in page


LOCAL = {"sandbox", "ollama", "lmstudio", "llamacpp", "vllm", "localai"}


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"q": "anthropic"}, {"anthropic", "anthropic-compatible"}),
        ({"category": "local"}, LOCAL),
        ({"status": "connected"}, {"sandbox"}),
        ({"q": "no such provider"}, set()),
    ],
)
def test_filters(alice_client, query, found):
    assert set(shown(home(alice_client, **query))) == found


def test_unknown_filter_filters_nothing(alice_client):
    assert len(shown(home(alice_client, category="<script>"))) == len(list(catalogue()))


def test_nothing_found_says_what_to_do(alice_client):
    page = home(alice_client, q="no such provider").content.decode()
    assert "No provider fits" in page
    assert "Show all providers" in page


def test_htmx_gets_the_results_alone(alice_client):
    page = home(alice_client, HTMX, q="groq").content.decode()
    assert "card-groq" in page
    assert "<html" not in page


def test_going_back_gets_the_whole_page(alice_client):
    headers = {**HTMX, "HX-History-Restore-Request": "true"}
    assert "<html" in home(alice_client, headers).content.decode()

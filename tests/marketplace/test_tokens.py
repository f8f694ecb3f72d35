"""The page of access tokens."""

import json
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from integrations import tokens
from integrations.models import AccessToken
from tests.factories import make_integration, make_token

HTMX = {"HX-Request": "true"}
NEW = reverse("token-new")


def form(**changes):
    data = {"name": "Editor", "scopes": ["chat"], "life": "90", "reach": "all"}
    return {**data, **changes}


def revoke_url(token):
    return reverse("token-revoke", args=[token.pk])


def test_list_shows_only_the_ends_of_a_token(alice, alice_client):
    token, text = make_token(alice, "Editor", expires_at=None)
    page = alice_client.get(reverse("tokens")).content.decode()
    assert token.masked in page
    assert text not in page


def test_list_holds_nobody_elses(alice_client, bob):
    make_token(bob, "Bob's own", expires_at=None)
    assert "Bob" not in alice_client.get(reverse("tokens")).content.decode()


def test_empty_list_says_what_to_do(alice_client):
    assert "No tokens yet" in alice_client.get(reverse("tokens")).content.decode()


def test_revoked_ones_come_last(alice, alice_client):
    make_token(alice, "Good", expires_at=None)
    old, _ = make_token(alice, "Old", expires_at=None)
    alice_client.post(revoke_url(old))
    listed = alice_client.get(reverse("tokens")).context["tokens"]
    assert [token.name for token in listed] == ["Good", "Old"]


def test_new_token_is_shown_once(alice, alice_client):
    response = alice_client.post(NEW, form(), headers=HTMX)
    text = response.context["text"]
    assert tokens.well_formed(text)
    assert text in response.content.decode()
    assert "token-changed" in json.loads(response.headers["HX-Trigger"])
    assert text not in alice_client.get(reverse("tokens")).content.decode()


def test_new_token_comes_with_calls_to_paste(alice_client):
    page = alice_client.post(NEW, form(), headers=HTMX)
    text = page.context["text"]
    for snippet in page.context["snippets"]:
        assert text in snippet.text
        assert "sandbox/sandbox" in snippet.text


def test_token_that_may_not_chat_has_no_snippets(alice_client):
    page = alice_client.post(NEW, form(scopes=["usage:read"]), headers=HTMX)
    assert page.context["snippets"] == []


def test_snippet_names_a_model_the_token_reaches(alice, alice_client):
    openai = make_integration(alice, model="gpt-5.1")
    data = form(reach="chosen", integrations=[str(openai.pk)])
    page = alice_client.post(NEW, data, headers=HTMX)
    assert "openai/gpt-5.1" in page.context["snippets"][0].text


def test_token_is_as_asked_for(alice, alice_client):
    openai = make_integration(alice)
    data = form(scopes=["chat", "usage:read"], reach="chosen", integrations=[str(openai.pk)])
    alice_client.post(NEW, data | {"life": "30"})
    token = AccessToken.objects.get(owner=alice)
    assert token.scopes == ["chat", "usage:read"]
    assert token.restricted
    assert list(token.integrations.all()) == [openai]
    assert token.expires_at
    assert abs(token.expires_at - timezone.now() - timedelta(days=30)) < timedelta(minutes=1)


def test_chosen_day_is_included(alice, alice_client):
    day = timezone.now().date() + timedelta(days=7)
    alice_client.post(NEW, form(life="custom", date=day.isoformat()))
    expires = AccessToken.objects.get(owner=alice).expires_at
    assert expires
    assert (expires.date(), expires.hour, expires.minute) == (day, 23, 59)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": ""}, "name"),
        ({"scopes": []}, "scopes"),
        ({"scopes": ["everything"]}, "scopes"),
        ({"life": "custom"}, "date"),
        ({"life": "custom", "date": "2020-01-01"}, "date"),
        ({"life": "custom", "date": "2999-01-01"}, "date"),
        ({"life": "forever"}, "life"),
        ({"reach": "chosen"}, "reach"),
    ],
)
def test_fault_is_said_beside_its_field(alice, alice_client, changes, field):
    response = alice_client.post(NEW, form(**changes), headers=HTMX)
    assert response.status_code == 422
    assert field in response.context["form"].errors
    assert not AccessToken.objects.filter(owner=alice).exists()


def test_another_persons_integration_cannot_be_chosen(alice_client, bob):
    data = form(reach="chosen", integrations=[str(make_integration(bob).pk)])
    assert "integrations" in alice_client.post(NEW, data).context["form"].errors


def test_revoking_asks_first(alice, alice_client):
    token, _ = make_token(alice, "Editor", expires_at=None)
    assert "Revoke Editor?" in alice_client.get(revoke_url(token)).content.decode()
    token.refresh_from_db()
    assert token.state == "active"


def test_revoking_closes_the_dialog(alice, alice_client):
    token, _ = make_token(alice, "Editor", expires_at=None)
    response = alice_client.post(revoke_url(token), headers=HTMX)
    assert response.status_code == 204
    assert {"dialog:close", "token-changed"} <= json.loads(response.headers["HX-Trigger"]).keys()
    token.refresh_from_db()
    assert token.state == "revoked"


def test_stranger_gets_404(alice, carol_client):
    token, _ = make_token(alice, "Editor", expires_at=None)
    assert carol_client.get(revoke_url(token)).status_code == 404
    assert carol_client.post(revoke_url(token)).status_code == 404

"""/api/tokens."""

import json
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from integrations.models import AccessToken
from tests.factories import make_integration, make_token


def post(client, body, **options):
    return client.post("/api/tokens", json.dumps(body), content_type="application/json", **options)


def test_new_token_works_and_is_shown_once(alice_client):
    response = post(alice_client, {"name": "laptop", "scopes": ["tokens:read"]})
    assert response.status_code == 201
    text = response.json()["token"]
    listed = Client(headers={"Authorization": f"Bearer {text}"}).get("/api/tokens")
    assert listed.status_code == 200
    assert text not in listed.text
    assert listed.json()[0]["last4"] == text[-4:]


def test_token_expires_in_ninety_days_unless_said_otherwise(alice_client):
    post(alice_client, {"name": "laptop", "scopes": ["chat"]})
    expires_at = AccessToken.objects.get().expires_at
    assert expires_at
    left = expires_at - timezone.now()
    assert timedelta(days=89) < left <= timedelta(days=90)


def test_token_for_ever_has_to_be_asked_for(alice_client):
    response = post(alice_client, {"name": "laptop", "scopes": ["chat"], "expiresAt": None})
    assert response.json()["expiresAt"] is None


def test_token_can_be_restricted_to_integrations(alice_client, alice):
    mine = make_integration(alice)
    response = post(alice_client, {"name": "x", "scopes": ["chat"], "integrations": [str(mine.pk)]})
    assert response.json()["integrations"] == [str(mine.pk)]


def test_token_for_another_persons_integration_is_refused(alice_client, bob):
    theirs = make_integration(bob)
    response = post(
        alice_client, {"name": "x", "scopes": ["chat"], "integrations": [str(theirs.pk)]}
    )
    assert response.status_code == 404
    assert not AccessToken.objects.exists()


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"name": ""}, "name"),
        ({"scopes": []}, "scopes"),
        ({"scopes": ["root"]}, "scopes"),
        ({"expiresAt": "2001-01-01T00:00:00Z"}, "expiresAt"),
        ({"expiresAt": "3001-01-01T00:00:00Z"}, "expiresAt"),
        ({"expiresAt": "soon"}, "expiresAt"),
        ({"owner": "bob"}, "owner"),
    ],
)
def test_bad_input_names_its_field(alice_client, change, param):
    response = post(alice_client, {"name": "x", "scopes": ["chat"], **change})
    assert response.status_code == 400
    assert response.json()["error"]["param"].split(".")[0] == param


def test_token_cannot_make_another_token(alice):
    _, text = make_token(alice, scopes=("tokens:write",))
    response = post(
        Client(headers={"Authorization": f"Bearer {text}"}), {"name": "x", "scopes": ["chat"]}
    )
    assert response.status_code == 403
    assert "Tokens page" in response.json()["error"]["message"]


def test_revoked_token_stays_in_the_list(alice_client, alice):
    token, _ = make_token(alice)
    assert alice_client.delete(f"/api/tokens/{token.pk}").status_code == 204
    assert alice_client.get("/api/tokens").json()[0]["state"] == "revoked"


def test_stranger_gets_404(carol_client, alice):
    token, _ = make_token(alice)
    assert carol_client.delete(f"/api/tokens/{token.pk}").status_code == 404
    token.refresh_from_db()
    assert token.state == "active"


def test_list_holds_mine_only(carol_client, alice):
    make_token(alice)
    assert carol_client.get("/api/tokens").json() == []

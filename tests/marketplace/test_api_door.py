"""Who may call the management API."""

import json

import pytest
from django.db import OperationalError
from django.test import Client

from integrations import access
from integrations.actions import tokens as actions
from integrations.audit import SYSTEM
from tests.factories import make_token

PATH = "/api/integrations"
SCOPES = ("integrations:read",)


def get(headers):
    return Client(headers=headers).get(PATH)


def test_nobody_gets_401_and_is_told_how(client, db):
    response = client.get(PATH)
    assert response.status_code == 401
    assert response["WWW-Authenticate"] == "Bearer"
    assert response.json()["error"]["code"] == "auth_failed"
    assert "Bearer aimp_" in response.json()["error"]["message"]


@pytest.mark.parametrize("name", ["Authorization", "x-api-key", "x-goog-api-key", "api-key"])
def test_every_key_header_is_treated_alike(alice, name):
    _, text = make_token(alice, scopes=SCOPES)
    value = f"Bearer {text}" if name == "Authorization" else text
    assert get({name: value}).status_code == 200


def test_use_of_a_token_is_noted(alice):
    token, text = make_token(alice, scopes=SCOPES)
    get({"Authorization": f"Bearer {text}"})
    token.refresh_from_db()
    assert token.last_used


def test_reading_goes_on_when_the_use_cannot_be_noted(alice, monkeypatch):
    _, text = make_token(alice, scopes=SCOPES)

    def read_only(*args):
        raise OperationalError("attempt to write a readonly database")

    monkeypatch.setattr(access, "touch", read_only)
    assert get({"Authorization": f"Bearer {text}"}).status_code == 200


def test_two_different_keys_are_refused(alice):
    (_, one), (_, two) = make_token(alice, scopes=SCOPES), make_token(alice, scopes=SCOPES)
    assert get({"Authorization": f"Bearer {one}", "x-api-key": two}).status_code == 400


@pytest.mark.parametrize(
    "text",
    ["canary", "' OR '1'='1", "aimp_" + "0" * 49, "aimp_\u2603", "Bearer", "sk-live-0123456789"],
)
def test_mistyped_token_is_refused_without_a_query(db, django_assert_num_queries, text):
    with django_assert_num_queries(0):
        response = get({"Authorization": f"Bearer {text}"})
    assert response.status_code == 401
    assert text not in response.text


def test_revoked_token_is_refused(alice):
    token, text = make_token(alice, scopes=SCOPES)
    actions.revoke(SYSTEM, token)
    assert get({"Authorization": f"Bearer {text}"}).status_code == 401


def test_token_of_a_switched_off_account_is_refused(alice):
    _, text = make_token(alice, scopes=SCOPES)
    assert get({"Authorization": f"Bearer {text}"}).status_code == 200
    alice.is_active = False
    alice.save()
    assert get({"Authorization": f"Bearer {text}"}).status_code == 401


def test_bad_token_is_not_saved_by_a_good_session(alice_client):
    assert alice_client.get(PATH, headers={"Authorization": "Bearer aimp_x"}).status_code == 401


@pytest.mark.parametrize("method", ["post", "put", "delete"])
def test_browser_needs_the_csrf_token_to_change_things(alice, signed_in, method):
    client = signed_in(alice, enforce_csrf_checks=True)
    path = PATH if method == "post" else f"{PATH}/00000000-0000-4000-8000-000000000000"
    response = getattr(client, method)(path, json.dumps({}), content_type="application/json")
    assert response.status_code == 403
    assert "X-CSRFToken" in response.json()["error"]["message"]


def test_browser_with_the_csrf_token_may_change_things(alice, signed_in):
    client = signed_in(alice, enforce_csrf_checks=True)
    page = client.get("/account/password/")
    headers = {"X-CSRFToken": str(page.context["csrf_token"])}
    body = json.dumps({"providerId": "sandbox"})
    response = client.post(PATH, body, content_type="application/json", headers=headers)
    assert response.status_code == 201, response.text


@pytest.mark.parametrize("header", ["X-User", "Remote-User", "X-Forwarded-User", "X-Remote-User"])
def test_no_other_header_names_a_user(alice, header):
    assert get({header: alice.email}).status_code == 401


def test_wrong_method_is_an_error_object(alice_client):
    response = alice_client.patch(PATH)
    assert response.status_code == 405
    assert response.json()["error"]["code"] == "invalid_request"
    assert "GET" in response["Allow"]


def test_fault_of_ours_shows_nothing_of_the_inside(alice_client, monkeypatch, caplog):
    from integrations import access

    def fail(user):
        raise RuntimeError("canary in /srv/secret/path SELECT 1")

    monkeypatch.setattr(access, "integrations_of", fail)
    response = alice_client.get(PATH)
    assert response.status_code == 500
    assert response.json()["error"]["code"] == "server_error"
    assert "canary" not in response.text
    assert len(response.content) < 300

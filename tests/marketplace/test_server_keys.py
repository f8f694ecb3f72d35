"""A key of the server's environment, as people and programs meet it."""

from __future__ import annotations

import pytest
from django.urls import reverse

from integrations.models import AuditEvent, SharedKey
from marketplace.environment import ServerKeys
from tests.factories import make_integration

KEY = "sk-canary-of-the-server-0123456789"
SHARE, UNSHARE = (reverse(f"key-{name}", args=["openai"]) for name in ("share", "unshare"))
NEW = reverse("integration-new", args=["openai"])
API = "/api/providers/openai"

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def environment(settings):
    settings.AIM_ENV_KEYS = ServerKeys({"OPENAI_API_KEY": KEY})


def test_administrator_sees_that_it_is_there_and_off(alice_client, bob_client):
    assert "This server has a key" in alice_client.get("/").text
    assert "OPENAI_API_KEY" in alice_client.get(reverse("providers")).text
    assert alice_client.get(API).json()["serverKey"] == "offered"
    assert "This server has a key" not in bob_client.get("/").text
    assert "This server has a key" not in bob_client.get(NEW).text
    assert bob_client.get(API).json()["serverKey"] == ""


def test_shared_key_is_provided_by_the_server(alice_client, bob_client):
    assert alice_client.post(SHARE).headers["Location"] == reverse("providers")
    assert "Provided by the server" in bob_client.get("/").text
    assert "Provided by the server" in bob_client.get(NEW).text
    assert bob_client.get(API).json()["serverKey"] == "shared"


def test_it_is_nobodys_to_edit_test_or_reveal(alice_client, bob_client):
    alice_client.post(SHARE)
    id = SharedKey.objects.get().pk
    for client in (alice_client, bob_client):
        assert client.get(reverse("integration-credentials", args=[id])).status_code == 404
        assert client.get(f"/api/integrations/{id}").status_code == 404
        assert client.put(f"/api/integrations/{id}", {}, "application/json").status_code == 404
        assert client.post(f"/api/integrations/{id}/test").status_code == 404
        for url in ("/", NEW, reverse("providers"), API, "/api/integrations"):
            assert KEY not in client.get(url).text


def test_unshared_key_is_off_again(alice_client, bob_client):
    alice_client.post(f"{API}/share")
    assert alice_client.delete(f"{API}/share").status_code == 204
    assert bob_client.get(API).json()["serverKey"] == ""
    assert alice_client.delete(f"{API}/share").status_code == 404
    acts = AuditEvent.objects.filter(target_type="sharedkey").values_list("action", flat=True)
    assert list(acts) == ["server_key.unshared", "server_key.shared"]


def test_key_that_is_gone_needs_attention(alice_client, bob_client, settings):
    alice_client.post(SHARE)
    settings.AIM_ENV_KEYS = ServerKeys({})
    assert "Needs attention" in bob_client.get("/").text
    assert "key is missing" in bob_client.get(NEW).text


def test_own_integration_comes_first(alice_client, bob, bob_client):
    make_integration(bob)
    alice_client.post(SHARE)
    assert "Provided by the server" not in bob_client.get("/").text
    assert "for those who have no integration" in bob_client.get(NEW).text


def test_only_administrators_share(bob_client):
    assert bob_client.post(SHARE).status_code == 403
    assert bob_client.post(UNSHARE).status_code == 403
    assert not SharedKey.objects.exists()


def test_what_cannot_be_shared_says_so(alice_client):
    response = alice_client.post(reverse("key-share", args=["groq"]), follow=True)
    assert "no key that can be shared" in response.text

"""/api/providers and /api/models."""

import json

import pytest
from django.test import Client

from aiproxy.models import Alias
from integrations.models import AuditEvent
from providers.models import CustomModel, CustomProvider
from providers.registry import catalogue
from tests.factories import make_integration, make_token

NAMES = {
    "id", "name", "description", "icon", "category", "authType", "auth", "fields", "baseUrl", "documentationUrl",
    "keyUrl", "supportedModels", "defaultModel", "features", "callable", "adapter", "origin", "serverKey",
}  # fmt: skip
ACME = {
    "id": "acme",
    "name": "Acme AI",
    "adapter": "openai",
    "baseUrl": "https://api.acme.example/v1",
    "supportedModels": ["acme-small", {"id": "acme-large", "contextWindow": 8000, "inputPrice": "1"}],
    "defaultModel": "acme-small",
    "features": ["chat", "streaming"],
}  # fmt: skip
MODEL = {"providerId": "openai", "id": "gpt-new", "contextWindow": 1000}


@pytest.fixture
def committed(django_capture_on_commit_callbacks):
    """``with committed():`` what is done inside is committed at its end, as far as memory knows."""
    return lambda: django_capture_on_commit_callbacks(execute=True)


@pytest.fixture
def acme(alice_client, committed):
    with committed():
        assert post(alice_client, "/api/providers", ACME).status_code == 201


def post(client, path, body):
    return client.post(path, json.dumps(body), content_type="application/json")


def put(client, path, body):
    return client.put(path, json.dumps(body), content_type="application/json")


def program(user, *scopes):
    _, text = make_token(user, scopes=scopes)
    return Client(headers={"Authorization": f"Bearer {text}"})


def test_every_provider_of_the_catalogue_is_there(alice_client):
    found = alice_client.get("/api/providers").json()
    assert [one["id"] for one in found] == [spec.id for spec in catalogue()]
    assert all(set(one) == NAMES for one in found)


def test_one_provider(alice_client):
    openai = alice_client.get("/api/providers/openai").json()
    assert (openai["name"], openai["authType"], openai["category"]) == ("OpenAI", "api_key", "llm")
    assert openai["defaultModel"] in openai["supportedModels"]
    assert (openai["adapter"], openai["origin"]) == ("openai", "builtin")


def test_unknown_provider_is_404(alice_client):
    response = alice_client.get("/api/providers/no-such")
    assert response.status_code == 404
    assert response.json()["error"]["code"] == "not_found"


def test_added_provider_is_there_for_everybody(acme, bob_client):
    found = bob_client.get("/api/providers/acme").json()
    assert set(found) == NAMES
    assert found["supportedModels"] == ["acme-small", "acme-large"]
    assert (found["origin"], found["authType"], found["callable"]) == ("database", "api_key", True)
    assert catalogue()["acme"].paths["chat"] == "/chat/completions"


def test_edit_changes_only_what_is_given(acme, alice_client, committed):
    with committed():
        response = put(
            alice_client,
            "/api/providers/acme",
            {"name": "Acme 2", "supportedModels": ["acme-large", "acme-small"]},
        )
    assert (response.json()["name"], response.json()["defaultModel"]) == ("Acme 2", "acme-small")
    large = catalogue()["acme"].model("acme-large")
    assert large
    assert large.context == 8000
    assert large.price
    assert large.price.input == "1"


def test_bad_data_is_named_by_the_callers_names(alice_client):
    body = {**ACME, "baseUrl": "ftp://x", "defaultModel": "x", "keyUrl": "javascript:x"}
    error = post(alice_client, "/api/providers", body).json()["error"]
    assert set(error["fields"]) == {"baseUrl", "defaultModel", "keyUrl"}


@pytest.mark.parametrize("base_url", ["http://127.0.0.1:8000", "http://169.254.169.254"])
def test_private_address_is_refused(alice_client, base_url):
    error = post(alice_client, "/api/providers", {**ACME, "baseUrl": base_url}).json()["error"]
    assert error["param"] == "baseUrl"


@pytest.mark.parametrize("id", ["openai", "alias", "Acme", "a" * 37])
def test_id_that_cannot_be_had_is_refused(alice_client, id):
    error = post(alice_client, "/api/providers", {**ACME, "id": id}).json()["error"]
    assert error["param"] == "id"


def test_provider_of_the_program_stays_as_it_is(alice_client):
    assert put(alice_client, "/api/providers/openai", {"name": "x"}).status_code == 403
    assert alice_client.delete("/api/providers/openai").status_code == 403


def test_provider_in_use_is_not_deleted(acme, alice_client, bob, committed):
    make_integration(bob, "acme")
    response = alice_client.delete("/api/providers/acme")
    assert response.status_code == 400
    assert "one integration" in response.json()["error"]["message"]
    assert CustomProvider.objects.exists()


def test_deleted_provider_is_gone_with_its_models(acme, alice_client, committed):
    with committed():
        post(alice_client, "/api/models", {"providerId": "acme", "id": "more"})
    assert alice_client.get("/api/providers/acme").json()["supportedModels"][-1] == "more"
    with committed():
        assert alice_client.delete("/api/providers/acme").status_code == 204
    assert alice_client.get("/api/providers/acme").status_code == 404
    assert not CustomModel.objects.exists()


def test_added_model_is_the_providers(alice_client, bob_client, committed):
    with committed():
        added = post(alice_client, "/api/models", MODEL)
    assert added.status_code == 201
    assert "gpt-new" in bob_client.get("/api/providers/openai").json()["supportedModels"]
    assert bob_client.get("/api/models").json() == [added.json()]
    url = f"/api/models/{added.json()['id']}"
    with committed():
        edited = put(alice_client, url, {"inputPrice": "2", "outputPrice": "4"}).json()
    assert (edited["inputPrice"], edited["model"]["contextWindow"]) == ("2", 1000)
    assert bob_client.get(url).json() == edited
    with committed():
        assert alice_client.delete(url).status_code == 204
    assert "gpt-new" not in bob_client.get("/api/providers/openai").json()["supportedModels"]


def test_known_model_is_not_replaced(alice_client):
    known = catalogue()["openai"].models[0].id
    error = post(alice_client, "/api/models", {**MODEL, "id": known}).json()["error"]
    assert error["param"] == "id"


WRITES = [
    ("post", "/api/providers", ACME),
    ("put", "/api/providers/acme", {"name": "x"}),
    ("delete", "/api/providers/acme", None),
    ("post", "/api/models", MODEL),
    ("put", "/api/models/{model}", {"name": "x"}),
    ("delete", "/api/models/{model}", None),
    ("post", "/api/aliases", {"name": "a", "targets": [{"provider": "openai", "model": "m"}]}),
    ("put", "/api/aliases/{alias}", {"name": "x"}),
    ("delete", "/api/aliases/{alias}", None),
    ("post", "/api/providers/openai/share", None),
    ("delete", "/api/providers/openai/share", None),
]


@pytest.mark.parametrize(("method", "path", "body"), WRITES)
def test_only_an_administrator_with_the_scope_writes(alice, bob, bob_client, method, path, body):
    model = CustomModel.objects.create(provider_id="openai", model_id="m", spec={})
    alias = Alias.objects.create(name="fast", targets=[])
    others = [
        bob_client,
        program(bob, "providers:write"),
        program(alice, "integrations:write", "integrations:read"),
    ]
    before = AuditEvent.objects.count()
    for client in others:
        send = getattr(client, method)
        response = send(
            path.format(model=model.pk, alias=alias.pk), body, content_type="application/json"
        )
        assert response.status_code == 403
    assert AuditEvent.objects.count() == before


def test_program_of_an_administrator_writes_with_the_scope(alice):
    client = program(alice, "providers:write")
    assert post(client, "/api/providers", ACME).status_code == 201
    event = AuditEvent.objects.get(action="provider.created")
    assert (event.actor, event.target_id, event.owner) == (alice, "acme", None)
    assert event.token_id

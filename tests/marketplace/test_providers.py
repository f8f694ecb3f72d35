"""The pages on which administrators add providers and models."""

from __future__ import annotations

import json

import pytest
from django.urls import reverse

from integrations.models import AuditEvent
from providers import registry
from providers.models import CustomModel, CustomProvider
from providers.registry import catalogue
from tests.factories import make_integration

HTMX = {"HX-Request": "true"}
NEW = reverse("provider-new")
NEW_MODEL = reverse("model-new")
EDIT, DELETE = (reverse(f"provider-{name}", args=["acme"]) for name in ("edit", "delete"))


def rows(*models):
    names = ("id", "context", "max_output", "input_price", "output_price")
    columns = zip(*models, strict=True) if models else [[]] * len(names)
    return {
        f"supported_models.{name}": list(column)
        for name, column in zip(names, columns, strict=True)
    }


def form(*models, **changes):
    data = {
        "id": "acme",
        "name": "Acme AI",
        "adapter": "openai",
        "category": "custom",
        "base_url": "https://api.acme.example/v1",
        "ways": ["bearer"],
        "features": ["chat"],
        **rows(*models),
    }
    return {name: value for name, value in {**data, **changes}.items() if value is not None}


LARGE = ("acme-large", "8,000", "", "0.50", "1.50")


@pytest.fixture
def acme(alice_client):
    assert alice_client.post(NEW, form(LARGE), headers=HTMX).status_code == 204
    registry.reload()
    return CustomProvider.objects.get()


def test_added_provider_has_its_models_and_is_a_card_for_everybody(acme, bob_client):
    model = acme.to_spec().models[0]
    assert (model.id, model.context, model.max_output) == ("acme-large", 8000, 0)
    assert model.price
    assert (model.price.input, model.price.output) == ("0.50", "1.50")
    assert "Acme AI" in bob_client.get("/").text


def test_answer_closes_the_dialog_and_tells_the_list(alice_client):
    response = alice_client.post(NEW, form(), headers=HTMX)
    heard = json.loads(response.headers["HX-Trigger"])
    assert {"providers-changed", "dialog:close", "toast"} <= set(heard)
    assert alice_client.get(reverse("providers"), headers=HTMX).text.count("Acme AI") >= 1


def test_without_scripts_the_list_is_the_answer(alice_client):
    assert alice_client.post(NEW, form()).headers["Location"] == reverse("providers")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"id": "openai"}, "id"),
        ({"base_url": "http://localhost:1"}, "base_url"),
        ({"ways": []}, "ways"),
        ({"default_model": "no-such"}, "default_model"),
        (rows(("", "5", "", "", "")), "supported_models"),
        (rows(("m", "many", "", "", "")), "supported_models"),
        (rows(("m", "", "", "cheap", "")), "supported_models"),
    ],
)
def test_what_is_wrong_stands_beside_its_field_and_nothing_typed_is_lost(
    alice_client, change, field
):
    response = alice_client.post(NEW, form(LARGE, **change), headers=HTMX)
    assert response.status_code == 422
    assert list(response.context["form"].errors) == [field]
    assert "Acme AI" in response.text
    assert field == "supported_models" or "acme-large" in response.text


def test_edit_shows_what_is_stored_and_changes_it(acme, alice_client):
    page = alice_client.get(EDIT).text
    assert "8000" in page
    assert "0.50" in page
    data = form(LARGE, name="Acme 2", id=None, enabled="on", key_url="https://acme.example/keys")
    assert alice_client.post(EDIT, data, headers=HTMX).status_code == 204
    acme.refresh_from_db()
    assert (str(acme), acme.enabled) == ("Acme 2", True)
    event = AuditEvent.objects.get(action="provider.edited")
    assert event.data["changed"] == ["name", "key_url"]


def test_provider_can_be_taken_off_the_offer(acme, alice_client):
    assert alice_client.post(EDIT, form(LARGE, id=None), headers=HTMX).status_code == 204
    registry.reload()
    assert not catalogue()["acme"].callable
    assert "Not offered" in alice_client.get(reverse("providers")).text


def test_delete_asks_first(acme, alice_client):
    assert "Delete Acme AI?" in alice_client.get(DELETE).text
    assert CustomProvider.objects.exists()
    assert alice_client.post(DELETE, headers=HTMX).status_code == 204
    assert not CustomProvider.objects.exists()


def test_provider_in_use_says_how_many_have_it(acme, alice_client, bob):
    make_integration(bob, "acme")
    assert "1 integration of it is there" in alice_client.get(DELETE).text
    response = alice_client.post(DELETE, headers=HTMX)
    assert response.status_code == 422
    assert "one integration" in response.text


def test_model_is_added_changed_and_deleted(alice_client):
    data = {"provider_id": "openai", "id": "gpt-new", "kind": "chat", "context": "1000"}
    assert alice_client.post(NEW_MODEL, data, headers=HTMX).status_code == 204
    row = CustomModel.objects.get()
    assert "gpt-new" in alice_client.get(reverse("providers")).text
    url = reverse("model-edit", args=[row.pk])
    assert 'value="1000"' in alice_client.get(url).text
    data = {"id": "gpt-new", "kind": "chat", "input_price": "2", "output_price": "3"}
    assert alice_client.post(url, data, headers=HTMX).status_code == 204
    row.refresh_from_db()
    assert row.to_spec().price
    delete = reverse("model-delete", args=[row.pk])
    assert "Delete openai/gpt-new?" in alice_client.get(delete).text
    assert alice_client.post(delete, headers=HTMX).status_code == 204
    assert not CustomModel.objects.exists()


def test_known_model_is_refused_beside_its_field(alice_client):
    data = {"provider_id": "sandbox", "id": "sandbox", "kind": "chat"}
    response = alice_client.post(NEW_MODEL, data, headers=HTMX)
    assert list(response.context["form"].errors) == ["id"]


def test_row_that_cannot_be_read_can_still_be_deleted(alice_client):
    CustomProvider.objects.create(id="acme", spec={"name": "Old"})
    assert "cannot be read" in alice_client.get(reverse("providers")).text
    assert alice_client.get(EDIT).headers["Location"] == DELETE
    alice_client.post(DELETE)
    assert not CustomProvider.objects.exists()


@pytest.mark.parametrize("name", ["providers", "provider-new", "model-new", "health"])
def test_only_administrators_see_these_pages(bob_client, alice_client, name):
    assert bob_client.get(reverse(name)).status_code == 403
    assert alice_client.get(reverse(name)).status_code == 200
    assert reverse("providers") not in bob_client.get("/").text


def test_nobody_else_changes_anything(acme, bob_client):
    for url in (NEW, EDIT, DELETE, NEW_MODEL):
        assert bob_client.post(url, form()).status_code == 403
    assert CustomProvider.objects.count() == 1

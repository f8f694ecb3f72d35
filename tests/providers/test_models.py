"""Rows as specs, and how they join the catalogue."""

from __future__ import annotations

import pytest
from django.db import IntegrityError

from providers import registry
from providers.catalogue.loader import BadProvider
from providers.models import CustomModel, CustomProvider
from providers.registry import BUILTIN, DATABASE, catalogue

SPEC = {
    "name": "Acme",
    "description": "",
    "category": "custom",
    "adapter": "openai",
    "base_url": "https://api.acme.example/v1",
    "auth": [{"id": "key", "type": "api_key", "label": "Key"}],
    "models": [{"id": "small"}],
}

pytestmark = pytest.mark.django_db


def row(id="acme", **facts):
    return CustomProvider.objects.create(id=id, spec={**SPEC, **facts})


def test_row_is_the_spec_under_its_own_id():
    spec = row().to_spec()
    assert (spec.id, spec.name, spec.callable) == ("acme", "Acme", True)


def test_bad_row_names_itself():
    with pytest.raises(BadProvider, match=r"provider acme: category"):
        row(category="toy").to_spec()
    with pytest.raises(BadProvider, match=r"model acme/m: "):
        CustomModel(provider_id="acme", model_id="m", spec={"colour": "red"}).to_spec()


def test_rows_are_not_read_before_reload():
    row()
    assert "acme" not in catalogue()
    registry.reload()
    assert catalogue().origin("acme") == DATABASE
    assert catalogue().origin("openai") == BUILTIN


def test_catalogue_asks_nothing(django_assert_num_queries):
    registry.reload()
    with django_assert_num_queries(0):
        assert catalogue() is catalogue()


def test_a_catalogue_at_hand_does_not_change():
    registry.reload()
    before = catalogue()
    row()
    registry.reload()
    assert "acme" not in before
    assert "acme" in catalogue()


def test_built_in_provider_is_not_replaced_by_a_row(caplog):
    row(id="openai")
    registry.reload()
    assert catalogue()["openai"].name == "OpenAI"
    assert "already one of this id (builtin)" in catalogue().problems["provider openai"]
    assert "provider openai is left out" in caplog.text


def test_what_is_broken_is_logged_once(caplog):
    row(id="openai")
    registry.reload()
    caplog.clear()
    registry.reload()
    assert not caplog.text


@pytest.mark.parametrize(
    "facts", [{"adapter": "telepathy"}, {"adapter": ""}, {"deployment": "builtin"}, {"auth": []}]
)
def test_unusable_row_is_left_out_and_named(facts):
    row(**facts)
    registry.reload()
    assert "acme" not in catalogue()
    assert "provider acme" in catalogue().problems


def test_models_join_their_providers():
    row()
    for provider, model in [("acme", "large"), ("openai", "new"), ("gone", "m"), ("acme", "small")]:
        CustomModel.objects.create(provider_id=provider, model_id=model, spec={})
    registry.reload()
    assert [model.id for model in catalogue()["acme"].models] == ["small", "large"]
    assert catalogue()["openai"].model("new")
    assert set(catalogue().problems) == {"model gone/m", "model acme/small"}


def test_model_stands_once_at_its_provider():
    CustomModel.objects.create(provider_id="openai", model_id="m", spec={})
    with pytest.raises(IntegrityError):
        CustomModel.objects.create(provider_id="openai", model_id="m", spec={})

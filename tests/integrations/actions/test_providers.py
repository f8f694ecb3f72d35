"""Providers and models for everybody: who may change them, to what, and that every process sees it."""

from __future__ import annotations

import pytest
from asgiref.sync import async_to_sync
from django.core.exceptions import ValidationError

from integrations import access, live
from integrations.actions import integrations as of_integrations
from integrations.actions import providers as actions
from integrations.audit import SYSTEM
from integrations.errors import NotAllowed
from integrations.inputs import IntegrationInput
from integrations.models import Revision
from integrations.provider_inputs import ModelInput, ProviderInput
from providers import registry
from providers.models import CustomModel, CustomProvider
from providers.registry import catalogue

ACME = ProviderInput(
    id="acme",
    name="Acme",
    adapter="openai",
    base_url="https://api.acme.example/v1",
    supported_models=[ModelInput(id="small", input_price="1", output_price="2")],
)


@pytest.fixture
def acme(alice):
    return actions.create_provider(SYSTEM, alice, ACME)


@pytest.fixture
def used(acme, bob):
    """bob has an integration of it."""
    registry.reload()
    return of_integrations.create(SYSTEM, bob, "acme", IntegrationInput(key="sk-0123456789abcdef"))


def fails(act, key):
    with pytest.raises(ValidationError) as caught:
        act()
    assert list(getattr(caught.value, "message_dict", {"": caught.value.messages})) == [key]
    return " ".join(caught.value.messages)


def test_new_provider_begins_as_any_endpoint_of_its_format(acme):
    spec = acme.to_spec()
    general = catalogue()["openai-compatible"]
    assert (spec.paths, spec.test, spec.quirks) == (general.paths, general.test, general.quirks)
    assert spec.auth[0].prefix == "Bearer "


def test_new_anthropic_provider_signs_in_as_that_format_does(alice):
    data = ProviderInput(id="a", name="A", adapter="anthropic", base_url="https://a.example")
    spec = actions.create_provider(SYSTEM, alice, data).to_spec()
    assert spec.auth[0].name == "x-api-key"
    assert spec.headers["anthropic-version"]


def test_unknown_format_is_refused(alice):
    data = ProviderInput(id="a", name="A", adapter="telepathy", base_url="https://a.example")
    assert "one of" in fails(lambda: actions.create_provider(SYSTEM, alice, data), "adapter")


def test_row_that_only_the_database_knows_yet_is_not_replaced(alice, acme):
    fails(lambda: actions.create_provider(SYSTEM, alice, ACME), "id")


def test_unchanged_price_keeps_its_date_and_a_new_one_gets_todays(alice, acme):
    acme.spec["models"][0]["price"]["checked"] = "2020-01-01"
    acme.save()
    same = ModelInput(id="small", input_price="1", output_price="2")
    edit = ProviderInput(supported_models=[same])
    row = actions.edit_provider(SYSTEM, alice, acme, edit)
    assert row.spec["models"][0]["price"]["checked"] == "2020-01-01"
    edit = ProviderInput(supported_models=[ModelInput(id="small", input_price="3")])
    row = actions.edit_provider(SYSTEM, alice, acme, edit)
    price = row.to_spec().models[0].price
    assert price
    assert (price.input, price.output, price.checked.year > 2020) == ("3", "2", True)


def test_emptied_price_is_unpriced(alice, acme):
    edit = ProviderInput(supported_models=[ModelInput(id="small", input_price="", output_price="")])
    assert actions.edit_provider(SYSTEM, alice, acme, edit).to_spec().models[0].price is None


def test_event_names_what_changed(alice, acme):
    actions.edit_provider(SYSTEM, alice, acme, ProviderInput(name="New", enabled=False))
    event = access.audit_of(alice).first()
    assert event
    assert event.data["changed"] == ["name", "enabled"]


def test_administrators_and_nobody_else_read_the_events(alice, bob, acme):
    assert access.audit_of(alice).filter(action="provider.created").exists()
    assert not access.audit_of(bob).filter(action="provider.created").exists()


def test_id_stays(alice, acme):
    fails(lambda: actions.edit_provider(SYSTEM, alice, acme, ProviderInput(id="b")), "id")


def test_address_does_not_move_away_under_stored_keys(alice, acme, used):
    edit = ProviderInput(base_url="https://evil.example/v1")
    act = lambda: actions.edit_provider(SYSTEM, alice, acme, edit)  # noqa: E731  # it is tried twice
    assert "One integration" in fails(act, "base_url")
    of_integrations.delete(SYSTEM, used)
    assert act().to_spec().base_url == "https://evil.example/v1"


def test_disabled_provider_stays_in_sight_and_is_not_called(alice, acme, used):
    actions.edit_provider(SYSTEM, alice, acme, ProviderInput(enabled=False))
    registry.reload()
    assert not catalogue()["acme"].callable
    actions.edit_provider(SYSTEM, alice, acme, ProviderInput(enabled=True))
    registry.reload()
    assert catalogue()["acme"].callable


def test_provider_with_integrations_is_not_deleted_and_their_number_is_told(alice, bob, acme, used):
    of_integrations.create(SYSTEM, bob, "acme", IntegrationInput(key="sk-0123456789abcdef"))
    act = lambda: actions.delete_provider(SYSTEM, alice, acme)  # noqa: E731  # as above
    assert "2 integrations" in fails(act, "")
    assert CustomProvider.objects.exists()


def test_only_an_administrator_acts(alice, bob, acme):
    model = actions.create_model(SYSTEM, alice, "openai", ModelInput(id="m"))
    bob.is_staff = True  # is not enough
    for act in (
        lambda: actions.create_provider(SYSTEM, bob, ACME),
        lambda: actions.edit_provider(SYSTEM, bob, acme, ProviderInput(name="x")),
        lambda: actions.delete_provider(SYSTEM, bob, acme),
        lambda: actions.create_model(SYSTEM, bob, "openai", ModelInput(id="n")),
        lambda: actions.edit_model(SYSTEM, bob, model, ModelInput(name="x")),
        lambda: actions.delete_model(SYSTEM, bob, model),
    ):
        with pytest.raises(NotAllowed):
            act()


def test_switched_off_administrator_is_none(alice):
    alice.is_active = False
    with pytest.raises(NotAllowed):
        actions.create_provider(SYSTEM, alice, ACME)


def test_model_joins_a_built_in_provider(alice):
    actions.create_model(SYSTEM, alice, "openai", ModelInput(id="gpt-new", context=5))
    registry.reload()
    found = catalogue()["openai"].model("gpt-new")
    assert found
    assert found.context == 5


@pytest.mark.parametrize(
    ("provider", "model", "key"),
    [("no-such", "m", "provider_id"), ("openai", "", "id"), ("sandbox", "sandbox", "id")],
)
def test_model_that_cannot_be_is_refused(alice, provider, model, key):
    fails(lambda: actions.create_model(SYSTEM, alice, provider, ModelInput(id=model)), key)


def test_renamed_model_does_not_hide_another(alice):
    model = actions.create_model(SYSTEM, alice, "sandbox", ModelInput(id="m"))
    fails(lambda: actions.edit_model(SYSTEM, alice, model, ModelInput(id="sandbox")), "id")
    assert actions.edit_model(SYSTEM, alice, model, ModelInput(id="n")).model_id == "n"
    assert CustomModel.objects.get().to_spec().id == "n"


# --- Every process sees it ---


def test_change_holds_here_when_it_is_committed(alice, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        actions.create_provider(SYSTEM, alice, ACME)
        assert "acme" not in catalogue()
    assert "acme" in catalogue()


@pytest.mark.django_db(transaction=True)
def test_change_of_another_process_holds_after_the_next_look(alice, bob):
    """This process looks once, another one writes rows and counts, as its actions do."""
    row = actions.create_provider(SYSTEM, alice, ACME)
    of_integrations.create(SYSTEM, bob, "acme", IntegrationInput(key="sk-0123456789abcdef"))
    live.forget()  # this process has just started
    refresh, connections = async_to_sync(live.refresh), async_to_sync(live.connections)
    refresh()

    def known_models():
        (connection,) = [c for c in connections(bob.pk) if c.provider.id == "acme"]
        return [model.id for model in connection.provider.models]

    assert known_models() == ["small"]
    row.spec = {**row.spec, "models": [{"id": "large"}]}
    row.save()
    Revision.bump()
    assert known_models() == ["small"]
    refresh()
    assert known_models() == ["large"]
    assert [model.id for model in catalogue()["acme"].models] == ["large"]


@pytest.mark.django_db(transaction=True)
def test_look_without_a_change_reads_no_rows(alice, django_assert_num_queries):
    live.look()
    with django_assert_num_queries(1):
        live.look()

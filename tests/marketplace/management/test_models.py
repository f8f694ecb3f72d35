from __future__ import annotations

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from integrations.audit import Act
from integrations.models import AuditEvent
from providers import registry
from providers.catalogue.spec import ModelSpec
from providers.errors import AuthFailed
from providers.models import CustomModel
from providers.registry import catalogue
from tests.factories import make_integration
from tests.fakes import serve_fake

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _catalogue_as_shipped():
    yield
    registry.forget()


def refresh(*arguments):
    out = StringIO()
    call_command("models", "refresh", *arguments, stdout=out, stderr=out)
    return out.getvalue()


@pytest.fixture
def document(tmp_path):
    """``document("openai", new=2)`` is a file in which that model costs so much for input."""

    def write(provider, **prices):
        models = {
            name: {
                "id": name,
                "modalities": {"output": ["text"]},
                "limit": {"context": 1000, "output": 100},
                "cost": {"input": price, "output": price},
            }
            for name, price in prices.items()
        }
        path = tmp_path / "api.json"
        path.write_text(json.dumps({provider: {"models": models}}), encoding="utf-8")
        return str(path)

    return write


def test_new_models_are_added_and_can_be_called_at_once(document):
    said = refresh("--from", document("openai", brandnew=2))
    assert "+ openai/brandnew\n" in said
    assert "New: 1. Changed: 0." in said
    model = catalogue()["openai"].model("brandnew")
    assert model
    assert model.price
    assert (model.price.input, model.price.source, model.source) == ("2", "api.json", "api.json")
    assert AuditEvent.objects.get(action=Act.MODELS_ADOPTED).data == {"models": ["brandnew"]}


def test_dry_run_writes_nothing(document):
    said = refresh("--from", document("openai", brandnew=2), "--dry-run")
    assert "New: 1." in said
    assert "Nothing was written." in said
    assert not CustomModel.objects.exists()


def test_second_time_only_what_changed_is_written(document):
    refresh("--from", document("openai", one=2, two=2))
    said = refresh("--from", document("openai", one=2, two=3))
    assert "~ openai/two: price.input: 2 → 3, price.output: 2 → 3" in said
    assert "openai/one" not in said
    assert CustomModel.objects.count() == 2


def test_administrators_model_stays_and_is_told_about(document):
    CustomModel.objects.create(provider_id="openai", model_id="mine", spec={"context": 5})
    said = refresh("--from", document("openai", mine=2))
    assert "openai/mine is an administrator’s and stays; the list has context: 5 → 1000" in said
    assert CustomModel.objects.get().spec == {"context": 5}


def test_shipped_model_stays_and_is_told_about(document):
    shipped = catalogue()["openai"].models[0]
    said = refresh("--from", document("openai", **{shipped.id: 777}))
    assert f"openai/{shipped.id} is shipped and stays; the list has" in said
    assert "→ 777" in said
    assert not CustomModel.objects.exists()


def test_one_provider_can_be_named(document):
    path = document("openai", brandnew=2)
    with pytest.raises(CommandError, match="holds none of the providers"):
        refresh("--from", path, "--provider", "anthropic")
    with pytest.raises(CommandError, match="no provider nosuch"):
        refresh("--from", path, "--provider", "nosuch")
    assert "+ openai/brandnew" in refresh("--from", path, "--provider", "openai")


def test_price_that_is_unknown_stays_so(document):
    said = refresh("--from", document("openai", brandnew=0), "--json")
    (finding,) = json.loads(said)["findings"]
    assert (finding["verdict"], finding["model"]["price"]) == ("new", None)


def test_file_that_is_not_there_is_named():
    with pytest.raises(CommandError, match=r"nowhere\.json cannot be read: No such file"):
        refresh("--from", "nowhere.json")


def test_address_that_is_not_allowed_is_refused():
    with pytest.raises(CommandError, match="private or not encrypted"):
        refresh("--from", "http://127.0.0.1:9/api.json")


def test_document_is_fetched_by_its_address(document, allow_private):
    with serve_fake() as fake:
        allow_private(f"127.0.0.1:{fake.port}")
        with pytest.raises(CommandError, match="answered with status 404"):
            refresh("--from", f"{fake.url}/api.json")


def test_administrators_providers_are_asked_for_their_own_lists(alice, bob, monkeypatch):
    make_integration(alice, "openai")
    make_integration(bob, "anthropic", key="sk-ant-test-0123456789")
    asked = []

    async def list_models(upstream, connection):
        asked.append(connection.provider.id)
        return (*catalogue()["openai"].models[:1], ModelSpec(id="from-the-list"))

    monkeypatch.setattr("aiproxy.probe.list_models", list_models)
    said = refresh()
    assert asked == ["openai"]
    assert "+ openai/from-the-list (unpriced)" in said
    assert CustomModel.objects.get().spec["source"] == "OpenAI’s own list"


def test_provider_that_does_not_answer_is_named_and_the_others_go_on(alice, document, monkeypatch):
    make_integration(alice, "openai")

    async def list_models(upstream, connection):
        raise AuthFailed("The key was refused.")

    monkeypatch.setattr("aiproxy.probe.list_models", list_models)
    said = refresh("--from", document("anthropic", brandnew=2))
    assert "openai: The key was refused." in said
    assert "+ anthropic/brandnew" in said

import pytest

from providers.adapters import ADAPTERS
from providers.catalogue.spec import Auth, ModelSpec, ProviderSpec
from providers.registry import Catalogue, catalogue


def spec(identity, name, **facts):
    way = Auth(id="none", type="none", label="None", place="none")
    return ProviderSpec(
        id=identity, name=name, description="", category="llm", auth=(way,), **facts
    )


OURS = Catalogue(
    [
        spec("b", "beta", adapter="openai", models=(ModelSpec(id="m"),)),
        spec("a", "Alpha"),
        spec("s", "Zand", deployment="builtin"),
    ]
)


def test_built_in_provider_comes_first_and_the_others_by_name():
    assert [provider.id for provider in OURS] == ["s", "a", "b"]


def test_providers_are_found_by_id():
    assert "a" in OURS
    assert "x" not in OURS
    assert OURS["a"].name == "Alpha"
    assert OURS.get("x") is None
    with pytest.raises(KeyError):
        OURS["x"]


def test_adapter_is_the_formats():
    assert OURS.adapter("b") is ADAPTERS["openai"]


def test_model_may_be_spoken_to_in_another_format():
    models = (ModelSpec(id="pro", quirks={"adapter": "responses"}), ModelSpec(id="m"))
    ours = Catalogue([spec("b", "beta", adapter="openai", models=models)])
    assert ours.adapter("b", "pro") is ADAPTERS["responses"]
    assert ours.adapter("b", "m") is ADAPTERS["openai"]
    assert ours.adapter("b", "unknown") is ADAPTERS["openai"]


@pytest.mark.parametrize("model", ["gpt-5-pro", "gpt-5.3-codex", "o3-pro"])
def test_openai_s_pro_and_codex_models_speak_responses(model):
    assert catalogue().adapter("openai", model) is ADAPTERS["responses"]


def test_provider_that_is_only_listed_has_no_adapter():
    assert not OURS["a"].callable
    with pytest.raises(KeyError):
        OURS.adapter("a")


def test_host_knows_the_model_where_the_catalogue_does():
    assert OURS.host("b", "m").model is OURS["b"].models[0]
    assert OURS.host("b", "other").model is None


def test_built_in_catalogue_is_loaded_once():
    assert catalogue() is catalogue()
    assert "sandbox" in catalogue()

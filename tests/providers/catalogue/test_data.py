"""What must hold for every provider's data, beyond its schema."""

import re
from pathlib import Path

import pytest

from providers import adapters
from providers.adapters import ADAPTERS
from providers.adapters.base import Host
from providers.catalogue.loader import load_builtin
from providers.catalogue.spec import PriceData
from providers.chat import ChatRequest, Message, Text

SPECS = load_builtin()
CALLABLE = [spec for spec in SPECS if spec.callable]
PRICED = [(spec, model) for spec in SPECS for model in spec.models if model.price]


def named(specs):
    return pytest.mark.parametrize("spec", specs, ids=lambda spec: spec.id)


@named(SPECS)
def test_adapter_exists(spec):
    assert not spec.adapter or spec.adapter in ADAPTERS


@named(SPECS)
def test_provider_without_an_address_is_a_custom_one(spec):
    assert bool(spec.base_url) or spec.deployment == "custom"


@named(SPECS)
def test_description_is_one_line_that_ends(spec):
    assert spec.description.endswith(".")
    assert len(spec.description) < 100


@named(SPECS)
def test_addresses_of_pages_are_https(spec):
    for url in filter(None, (spec.documentation_url, spec.key_url)):
        assert url.startswith("https://")


@named(SPECS)
def test_paths_begin_with_a_slash_or_are_empty(spec):
    for path in [*spec.paths.values(), spec.test.path]:
        assert path == "" or path.startswith("/")


@named(SPECS)
def test_bearer_is_followed_by_a_space(spec):
    for auth in spec.auth:
        assert not auth.prefix or auth.prefix.endswith(" ")


@named(SPECS)
def test_only_local_providers_are_free(spec):
    assert spec.free == (spec.deployment in ("local", "builtin"))


@named([spec for spec in SPECS if spec.auth[0].type == "none"])
def test_test_without_a_key_proves_none(spec):
    assert not spec.test.proves_key


@named([spec for spec in SPECS if spec.models])
def test_default_model_is_a_chat_model_of_the_list(spec):
    model = spec.model(spec.default_model)
    assert model is not None
    assert model.kind == "chat"


@named([spec for spec in SPECS if spec.models])
def test_models_can_do_nothing_their_provider_cannot(spec):
    for model in spec.models:
        assert set(model.capabilities) <= set(spec.features)
        assert (model.kind == "embedding") == ("embeddings" in model.capabilities)


@pytest.mark.parametrize(("spec", "model"), PRICED, ids=lambda value: value.id)
def test_price_tells_where_it_comes_from(spec, model):
    assert isinstance(model.price, PriceData)
    assert model.price.source
    price = model.price.price()
    assert price.input > 0
    assert price.cache_read is None or price.cache_read < price.input
    assert [tier.above for tier in price.tiers] == sorted({tier.above for tier in price.tiers})


@named(CALLABLE)
def test_smallest_request_can_be_built(spec):
    model = spec.default_model or "m"
    request = ChatRequest(model, (Message("user", (Text("Hello"),)),), max_tokens=5, stream=True)
    wire = ADAPTERS[spec.adapter].build(request, Host(spec, spec.model(model)))
    assert wire.content()
    assert wire.changes == ()


def test_quirks_that_are_set_are_read_somewhere():
    folder = Path(adapters.__path__[0])
    code = "".join(path.read_text(encoding="utf-8") for path in folder.glob("*.py"))
    read = set(re.findall(r'quirk\(\s*"(\w+)"', code)) | set(
        re.findall(r'quirks?\["(\w+)"\]', code)
    )
    said = {name for spec in SPECS for name in spec.quirks}
    said |= {name for spec in SPECS for model in spec.models for name in model.quirks}
    assert said <= read


@pytest.mark.parametrize(
    ("provider", "key"),
    [
        ("openai", "sk-proj-abcT3BlbkFJdef"),
        ("deepseek", "sk-" + "a" * 32),
        ("groq", "gsk_" + "A" * 52),
        ("openrouter", "sk-or-v1-" + "0" * 64),
        ("mistral", "a" * 32),
    ],
)
def test_key_of_the_usual_form_fits_the_hint(provider, key):
    (spec,) = [spec for spec in SPECS if spec.id == provider]
    assert re.search(spec.key.pattern, key)

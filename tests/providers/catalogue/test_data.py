"""What must hold for every provider's data, beyond its schema."""

import re
from collections import Counter
from pathlib import Path
from typing import get_args

import pytest

from providers import adapters
from providers.adapters import ADAPTERS
from providers.adapters.base import Host
from providers.catalogue.loader import load_builtin
from providers.catalogue.spec import Category, PriceData
from providers.chat import ChatRequest, Message, Text
from providers.embedding import EmbeddingRequest

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
    for path in spec.paths.values():
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
def test_default_model_is_of_the_list_and_chats_where_the_provider_does(spec):
    model = spec.model(spec.default_model)
    assert model is not None
    assert model.kind == ("chat" if "chat" in spec.features else "embedding")


@named([spec for spec in SPECS if any("adapter" in model.quirks for model in spec.models)])
def test_models_of_another_format_name_one_that_exists(spec):
    assert {Host(spec, model).adapter for model in spec.models} <= set(ADAPTERS)


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


@named([spec for spec in CALLABLE if "chat" not in spec.features])
def test_smallest_embedding_can_be_built(spec):
    request = EmbeddingRequest("m", ("Hello",), dimensions=256, task="document")
    wire = ADAPTERS[spec.adapter].build_embedding(request, Host(spec))
    assert wire.content()
    assert wire.changes == ()


@named([spec for spec in CALLABLE if "chat" in spec.features])
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


def test_every_provider_of_the_product_is_there():
    assert len(SPECS) >= 63
    assert {spec.category for spec in SPECS} == set(get_args(Category)) - {"vision"}


@named([spec for spec in SPECS if spec.status == "active" and not spec.adapter])
def test_provider_that_is_listed_only_says_why(spec):
    assert spec.notes


@named(SPECS)
def test_some_way_to_sign_in_can_be_used(spec):
    assert spec.usable_ways
    assert spec.way("") in spec.usable_ways


@named([spec for spec in SPECS if spec.deployment == "hosted"])
def test_hosted_provider_says_what_its_key_is_called_elsewhere(spec):
    first = spec.auth[0]
    assert first.env in spec.env
    assert first.env == first.env.upper()


SHARED = {"OLLAMA_API_KEY", "OPENAI_API_KEY", "OPENAI_BASE_URL", "ANTHROPIC_AUTH_TOKEN"}
SHARED |= {"ANTHROPIC_BASE_URL"}
"""Names that a provider shares with the formats that copy it, so that they tell the format and not the provider."""


def test_name_of_a_variable_tells_the_provider():
    found = Counter(name for spec in SPECS for name in set(spec.env))
    assert {name for name, count in found.items() if count > 1} <= SHARED


@named([spec for spec in SPECS if spec.test.chat and spec.callable and spec.deployment == "hosted"])
def test_provider_that_is_tested_by_a_chat_has_a_model_for_it(spec):
    assert spec.default_model
    assert not spec.test.free


PUBLIC_LISTS = (
    *("openrouter", "deepinfra", "huggingface", "nvidia", "sambanova", "novita"),
    *("chutes", "vercel-ai-gateway", "ai21", "ollama-cloud"),
)


@pytest.mark.parametrize("provider", PUBLIC_LISTS)
def test_list_that_answers_everybody_proves_no_key(provider):
    (spec,) = [spec for spec in SPECS if spec.id == provider]
    assert spec.test.path != spec.paths["models"]
    assert spec.test.proves_key


@named([spec for spec in SPECS if "{" in spec.base_url])
def test_address_with_variables_is_filled_from_fields_that_are_needed_and_checked(spec):
    filling = {field.variable: field for field in spec.fields if field.variable}
    for name in re.findall(r"\{(\w+)\}", spec.base_url):
        assert filling[name].required or filling[name].default
        assert filling[name].pattern
        assert filling[name].help

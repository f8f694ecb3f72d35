from datetime import date
from decimal import Decimal

import msgspec
import pytest

from providers.catalogue.spec import (
    Auth,
    Field,
    KeyFormat,
    ModelSpec,
    PriceData,
    ProviderSpec,
    TierData,
    check,
)
from providers.usage import Tier

NONE = Auth(id="none", type="none", label="None", place="none")
KEY = Auth(id="key", type="api_key", label="Key")
TODAY = date(2026, 11, 20)


def spec(**facts):
    return ProviderSpec(
        **{"id": "acme", "name": "", "description": "", "category": "llm", "auth": (KEY,), **facts}
    )


def test_good_provider_has_no_problems():
    assert check(spec(base_url="https://a.example/v1")) == []


def test_address_with_a_variable_is_checked_when_it_is_filled():
    field = Field(name="resource", label="Resource", variable="resource")
    assert check(spec(base_url="https://{resource}.a.example", fields=(field,))) == []


@pytest.mark.parametrize(
    ("facts", "key"),
    [
        ({"id": "Acme"}, "id"),
        ({"id": "a--b"}, "id"),
        ({"auth": ()}, "auth"),
        ({"auth": (KEY, KEY)}, "auth"),
        ({"auth": (Auth(id="none", type="none", label="None"),)}, "auth[0].place"),
        ({"base_url": "https://a@b"}, "base_url"),
        ({"fields": (Field(name="a", label="A"),)}, "fields[0]"),
        ({"fields": (Field(name="a", label="A", header="x", variable="y"),)}, "fields[0]"),
        ({"fields": (Field(name="a", label="A", header="x", pattern="("),)}, "fields[0].pattern"),
        ({"key": KeyFormat(pattern="[")}, "key.pattern"),
        ({"models": (ModelSpec(id="m"), ModelSpec(id="m"))}, "models"),
        ({"models": (ModelSpec(id="m"),), "default_model": "x"}, "default_model"),
        (
            {"models": (ModelSpec(id="m", price=PriceData(input="x", source="s", checked=TODAY)),)},
            "models",
        ),
        (
            {
                "models": (
                    ModelSpec(id="m", price=PriceData(input="-1", source="s", checked=TODAY)),
                )
            },
            "models",
        ),
    ],
)
def test_problem_is_named_by_its_key(facts, key):
    (problem,) = check(spec(**facts))
    assert problem.startswith(f"{key}: ")


def test_price_is_exact():
    data = PriceData(
        input="0.1",
        output="0.3",
        cache_read="0.01",
        tiers=(TierData(above=5, input="1", output="2"),),
        source="list",
        checked=TODAY,
    )
    price = data.price()
    assert (price.input, price.output, price.cache_read) == (
        Decimal("0.1"),
        Decimal("0.3"),
        Decimal("0.01"),
    )
    assert price.cache_write is None
    assert price.tiers == (Tier(5, Decimal(1), Decimal(2)),)
    assert (price.source, price.checked) == ("list", "2026-11-20")


def test_way_is_found_by_id_else_it_is_the_first():
    found = spec(auth=(NONE, KEY))
    assert found.way("key") is KEY
    assert found.way("gone") is NONE


def test_model_is_found_by_id():
    model = ModelSpec(id="m")
    assert spec(models=(model,)).model("m") is model
    assert spec(models=(model,)).model("x") is None


@pytest.mark.parametrize(
    ("facts", "callable_"),
    [
        ({"adapter": "openai"}, True),
        ({}, False),
        ({"adapter": "openai", "status": "retired"}, False),
    ],
)
def test_provider_is_callable_while_it_exists_and_its_format_is_carried(facts, callable_):
    assert spec(**facts).callable is callable_


def test_catalogue_data_cannot_be_changed():
    with pytest.raises(AttributeError):
        spec().name = "x"


def test_unknown_keys_are_refused():
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"id": "m", "colour": "red"}, ModelSpec)

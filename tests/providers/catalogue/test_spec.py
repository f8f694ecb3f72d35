from datetime import date
from decimal import Decimal

import msgspec
import pytest

from providers.catalogue.spec import (
    Auth,
    ConnectionTest,
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
    address = {"base_url": "https://{resource}.a.example", "base_url_suffix": ".a.example"}
    assert check(spec(**address, fields=(field,))) == []


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
        ({"fields": (Field(name="a", label="A", header="x", names="key"),)}, "fields[0]"),
        ({"fields": (Field(name="a", label="A", names="nobody"),)}, "fields[0].names"),
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


OAUTH = Auth(id="oauth", type="oauth", label="Sign in")


def test_a_way_that_cannot_be_used_is_known_but_not_the_usual_one():
    found = spec(auth=(OAUTH, KEY))
    assert found.usable_ways == (KEY,)
    assert found.way("gone") is KEY
    assert found.way("oauth") is OAUTH


def test_provider_without_a_usable_way_has_one_all_the_same():
    assert spec(auth=(OAUTH,)).usable_ways == ()
    assert spec(auth=(OAUTH,)).way("") is OAUTH


ACCOUNT = Field(name="account", label="Account", required=True, variable="account")


@pytest.mark.parametrize(
    ("facts", "key"),
    [
        ({"base_url": "https://a.example/{x}"}, "base_url"),
        ({"base_url": "https://{account}.a.example"}, "base_url_suffix"),
        ({"base_url": "https://{account}.a.example", "base_url_suffix": ".com"}, "base_url_suffix"),
        (
            {"base_url": "https://{account}.a.example", "base_url_suffix": ()},
            "base_url_suffix",
        ),
        (
            {
                "base_url": "https://{account}.a.example",
                "base_url_suffix": (".a.example", "evil.example"),
            },
            "base_url_suffix",
        ),
        (
            {"base_url": "https://a.example", "test": ConnectionTest(path="https://b.example/me")},
            "test.path",
        ),
        (
            {"base_url": "https://a.example", "test": ConnectionTest(path="http://a.example/me")},
            "test.path",
        ),
        ({"base_url": "https://a.example", "test": ConnectionTest(path="me")}, "test.path"),
    ],
)
def test_address_that_could_lead_elsewhere_is_named(facts, key):
    (problem,) = check(spec(fields=(ACCOUNT,), **facts))
    assert problem.startswith(f"{key}: ")


ELSEWHERE = {
    "base_url": "https://a.example/v1",
    "test": ConnectionTest(path="https://b.example/me"),
    "test_origins": ("https://b.example",),
}


def test_only_a_provider_of_the_project_may_test_a_key_elsewhere():
    assert check(spec(**ELSEWHERE), shipped=True) == []
    (problem,) = check(spec(**ELSEWHERE))
    assert problem.startswith("test_origins: only a provider that comes with the project")


@pytest.mark.parametrize(
    "origin", ["http://b.example", "https://b.example/", "https://*.b.example", "https://b"]
)
def test_origin_is_an_https_one_without_a_path(origin):
    facts = ELSEWHERE | {"test": ConnectionTest(), "test_origins": (origin,)}
    (problem,) = check(spec(**facts), shipped=True)
    assert problem.startswith("test_origins: ")


def test_testing_elsewhere_needs_an_address_to_be_the_providers_own():
    facts = ELSEWHERE | {"base_url": ""}
    (problem,) = check(spec(**facts), shipped=True)
    assert problem.startswith("test_origins: ")


def test_variable_of_a_path_needs_a_field_that_is_always_filled():
    path = {"chat": "/{place}/{model}"}
    field = Field(name="place", label="Place", variable="place")
    (problem,) = check(spec(paths=path, fields=(field,)))
    assert problem.startswith("paths: ")
    for sure in ({"required": True}, {"default": "all"}):
        assert check(spec(paths=path, fields=(msgspec.structs.replace(field, **sure),))) == []


def test_path_of_a_field_may_use_its_own_variable():
    field = Field(name="v", label="V", variable="v", paths={"chat": "/{model}?v={v}"})
    assert check(spec(fields=(field,))) == []


def test_default_must_fit_its_pattern():
    field = Field(name="v", label="V", variable="v", pattern="[0-9]+", default="x")
    (problem,) = check(spec(fields=(field,)))
    assert "default" in problem


def test_field_can_name_the_header_of_a_way_to_sign_in():
    found = spec(fields=(Field(name="header", label="Header", names="key"),))
    assert check(found) == []
    assert found.way("key", {"header": "X-Own"}).name == "X-Own"
    assert found.way("key", {"header": ""}) == found.way("key") == KEY

from __future__ import annotations

import json
from datetime import date

import pytest

from providers.catalogue.loader import load_model
from providers.catalogue.spec import ModelSpec, PriceData, TierData
from providers.model_lists import BadList, as_row, compared, merged, of_models_dev, of_provider

TODAY = date(2026, 11, 20)
EARLIER = date(2026, 1, 1)


def listed(**cost):
    return {
        "id": "m-1",
        "name": "M One",
        "tool_call": True,
        "reasoning": False,
        "structured_output": True,
        "modalities": {"input": ["text", "image"], "output": ["text"]},
        "limit": {"context": 128000, "output": 8192},
        "cost": cost,
    }


def read(*items):
    document = {"acme-ai": {"models": {str(n): item for n, item in enumerate(items)}}}
    found = of_models_dev(json.dumps(document).encode(), {"acme": "acme-ai"}, "a list", TODAY)
    return found["acme"]


def price(input="2", output="8", **data):
    return PriceData(input=input, output=output, source="a list", checked=TODAY, **data)


def test_model_is_read_with_its_limits_abilities_price_and_source():
    (model,) = read(listed(input=0.28, output=1.1, cache_read=0.028))
    assert model == ModelSpec(
        id="m-1",
        name="M One",
        context=128000,
        max_output=8192,
        capabilities=("chat", "streaming", "tools", "vision", "structured_output"),
        price=price("0.28", "1.1", cache_read="0.028"),
        source="a list",
        checked=TODAY,
    )


@pytest.mark.parametrize(
    "cost",
    [
        {},
        {"input": 0, "output": 0},
        {"input": "2"},
        {"input": True},
        {"input": -1},
        {"input": 1e300},
        {"input": 1, "output": 2, "tiers": [{"input": 2, "tier": {"type": "context"}}]},
        {"input": 1, "output": 2, "reasoning": 3},
        {"input": 1, "output": 2, "tiers": [{"input": 2, "tier": {"type": "hours"}}]},
    ],
)
def test_price_that_is_unknown_or_cannot_be_said_here_stays_unknown(cost):
    assert read(listed(**cost))[0].price is None


@pytest.mark.parametrize(
    "more",
    [
        {"tiers": [{"input": 4, "output": 16, "tier": {"type": "context", "size": 200_000}}]},
        {"context_over_200k": {"input": 4, "output": 16}},
    ],
)
def test_tiers_are_read_in_both_spellings(more):
    (model,) = read(listed(input=2, output=8, **more))
    assert model.price == price(tiers=(TierData(above=200_000, input="4", output="16"),))


def test_models_that_are_deprecated_or_cannot_be_called_are_passed_over():
    old = {**listed(), "status": "deprecated"}
    picture = {**listed(), "modalities": {"output": ["image"]}}
    assert read(old, picture) == []


def test_embedding_is_known_by_its_name():
    (model,) = read({**listed(), "id": "m-embed"})
    assert (model.kind, model.capabilities, model.max_output) == ("embedding", ("embeddings",), 0)


@pytest.mark.parametrize("text", [b"", b"[]", b"{}", b'{"acme-ai": 1}', b"<html>"])
def test_anything_else_is_refused(text):
    with pytest.raises(BadList):
        of_models_dev(text, {"acme": "acme-ai"}, "a list", TODAY)


def test_what_the_provider_says_of_its_own_models_wins():
    live = of_provider([ModelSpec(id="m-1", context=64000), ModelSpec(id="m-2")], "Acme", TODAY)
    one, two = merged(live, read(listed(input=2, output=8)))
    assert (one.context, one.max_output, one.price) == (64000, 8192, price())
    assert one.source == "Acme’s own list; a list"
    assert (two.id, two.price, two.source) == ("m-2", None, "Acme’s own list")


def test_own_list_that_only_names_a_model_changes_no_source():
    live = of_provider([ModelSpec(id="m-1")], "Acme", TODAY)
    assert merged(live, read(listed()))[0].source == "a list"


def test_pictures_and_sound_of_a_providers_own_list_are_passed_over():
    assert of_provider([ModelSpec(id="dall-e", kind="image")], "Acme", TODAY) == []


FOUND = ModelSpec(id="m-1", context=128000, price=price())


def findings(found=FOUND, shipped=(), own=(), earlier=()):
    by_id = [{model.id: model for model in models} for models in (shipped, own, earlier)]
    return [(one.verdict, one.differences) for one in compared("acme", [found], *by_id)]


def test_unknown_model_is_new():
    assert findings() == [("new", ())]


def test_what_is_here_already_is_no_finding():
    same = ModelSpec(id="m-1", context=128000, price=price("2.00", "8.0"))
    assert findings(shipped=[same]) == findings(own=[same]) == findings(earlier=[same]) == []


def test_list_that_knows_less_contradicts_nothing():
    known = ModelSpec(id="m-1", context=128000, max_output=8192, price=price(cache_read="1"))
    assert findings(ModelSpec(id="m-1"), shipped=[known]) == []
    assert findings(earlier=[known]) == []


@pytest.mark.parametrize(
    ("place", "verdict"), [("shipped", "shipped"), ("own", "kept"), ("earlier", "changed")]
)
def test_differences_are_told_wherever_the_model_is(place, verdict):
    ours = ModelSpec(id="m-1", context=64000, price=price("3"))
    differences = ("context: 64000 → 128000", "price.input: 3 → 2")
    assert findings(**{place: [ours]}) == [(verdict, differences)]


def test_change_keeps_what_the_newer_list_does_not_say():
    before = ModelSpec(
        id="m-1", context=64000, price=price("3"), source="b; a list", checked=EARLIER
    )
    live = ModelSpec(id="m-1", context=128000, source="b", checked=TODAY)
    (found,) = compared("acme", [live], {}, {}, {"m-1": before})
    assert found.model == ModelSpec(
        id="m-1", context=128000, price=price("3"), source="b; a list", checked=TODAY
    )


def test_price_of_an_unpriced_model_is_a_difference():
    assert findings(earlier=[ModelSpec(id="m-1", context=128000)])[0][1] == (
        "price.input: unknown → 2",
        "price.output: unknown → 8",
    )


def test_row_holds_what_is_known_and_loads_again():
    (model,) = read(listed(input=2, output=8, context_over_200k={"input": 4, "output": 16}))
    row = as_row(model)
    assert "dimensions" not in row
    assert load_model(json.loads(json.dumps(row)), "row") == model

"""Which place of a call is tried first, and why."""

from __future__ import annotations

import time
import uuid
from collections import Counter
from datetime import date
from random import Random

import pytest

from aiproxy.gateway.call import Target
from aiproxy.gateway.latency import key
from aiproxy.gateway.order import Facts, put
from aiproxy.gateway.routing import Place, Way
from integrations.policy import CallPolicy
from providers.catalogue.spec import ModelSpec, PriceData
from providers.usage import Usage
from tests.aiproxy.connections import connect, make_provider

SIZE = Usage(1_000, 500)


def make_target(name: str, prices: tuple[str, str] | None = None, free=False, **policy) -> Target:
    """A place at the provider ``name``; its ``prices`` are those of a million tokens in and out."""
    price = None
    if prices:
        price = PriceData(
            input=prices[0], output=prices[1], source="test", checked=date(2026, 1, 1)
        )
    provider = make_provider(id=name, models=(ModelSpec(id="m", price=price),), free=free)
    connection = connect(
        "https://api.example.com", provider=provider, id=uuid.uuid4(), policy=CallPolicy(**policy)
    )
    return Target(connection, "m", None, None)  # type: ignore[arg-type]  # nothing is sent


def way(strategy: str, *targets: Target, weights=None) -> Way:
    weights = weights or [1] * len(targets)
    places = [Place([target], weight) for target, weight in zip(targets, weights, strict=True)]
    return Way("alias", places, strategy)


@pytest.fixture
def facts():
    return Facts(lambda *_: 0.0, chance=Random(7).random)


@pytest.fixture
def names(call, facts):
    """``names(way, …)`` are the providers in the order in which they are tried."""

    def put_in_order(*ways: Way, size: Usage = SIZE) -> list[str]:
        found = put(ways, call, facts, lambda: size)
        return [target.connection.provider.id for target in found]

    return put_in_order


def test_priority_keeps_the_order(names):
    assert names(way("priority", *map(make_target, "bac"))) == ["b", "a", "c"]


def test_weights_say_how_often_each_is_first(names):
    mixed = way("weighted", *map(make_target, "abc"), weights=[6, 3, 1])
    first = Counter(names(mixed)[0] for _ in range(1_000))
    assert 550 < first["a"] < 650
    assert 250 < first["b"] < 350
    assert 60 < first["c"] < 140


def test_the_same_chance_draws_the_same(call):
    mixed = way("weighted", *map(make_target, "abc"))
    drawn = [put([mixed], call, Facts(lambda *_: 0, chance=Random(3).random), lambda: SIZE)] * 2
    assert drawn[0] == drawn[1]


def test_those_not_drawn_follow_and_what_weighs_nothing_comes_last(names):
    mixed = way("weighted", *map(make_target, "abc"), weights=[0, 1, 1])
    orders = {tuple(names(mixed)) for _ in range(50)}
    assert orders == {("b", "c", "a"), ("c", "b", "a")}


def test_cheapest_puts_free_ones_first_and_unpriced_ones_last(names):
    mixed = way(
        "cheapest",
        make_target("unknown"),
        make_target("dear", ("5", "25")),
        make_target("cheap", ("1", "5")),
        make_target("mine", free=True),
    )
    assert names(mixed) == ["mine", "cheap", "dear", "unknown"]


def test_cheapest_looks_at_how_long_the_call_is(names):
    reads, writes = make_target("reads", ("1", "20")), make_target("writes", ("4", "4"))
    mixed = way("cheapest", reads, writes)
    assert names(mixed, size=Usage(100_000, 500)) == ["reads", "writes"]
    assert names(mixed, size=Usage(100, 500)) == ["writes", "reads"]


def test_fastest_takes_who_was_quick_of_late(names, call, facts):
    slow, quick = make_target("slow"), make_target("quick")
    now = time.monotonic()
    facts.latencies.note(key(call, slow), 2.0, now)
    facts.latencies.note(key(call, quick), 0.2, now)
    assert names(way("fastest", slow, quick)) == ["quick", "slow"]


def test_fastest_measures_who_is_not_known_with_one_call(names, call, facts):
    known, new = make_target("known"), make_target("new")
    facts.latencies.note(key(call, known), 0.5, time.monotonic())
    mixed = way("fastest", known, new)
    assert names(mixed) == ["new", "known"]
    assert names(mixed) == ["known", "new"]
    facts.latencies.note(key(call, new), 0.1, time.monotonic())
    assert names(mixed) == ["new", "known"]


def test_streams_and_whole_answers_are_measured_apart(names, call, facts):
    one, two = make_target("one"), make_target("two")
    now = time.monotonic()
    for stream, seconds in ((False, 1.0), (True, 3.0)):
        call.stream = stream
        facts.latencies.note(key(call, one), seconds, now)
        facts.latencies.note(key(call, two), 2.0, now)
    assert names(way("fastest", one, two)) == ["two", "one"]
    call.stream = False
    assert names(way("fastest", one, two)) == ["one", "two"]


@pytest.mark.parametrize("strategy", ["priority", "weighted", "cheapest", "fastest"])
def test_who_is_left_alone_comes_last(names, facts, call, strategy):
    bad, good = make_target("bad", free=True), make_target("good")
    facts.paused = lambda found, model: 20.0 if found == bad.connection.id else 0.0
    assert names(way(strategy, bad, good, weights=[1_000, 1])) == ["good", "bad"]
    assert call.route.told(1, "") == f"{strategy} of 2, 1 left alone"


def test_lower_priorities_of_integrations_go_first_then_weight_draws(names):
    spare = make_target("spare", priority=2)
    one, two = make_target("one", priority=1, weight=3), make_target("two", priority=1)
    place = Way("model", [Place([spare, one, two])], "weighted")
    orders = Counter(tuple(names(place)) for _ in range(400))
    assert set(orders) == {("one", "two", "spare"), ("two", "one", "spare")}
    assert 270 < orders["one", "two", "spare"] < 330


def test_an_integration_that_weighs_nothing_is_never_first(names):
    backup, usual = make_target("backup", weight=0), make_target("usual", priority=9)
    assert names(Way("model", [Place([backup, usual])])) == ["usual", "backup"]


def test_integrations_whose_owner_says_nothing_stay_as_they_are(names):
    old, new = make_target("old"), make_target("new")
    assert {tuple(names(Way("model", [Place([old, new])]))) for _ in range(20)} == {("old", "new")}


def test_fallbacks_of_the_call_follow_each_place_once(names, call):
    first, second, third = map(make_target, "abc")
    assert names(way("priority", first, second), way("priority", second, third)) == ["a", "b", "c"]
    assert (call.route.by, call.route.targets) == ("fallback", ["a/m", "b/m", "c/m"])


@pytest.mark.parametrize(
    ("strategy", "place", "fell", "told"),
    [
        ("cheapest", 1, "", "cheapest of 2"),
        ("weighted", 1, "", "weighted of 2"),
        ("cheapest", 2, "rate_limit", "fallback 2 of 2 after rate_limit"),
    ],
)
def test_route_tells_why(names, call, strategy, place, fell, told):
    names(way(strategy, make_target("a"), make_target("b")))
    assert call.route.told(place, fell) == told


def test_route_of_a_call_without_a_choice_tells_nothing(names, call):
    names(way("cheapest", make_target("a")))
    assert call.route.told(1, "") == ""
    assert (call.route.by, call.route.strategy, call.route.targets) == ("alias", "", ["a/m"])

from dataclasses import replace
from decimal import Decimal

import pytest

from providers.usage import MILLION, Charge, Price, Tier, Usage, charges, cost

PRICE = Price(Decimal(2), Decimal(10), Decimal("0.5"), Decimal("2.5"))


def test_total_is_input_and_output():
    assert Usage(3, 4, cached_tokens=2, reasoning_tokens=1).total_tokens == 7


@pytest.mark.parametrize(
    ("usage", "dollars"),
    [
        (Usage(), "0"),
        (Usage(1_000_000, 0), "2"),
        (Usage(0, 1_000_000), "10"),
        (Usage(1_000_000, 0, cached_tokens=1_000_000), "0.5"),
        (Usage(1_000_000, 0, cache_write_tokens=1_000_000), "2.5"),
        (Usage(1000, 100, 600, 300, 50), "0.00225"),
    ],
)
def test_each_token_is_charged_once(usage, dollars):
    assert cost(usage, PRICE) == Decimal(dollars)


def test_cache_without_a_price_costs_the_input_price():
    assert cost(Usage(1_000_000, 0, 500_000, 500_000), Price(Decimal(2), Decimal(0))) == Decimal(2)


def test_writing_for_an_hour_has_its_own_price():
    price = replace(PRICE, cache_write_1h=Decimal(4))
    usage = Usage(1_000_000, 0, cache_write_tokens=500_000, cache_write_1h_tokens=200_000)
    assert cost(usage, price) == Decimal("0.5") * 2 + Decimal("0.3") * Decimal("2.5") + Decimal(
        "0.8"
    )


def test_writing_for_an_hour_without_a_price_costs_what_writing_does():
    usage = Usage(1_000_000, 0, cache_write_tokens=1_000_000, cache_write_1h_tokens=1_000_000)
    assert cost(usage, PRICE) == Decimal("2.5")


def test_more_for_an_hour_than_was_written_is_not_charged_twice():
    price = replace(PRICE, cache_write_1h=Decimal(4))
    assert cost(Usage(10, 0, cache_write_tokens=10, cache_write_1h_tokens=20), price) == Decimal(
        "0.00004"
    )


def test_reasoning_is_part_of_the_output_and_charged_once():
    assert cost(Usage(0, 100, reasoning_tokens=80), PRICE) == cost(Usage(0, 100), PRICE)


def test_counts_that_contradict_each_other_cost_no_less_than_nothing():
    assert cost(Usage(10, 0, cached_tokens=20), PRICE) == Decimal("0.00001")


TIERED = Price(
    Decimal(1),
    Decimal(1),
    tiers=(Tier(200, Decimal(3), Decimal(3)), Tier(100, Decimal(2), Decimal(2), Decimal(1))),
)


@pytest.mark.parametrize(("tokens", "rate"), [(100, 1), (101, 2), (200, 2), (201, 3)])
def test_tier_holds_for_the_whole_call_above_its_limit(tokens, rate):
    assert cost(Usage(tokens, 10), TIERED) == Decimal((tokens + 10) * rate) / 1_000_000


def test_tier_has_its_own_cache_price():
    assert cost(Usage(150, 0, cached_tokens=150), TIERED) == Decimal(150) / 1_000_000


def test_only_billed_tokens_cost_where_the_provider_tells_them():
    usage = Usage(1622, 44, cached_tokens=1024, billed=(91, 31))
    assert cost(usage, PRICE) == cost(Usage(91, 31), PRICE)
    assert usage.total_tokens == 1666


@pytest.mark.parametrize(
    "usage",
    [
        Usage(1000, 100, 600, 300, 50),
        Usage(1000, 100, cache_write_tokens=300, cache_write_1h_tokens=100),
        Usage(1000, 100, billed=(7, 3)),
        Usage(300_000, 5),
    ],
)
def test_charges_add_up_to_the_cost(usage):
    price = replace(PRICE, tiers=(Tier(200_000, Decimal(4), Decimal(15)),))
    found = charges(usage, price)
    assert sum(one.tokens * one.rate for one in found) / MILLION == cost(usage, price)


def test_charges_name_what_was_used():
    assert charges(Usage(1000, 100, 600), PRICE) == [
        Charge("input", 400, Decimal(2)),
        Charge("cache read", 600, Decimal("0.5")),
        Charge("output", 100, Decimal(10)),
    ]

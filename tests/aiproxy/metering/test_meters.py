"""The arithmetic of limits, with the clock given in."""

from __future__ import annotations

import math

from aiproxy.metering import meters
from aiproxy.metering.meters import Ask, Level, Meter

RATE = Meter("r", "rate", 60)
PLACES = Meter("p", "places", 2)
BUDGET = Meter("b", "budget", 100, ends=1_000.0)


def take(level: Level, meter: Meter, amount: int, now: float, lease: str = "a") -> bool:
    fit, _ = meters.take([level], [Ask(meter, amount)], lease, now, now + 60)
    return fit


def test_a_rate_gives_its_minute_at_once_and_then_one_each_second():
    level = Level()
    assert sum(take(level, RATE, 1, now=100.0) for _ in range(100)) == 60
    assert not take(level, RATE, 1, now=100.9)
    assert take(level, RATE, 1, now=101.0)
    assert not take(level, RATE, 1, now=101.0)


def test_waiting_as_long_as_told_is_enough_and_less_is_not():
    level = Level()
    take(level, RATE, 60, now=100.0)
    wait = meters.wait(Ask(RATE, 3), meters.used(level, RATE, 100.0), 100.0)
    assert not take(level, RATE, 3, now=100.0 + wait - 0.01)
    assert take(level, RATE, 3, now=100.0 + wait)


def test_a_call_larger_than_a_bucket_passes_an_empty_one_and_is_paid_off():
    level = Level()
    assert take(level, RATE, 120, now=100.0)
    assert not take(level, RATE, 120, now=219.0)
    assert take(level, RATE, 120, now=220.0)


def test_a_rate_that_was_overestimated_is_given_back():
    level = Level()
    take(level, RATE, 60, now=100.0)
    meters.settle(level, Ask(RATE, 60), "a", 10, 100.0)
    assert take(level, RATE, 50, now=100.0)
    assert not take(level, RATE, 1, now=100.0)


def test_a_rate_that_was_underestimated_is_owed():
    level = Level()
    take(level, RATE, 1, now=100.0)
    meters.settle(level, Ask(RATE, 1), "a", 90, 100.0)
    assert not take(level, RATE, 1, now=130.0)
    assert take(level, RATE, 1, now=131.0)


def test_a_clock_that_goes_back_frees_nothing():
    level = Level()
    take(level, RATE, 60, now=100.0)
    assert not take(level, RATE, 1, now=50.0)


def test_places_come_back_when_they_are_given_back():
    level = Level()
    assert [take(level, PLACES, 1, 0.0, lease) for lease in "abc"] == [True, True, False]
    meters.settle(level, Ask(PLACES, 1), "a", 0, 0.0)
    assert take(level, PLACES, 1, 0.0, "c")


def test_what_a_dead_worker_held_comes_back_when_its_lease_ends():
    level, money = Level(), Level()
    for lease in "ab":
        take(level, PLACES, 1, 0.0, lease)
        take(money, BUDGET, 50, 0.0, lease)
    assert not take(level, PLACES, 1, 59.9, "c")
    assert not take(money, BUDGET, 1, 59.9, "c")
    assert take(level, PLACES, 1, 60.0, "c")
    assert take(money, BUDGET, 100, 60.0, "c")


def test_a_renewed_lease_holds_on_and_counts_once():
    level = Level()
    take(level, PLACES, 1, 0.0, "a")
    meters.put(level, Ask(PLACES, 1), "a", 50.0, 110.0)
    assert take(level, PLACES, 1, 100.0, "b")
    assert not take(level, PLACES, 1, 100.0, "c")
    assert meters.used(level, PLACES, 165.0) == 0


def test_a_budget_keeps_what_was_used_and_frees_the_rest_of_what_was_held():
    level = Level()
    take(level, BUDGET, 80, 0.0)
    assert not take(level, BUDGET, 30, 0.0, "b")
    meters.settle(level, Ask(BUDGET, 80), "a", 70, 0.0)
    assert take(level, BUDGET, 30, 0.0, "b")
    assert meters.wait(Ask(BUDGET, 1), 100, 400.0) == 600.0


def test_a_call_larger_than_a_budget_never_passes():
    assert not take(Level(), BUDGET, 101, 0.0)


def test_all_are_taken_or_none():
    rate, places = Level(), Level()
    asks = [Ask(RATE, 1), Ask(PLACES, 1)]
    admitted = [meters.take([rate, places], asks, lease, 0.0, 60.0)[0] for lease in "abcd"]
    assert admitted == [True, True, False, False]
    assert meters.used(rate, RATE, 0.0) == 2


def test_settling_what_is_not_held_any_more_frees_nothing():
    level = Level()
    take(level, PLACES, 1, 0.0, "a")
    for _ in range(2):
        meters.settle(level, Ask(PLACES, 1), "b", 0, 0.0)
    assert (level.held, level.soonest) == (1, 60.0)
    assert math.isclose(meters.used(level, PLACES, 1.0), 1)

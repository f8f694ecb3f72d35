"""What one worker knows, and what it keeps warm beside a store."""

from __future__ import annotations

from aiproxy.metering.memory import Memory
from aiproxy.metering.meters import Ask, Meter

RATE = Meter("r", "rate", 15)
PLACES = Meter("p", "places", 2)
BUDGET = Meter("b", "budget", 100, ends=1e12)


def test_places_do_not_come_back_by_themselves():
    memory = Memory()
    for lease in "ab":
        memory.take([Ask(PLACES, 1)], lease, 0.0)
    fit, before = memory.take([Ask(PLACES, 1)], "c", 10_000.0)
    assert (fit, before) == (False, [2])


def test_following_a_busy_store_fills_a_bucket_and_no_more():
    memory = Memory()
    for number in range(60):
        memory.follow([Ask(RATE, 1)], str(number), 0.0, [None])
    assert memory.used(RATE, 0.0) == 15
    assert memory.take([Ask(RATE, 1)], "x", 4.0)[0]


def test_a_budgets_total_is_known_from_the_store():
    memory = Memory()
    memory.follow([Ask(BUDGET, 10)], "a", 0.0, [95.0])
    assert memory.used(BUDGET, 0.0) == 95
    assert not memory.take([Ask(BUDGET, 6)], "b", 0.0)[0]
    memory.settle([Ask(BUDGET, 10)], "a", [4], 0.0)
    assert memory.used(BUDGET, 0.0) == 89


def test_what_records_say_only_ever_adds():
    memory = Memory()
    memory.tell(BUDGET, 40)
    memory.tell(BUDGET, 30)
    assert memory.used(BUDGET, 0.0) == 40


def test_a_budget_is_unknown_until_it_is_told():
    memory = Memory()
    assert memory.used(BUDGET, 0.0) is None
    assert memory.used(RATE, 0.0) == 0


def test_what_is_over_is_forgotten_unless_a_call_still_holds_it():
    memory = Memory()
    memory.tell(BUDGET, 1)
    memory.take([Ask(PLACES, 1)], "a", 0.0)
    memory.keep({"r"})
    assert not memory.knows(BUDGET)
    assert memory.used(PLACES, 0.0) == 1

"""The most a call is reckoned to use, and what a refused one is told."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from aiproxy.errors import BudgetUsedUp, LimitReached, TargetBudgetUsedUp, TargetLimitReached
from aiproxy.gateway import refusals, size
from aiproxy.gateway.call import Target
from aiproxy.gateway.limits import Rule
from aiproxy.gateway.refusals import Full
from aiproxy.gateway.ticket import Part, Ticket
from providers.chat import ChatRequest, Message, Text
from providers.registry import catalogue
from tests.aiproxy.gateway.conftest import make_connection


@pytest.fixture
def target() -> Target:
    return make_target()


def make_target(**data: Any) -> Target:
    connection = make_connection(**data)
    return Target(connection, "gpt-x", catalogue().adapter("openai"), catalogue().host("openai"))


def request(**more: Any) -> ChatRequest:
    return ChatRequest("m", (Message("user", (Text("x" * 400),)),), **more)


def refused(name: str, limit: int, amount: int, used: float, wait: float, **rule: Any) -> Full:
    of = Rule(uuid4(), uuid4(), "user", None, "this account", False, {name: limit}, 0)
    of = replace(of, **rule)
    part = Part(of, of.gauges(datetime.now(UTC))[0], amount)
    return Full(part, Ticket("t", [part], datetime.now(UTC)).asks[0], used, wait)


def test_the_most_is_what_the_caller_says_it_may_be(target):
    assert size.most_of_chat(request(max_tokens=5_000), [target]).total_tokens == 5_100
    assert size.most_of_chat(request(max_tokens=10, n=3), [target]).total_tokens == 130


def test_the_most_is_what_an_integration_says_where_the_caller_is_silent():
    targets = [make_target(defaults={"max_tokens": most}) for most in (2_000, 3_000)]
    assert size.most_of_chat(request(), targets).output_tokens == 3_000


def test_the_most_is_a_longer_answer_than_usual_where_nobody_says(target):
    assert size.most_of_chat(request(), [target]).output_tokens == size.MOST_TOKENS


@pytest.mark.parametrize(
    ("full", "told"),
    [
        (
            refused("requests_per_minute", 60, 1, 60, 0.4),
            "The limit of 60 requests a minute for this account is reached: 60 of 60 are used. It frees in 1 s.",
        ),
        (
            refused("requests_per_minute", 1, 1, 1, 60),
            "The limit of 1 request a minute for this account is reached: 1 of 1 are used. It frees in 60 s.",
        ),
        (
            refused("concurrent", 5, 1, 5, 1, by_operator=True),
            "The limit of 5 calls at once for this account is reached: 5 of 5 are under way. It frees in 1 s. "
            "An administrator of this server has set it.",
        ),
        (
            refused("money_per_day", 5_000_000_000, 50_000_000, 4_980_000_000, 3 * 3600),
            "The budget of 5.00 US dollars a day for this account has no room for this call: 4.98 of 5.00 are used or "
            "held for calls under way, and this one may need 0.05. It frees in 3 h. A smaller max_tokens needs less.",
        ),
        (
            refused("tokens_per_month", 1_000_000, 1_500, 999_000, 12 * 86_400),
            "The budget of 1,000,000 tokens a month for this account has no room for this call: 999,000 of 1,000,000 "
            "are used or held for calls under way, and this one may need 1,500. It frees in 12 days. "
            "A smaller max_tokens needs less.",
        ),
    ],
)
def test_a_refusal_says_which_limit_how_full_and_when_it_frees(full, told):
    assert refusals.error(full, None).message == told


def test_a_worker_on_its_own_says_so():
    full = refused("requests_per_minute", 15, 1, 15, 2)._replace(alone=True)
    assert "cannot reach what they share" in refusals.error(full, None).message


def test_only_what_a_target_limits_leads_to_the_next_one(target):
    rate = refused("requests_per_minute", 60, 1, 60, 1)
    budget = refused("tokens_per_day", 60, 1, 60, 1)
    errors = [refusals.error(full, place) for full in (rate, budget) for place in (None, target)]
    assert [type(error) for error in errors] == [
        LimitReached,
        TargetLimitReached,
        BudgetUsedUp,
        TargetBudgetUsedUp,
    ]
    assert [error.fall_back for error in errors] == [False, True, False, True]
    assert errors[1].provider == target.connection.provider.id


def test_a_budget_weighs_more_than_a_rate_and_what_cannot_wait_more_than_what_can():
    waitable = refused("requests_per_minute", 60, 1, 60, 9, queue_seconds=5)
    hard = refused("requests_per_minute", 60, 1, 60, 1)
    budget = refused("tokens_per_day", 60, 1, 60, 1)
    assert max(waitable, hard, budget, key=lambda full: full.weight) is budget
    assert max(waitable, hard, key=lambda full: full.weight) is hard

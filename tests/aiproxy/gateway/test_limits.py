"""Which limits hold for a call, and how full they are shown."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from aiproxy.actions import LimitInput, remove_limit, set_limit
from aiproxy.gateway import limits
from integrations.audit import SYSTEM
from tests.factories import make_call, make_integration, make_token, make_user


def at(*numbers: int) -> datetime:
    return datetime(*numbers, tzinfo=UTC)  # type: ignore[misc,arg-type]  # year, month, day


@pytest.mark.parametrize(
    ("name", "now", "start", "end"),
    [
        ("day", at(2026, 11, 20, 23, 59), at(2026, 11, 20), at(2026, 11, 21)),
        ("month", at(2026, 11, 20), at(2026, 11, 1), at(2026, 12, 1)),
        ("month", at(2026, 12, 31, 23), at(2026, 12, 1), at(2027, 1, 1)),
        ("month", at(2028, 2, 29), at(2028, 2, 1), at(2028, 3, 1)),
    ],
)
def test_periods_are_those_of_the_calendar_in_utc(name, now, start, end):
    assert limits.period(name, now) == (start, end)


def test_a_limit_is_known_to_calls_as_soon_as_it_is_set_and_until_it_is_removed(
    transactional_db, bob
):
    limit = set_limit(SYSTEM, bob, LimitInput(concurrent=1))
    rules = limits.of(bob.pk)
    assert rules
    assert [rule.id for rule in rules.of_caller(None)] == [limit.pk]
    remove_limit(SYSTEM, bob, limit)
    assert limits.of(bob.pk) is None


def test_a_call_keeps_the_limits_it_is_about_the_holders_and_the_operators(transactional_db, bob):
    administrator = make_user(is_superuser=True)
    integration, (token, _) = make_integration(bob), make_token(bob)
    mine = set_limit(SYSTEM, bob, LimitInput(concurrent=1))
    theirs = set_limit(SYSTEM, administrator, LimitInput(concurrent=2, by_operator=True), bob)
    of_token = set_limit(SYSTEM, bob, LimitInput("token", token_id=token.pk, concurrent=3))
    of_place = set_limit(
        SYSTEM, bob, LimitInput("integration", integration_id=integration.pk, concurrent=4)
    )
    of_provider = set_limit(SYSTEM, bob, LimitInput("provider", provider_id="openai", concurrent=5))
    rules = limits.of(bob.pk)
    assert rules
    assert {rule.id for rule in rules.of_caller(None)} == {mine.pk, theirs.pk}
    assert {rule.id for rule in rules.of_caller(token.pk)} == {mine.pk, theirs.pk, of_token.pk}
    of_target = rules.of_target(integration.pk, "openai")
    assert {rule.id for rule in of_target} == {of_place.pk, of_provider.pk}
    assert rules.of_target(token.pk, "groq") == ()


def test_fills_show_what_the_records_say_before_any_call_is_made(transactional_db, bob):
    make_call(bob, input_tokens=30, cost=Decimal("0.25"))
    data = LimitInput(
        requests_per_minute=60, concurrent=3, tokens_per_day=100, money_per_month=Decimal("1.50")
    )
    limit = set_limit(SYSTEM, bob, data)
    rate, places, tokens, money = limits.fills(bob.pk)[limit.pk]
    assert rate == limits.Fill("requests_per_minute", 0, 60, None)
    assert places == limits.Fill("concurrent", 0, 3, None)
    assert tokens[:3] == ("tokens_per_day", 30, 100)
    assert tokens.frees_in_seconds is not None
    assert 0 < tokens.frees_in_seconds <= 86_400
    assert money[:3] == ("money_per_month", Decimal("0.25"), Decimal("1.50"))


def test_an_account_without_limits_has_no_fills(bob):
    assert limits.fills(bob.pk) == {}


def test_money_is_rounded_so_that_nothing_is_free_that_is_not():
    assert limits.nano(Decimal("0.0000000001")) == 1
    assert limits.dollars(1_500_000_000) == Decimal("1.5")

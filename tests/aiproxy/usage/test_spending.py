"""What a budget starts from: the sum of the records it is about, and of no other."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from aiproxy.usage import upkeep
from aiproxy.usage.spending import Spent, spent
from tests.factories import make_call, make_integration, make_token

DAY = datetime(2026, 11, 20, tzinfo=UTC), datetime(2026, 11, 21, tzinfo=UTC)
MONTH = datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)


def record(owner: Any, at: datetime = DAY[0], **data: Any) -> None:
    values = {"input_tokens": 3, "output_tokens": 4, "cost": Decimal("0.01"), **data}
    make_call(owner, at=at, **values)


@pytest.mark.django_db
def test_nothing_is_spent_at_first(bob):
    assert spent(bob.pk, *DAY) == Spent(0, Decimal(0))


def test_the_period_begins_with_its_first_moment_and_ends_before_the_next(bob):
    record(bob)
    record(bob, DAY[1])
    record(bob, datetime(2026, 11, 19, 23, 59, 59, tzinfo=UTC))
    assert spent(bob.pk, *DAY) == Spent(7, Decimal("0.01"))


def test_a_month_holds_its_first_and_its_last_moment(bob):
    record(bob, MONTH[0])
    record(bob, datetime(2026, 11, 30, 23, 59, 59, tzinfo=UTC))
    record(bob, MONTH[1])
    record(bob, datetime(2026, 10, 31, 23, 59, 59, tzinfo=UTC))
    assert spent(bob.pk, *MONTH) == Spent(14, Decimal("0.02"))


def test_what_was_deleted_to_save_room_is_still_spent(bob):
    record(bob)
    sum(upkeep.prune(DAY[1]))
    assert spent(bob.pk, *MONTH) == Spent(7, Decimal("0.01"))


def test_a_cost_that_is_not_known_adds_tokens_alone(bob):
    record(bob)
    record(bob, cost=None)
    assert spent(bob.pk, *DAY) == Spent(14, Decimal("0.01"))


def test_only_what_the_budget_is_about_counts(alice, bob):
    integration, (token, _) = make_integration(bob), make_token(bob)
    record(bob, provider_id="openai", integration=integration, token=token)
    record(bob, provider_id="groq")
    record(alice, provider_id="openai")
    assert spent(bob.pk, *DAY).tokens == 14
    assert spent(bob.pk, *DAY, provider_id="openai").tokens == 7
    assert spent(bob.pk, *DAY, integration_id=integration.pk).tokens == 7
    assert spent(bob.pk, *DAY, token_id=token.pk).tokens == 7

"""The charges that add up to a recorded cost."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from aiproxy.models import UsageRecord
from aiproxy.usage.formula import formula
from providers.registry import catalogue
from providers.usage import MILLION, Usage, cost

AT = datetime(2026, 11, 20, tzinfo=UTC)
MODEL = "gpt-5-mini"


@pytest.fixture
def price():
    model = catalogue()["openai"].model(MODEL)
    return model and model.price_at(AT)


@pytest.fixture
def record(price):
    return UsageRecord(
        at=AT,
        provider_id="openai",
        model=f"{MODEL}-2025-08-07-eu",
        input_tokens=1200,
        output_tokens=340,
        cached_tokens=200,
        cost=cost(Usage(1200, 340, 200), price.price()),
        price_source=f"{price.source}, checked {price.checked}",
        journey={"attempts": [{"model": MODEL}]},
    )


def test_charges_add_up_to_the_recorded_cost(record):
    found = formula(record)
    assert [(one.what, one.tokens) for one in found] == [
        ("input", 1000),
        ("cache read", 200),
        ("output", 340),
    ]
    assert sum(one.tokens * one.rate for one in found) / MILLION == record.cost


def test_answering_model_is_looked_up_where_no_attempt_is_known(record):
    record.journey, record.model = {}, MODEL
    assert formula(record)


@pytest.mark.parametrize(
    "change",
    [
        {"cost": Decimal("0.5")},
        {"cost": Decimal(0)},
        {"cost": None},
        {"price_source": "reported by OpenAI"},
        {"provider_id": "gone"},
        {"journey": {"attempts": [{"model": "gone"}]}},
    ],
)
def test_nothing_is_told_that_does_not_add_up(record, change):
    for name, value in change.items():
        setattr(record, name, value)
    assert formula(record) == []

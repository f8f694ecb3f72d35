"""Prices that depend on when a call is made."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import msgspec
import pytest

from providers.catalogue.loader import BadProvider, load_model
from providers.catalogue.spec import ModelSpec, PriceChange, PriceData

TODAY = date(2026, 11, 20)


def model(*changes):
    facts: dict[str, Any] = {"source": "a page", "checked": TODAY}
    prices = tuple(PriceChange(input=str(n), **facts, **change) for n, change in enumerate(changes))
    return ModelSpec(id="m", price=PriceData(input="9", **facts), prices=prices)


def price(model, year, month, day, hour=0, minute=0, zone=UTC):
    return model.price_at(datetime(year, month, day, hour, minute, tzinfo=zone)).input


def test_price_holds_from_its_day_on():
    doubled = model({"since": date(2027, 1, 1)})
    assert price(doubled, 2026, 12, 31, 23, 59) == "9"
    assert price(doubled, 2027, 1, 1) == "0"


def test_day_is_that_of_utc():
    doubled = model({"since": date(2027, 1, 1)})
    assert price(doubled, 2027, 1, 1, 3, zone=timezone(timedelta(hours=8))) == "9"


def test_price_holds_in_its_hours_on_working_days():
    peak = model({"hours": ((1, 4), (6, 10)), "weekdays": True})
    friday = [price(peak, 2026, 11, 20, hour) for hour in (0, 1, 3, 4, 6, 9, 10)]
    assert friday == ["9", "0", "0", "9", "0", "0", "9"]
    assert price(peak, 2026, 11, 21, 2) == "9"


def test_last_of_several_that_hold_wins():
    twice = model({"since": date(2026, 1, 1)}, {"since": date(2026, 6, 1)})
    assert price(twice, 2026, 3, 1) == "0"
    assert price(twice, 2026, 7, 1) == "1"


def test_model_without_a_price_is_unpriced_until_it_has_one():
    later = msgspec.structs.replace(model({"since": date(2027, 1, 1)}), price=None)
    assert later.price_at(datetime(2026, 12, 1, tzinfo=UTC)) is None
    assert price(later, 2027, 1, 1) == "0"


GOOD = {"input": "1", "source": "a page", "checked": TODAY}


def test_data_says_from_when():
    loaded = load_model({"id": "m", "prices": [{**GOOD, "from": date(2027, 1, 1)}]}, "m")
    assert loaded.prices[0].since == date(2027, 1, 1)


@pytest.mark.parametrize(
    "change",
    [
        GOOD,
        {**GOOD, "hours": [[4, 1]]},
        {**GOOD, "hours": [[20, 25]]},
        {**GOOD, "from": TODAY, "input": "-1"},
        {**GOOD, "from": TODAY, "input": "NaN"},
        {**GOOD, "from": TODAY, "input": "much"},
        {**GOOD, "from": TODAY, "cache_read": "-1"},
    ],
)
def test_change_that_makes_no_sense_is_refused(change):
    with pytest.raises(BadProvider, match="price"):
        load_model({"id": "m", "prices": [change]}, "m")

"""Our prices and our arithmetic against genai-prices, which knows both independently."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from genai_prices import Usage as TheirUsage
from genai_prices import calc_price
from genai_prices.data import providers as theirs

from providers.catalogue.loader import load_builtin
from providers.usage import Usage, cost

TIMES = {
    "noon": datetime(2026, 11, 20, 12, tzinfo=UTC),
    "peak": datetime(2026, 11, 20, 2, 30, tzinfo=UTC),
    "next year": datetime(2027, 2, 1, 12, tzinfo=UTC),
}
USAGES = {
    "plain": Usage(12_345, 678),
    "cached": Usage(20_000, 1_000, 8_000, 3_000, 400, cache_write_1h_tokens=1_000),
    "long": Usage(600_001, 5_000, 100_000, 20_000, cache_write_1h_tokens=5_000),
}
KNOWN = {provider.id: provider for provider in theirs}
SHARED = [
    pytest.param(KNOWN[spec.ids["genai_prices"]], model, when, id=f"{spec.id}-{model.id}-{name}")
    for spec in load_builtin()
    for model in spec.models
    for name, when in TIMES.items()
    if spec.ids.get("genai_prices") in KNOWN
    and (price := model.price_at(when))
    and price.source.startswith("genai-prices")
]
"""Prices of another source say so, and may differ."""


def their_usage(usage, price, embeds):
    """The same tokens, without those kinds that the model has no price of its own for."""
    counts = {"input_tokens": usage.input_tokens}
    if not embeds:
        counts["output_tokens"] = usage.output_tokens
    if price.cache_read:
        counts["cache_read_tokens"] = usage.cached_tokens
    if price.cache_write:
        counts["cache_write_tokens"] = usage.cache_write_tokens
    if price.cache_write_1h:
        counts["cache_write_1h_tokens"] = usage.cache_write_1h_tokens
    return TheirUsage(**counts)


@pytest.mark.parametrize("usage", USAGES.values(), ids=USAGES)
@pytest.mark.parametrize(("provider", "model", "when"), SHARED)
def test_call_costs_what_genai_prices_says(provider, model, when, usage):
    price = model.price_at(when)
    other = calc_price(
        their_usage(usage, price, model.kind == "embedding"),
        model.id,
        provider_id=provider.id,
        genai_request_timestamp=when,
    )
    assert cost(usage, price.price()) == other.total_price


def test_most_priced_models_have_a_second_opinion():
    assert len(SHARED) > 3 * 60

"""How the cost of a recorded call comes about. The record keeps tokens and cost; the prices are the catalogue's."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from aiproxy.models import UsageRecord
from providers.registry import catalogue
from providers.usage import Charge, Usage, charges, cost

_DIGITS = Decimal(1).scaleb(-10)
"""What the column of costs holds."""


def formula(record: UsageRecord) -> list[Charge]:
    """The charges that add up to the recorded cost. Empty when they do not, or not any more: the provider named the
    cost itself, the price has changed since, or the model is gone.
    """
    if not record.cost:
        return []
    usage = Usage(
        input_tokens=record.input_tokens,
        output_tokens=record.output_tokens,
        cached_tokens=record.cached_tokens,
        cache_write_tokens=record.cache_write_tokens,
    )
    provider = catalogue().get(record.provider_id)
    for name in _models(record):
        model = provider.model(name) if provider else None
        data = model.price_at(record.at) if model else None
        if data is not None and record.price_source.startswith(data.source):
            price = data.price()
            if cost(usage, price).quantize(_DIGITS) == record.cost.quantize(_DIGITS):
                return charges(usage, price)
    return []


def _models(record: UsageRecord) -> Iterable[str]:
    """The name it was asked for goes before the one that answered, as when it was priced."""
    tried = [attempt.get("model", "") for attempt in record.journey.get("attempts", ())]
    return dict.fromkeys([*tried[-1:], record.model])

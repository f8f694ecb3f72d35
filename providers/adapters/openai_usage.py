"""Reads the ``usage`` object of OpenAI-speaking hosts. It is a running total: the last one counts,
never a sum.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

from providers.adapters.reading import MOST, as_dict, as_int, first_int
from providers.usage import Usage

MOST_MONEY = 1_000_000
"""Dollars. A host that says more for one call does not know what it says, and the column could not hold it."""

_COUNTS = ("prompt_tokens", "completion_tokens", "input_tokens", "output_tokens", "total_tokens")


def read_usage(value: object) -> Usage | None:
    """A ``usage`` object under all names in use; None when it says nothing."""
    if not isinstance(value, dict):  # as in nearly all chunks of a stream
        return None
    said: dict[str, object] = value
    inside = as_dict(said.get("prompt_tokens_details")) or as_dict(said.get("input_tokens_details"))
    outside = as_dict(said.get("completion_tokens_details"))
    outside = outside or as_dict(said.get("output_tokens_details"))
    counts = (said.get(name) for name in _COUNTS)
    if not any(isinstance(count, int | float) and count < MOST for count in counts):
        return None  # nor where all it says is beyond counting
    prompt = first_int(said.get("prompt_tokens"), said.get("input_tokens"))
    completion = first_int(said.get("completion_tokens"), said.get("output_tokens"))
    reasoning = first_int(outside.get("reasoning_tokens"), said.get("reasoning_tokens"))
    total = as_int(said.get("total_tokens"))
    if not prompt and not completion:
        prompt = total  # Voyage's embeddings tell nothing else
    # xAI counts reasoning beside the completion and shows it by its total; everyone else inside.
    if reasoning and total == prompt + completion + reasoning:
        completion += reasoning
    return Usage(
        input_tokens=prompt,
        output_tokens=completion,
        cached_tokens=first_int(
            inside.get("cached_tokens"),
            said.get("prompt_cache_hit_tokens"),
            said.get("cache_read_input_tokens"),
            said.get("cached_tokens"),
        ),
        cache_write_tokens=first_int(
            inside.get("cache_write_tokens"),
            inside.get("cache_creation_tokens"),
            said.get("cache_creation_input_tokens"),
        ),
        reasoning_tokens=reasoning,
        cost=_money(said.get("cost")),
    )


def _money(value: object) -> Decimal | None:
    if isinstance(value, dict):  # Perplexity
        value = value.get("total_cost")
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        return None
    return amount if amount.is_finite() and 0 <= amount < MOST_MONEY else None

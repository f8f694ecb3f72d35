"""Tokens and money. All arithmetic with money is Decimal; an unknown price is None, never zero."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

MILLION = Decimal(1_000_000)


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one call, in one way of counting for all providers.

    ``input_tokens`` *includes* cached and cache-writing tokens (Anthropic counts them apart: its adapter adds
    them); ``output_tokens`` *includes* reasoning (xAI and Gemini count it apart: theirs add it).
    ``cache_write_1h_tokens`` are those of ``cache_write_tokens`` that are kept for an hour, where that costs more.
    ``cost`` is what the provider says it charges, in US dollars, where it says so (OpenRouter); ``billed`` are the
    input and output tokens it charges for, where these are not all that it counts (Cohere).
    """

    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    cache_write_tokens: int = 0
    reasoning_tokens: int = 0
    cost: Decimal | None = None
    cache_write_1h_tokens: int = 0
    billed: tuple[int, int] | None = None

    @property
    def total_tokens(self) -> int:
        return self.input_tokens + self.output_tokens


@dataclass(frozen=True, slots=True)
class Tier:
    """Prices that hold for the whole call once its input is longer than ``above`` tokens."""

    above: int
    input: Decimal
    output: Decimal
    cache_read: Decimal | None = None
    cache_write: Decimal | None = None
    cache_write_1h: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars for a million tokens. ``source`` and ``checked`` (ISO date) say where the figures come from."""

    input: Decimal
    output: Decimal
    cache_read: Decimal | None = None
    cache_write: Decimal | None = None
    tiers: tuple[Tier, ...] = ()
    source: str = ""
    checked: str = ""
    cache_write_1h: Decimal | None = None


class Charge(NamedTuple):
    """``tokens`` of one kind at ``rate`` US dollars for a million."""

    what: str
    tokens: int
    rate: Decimal


CHARGED = ("input", "cache read", "cache write", "cache write for an hour", "output")


def charges(usage: Usage, price: Price) -> list[Charge]:
    """What ``cost`` adds up, in the order of ``CHARGED``; what is not used is left out."""
    parts = zip(CHARGED, _parts(usage, price), strict=True)
    return [Charge(what, tokens, rate) for what, (tokens, rate) in parts if tokens]


def cost(usage: Usage, price: Price) -> Decimal:
    """What ``usage`` costs in US dollars. A cache price that is not given falls back to the next plainer one:
    an hour's writing to writing, writing and reading to input.

    Every input token is charged exactly once: as cache read, as cache write or as plain input.
    """
    total = Decimal(0)
    for tokens, rate in _parts(usage, price):
        if tokens:
            total += tokens * rate
    return total / MILLION


def _parts(usage: Usage, price: Price) -> tuple[tuple[int, Decimal], ...]:
    """Tokens and their rate, in the order of ``CHARGED``."""
    if usage.billed is not None:
        usage = Usage(*usage.billed)
    rates: Price | Tier = price
    for tier in sorted(price.tiers, key=lambda tier: tier.above):
        if usage.input_tokens > tier.above:
            rates = tier
    plain = max(0, usage.input_tokens - usage.cached_tokens - usage.cache_write_tokens)
    read = rates.input if rates.cache_read is None else rates.cache_read
    write = rates.input if rates.cache_write is None else rates.cache_write
    hour = write if rates.cache_write_1h is None else rates.cache_write_1h
    for_an_hour = min(usage.cache_write_1h_tokens, usage.cache_write_tokens)
    return (
        (plain, rates.input),
        (usage.cached_tokens, read),
        (usage.cache_write_tokens - for_an_hour, write),
        (for_an_hour, hour),
        (usage.output_tokens, rates.output),
    )

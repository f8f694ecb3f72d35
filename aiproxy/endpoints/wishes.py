"""What a caller can wish for in headers, whatever its dialect."""

from __future__ import annotations

import math

from aiproxy.endpoints.exchange import Exchange
from providers.errors import InvalidRequest

MAX_FALLBACKS = 5
MAX_SECONDS = 86_400


def fallback(exchange: Exchange) -> tuple[str, ...]:
    """Models to turn to, in order: the header's, or those that our own dialect holds in its body."""
    text, said = exchange.header("x-aim-fallback"), exchange.style.fallback
    if text and said:
        raise InvalidRequest(
            "The fallback is given twice: in the body, and as X-Aim-Fallback.", param="fallback"
        )
    names = tuple(name.strip() for name in (text.split(",") if text else said))
    if len(names) > MAX_FALLBACKS or not all(names):
        raise InvalidRequest(
            f"Name 1 to {MAX_FALLBACKS} models to fall back to, separated by commas in the header X-Aim-Fallback.",
            param="fallback",
        )
    return names


def patience(exchange: Exchange) -> float:
    """Seconds after which the caller wants no answer any more."""
    text = exchange.header("x-aim-timeout")
    if not text:
        return math.inf
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0
    if not 0 < seconds <= MAX_SECONDS:
        raise InvalidRequest(
            f"X-Aim-Timeout must be a number of seconds above 0 and up to {MAX_SECONDS}.",
            param="X-Aim-Timeout",
        )
    return seconds

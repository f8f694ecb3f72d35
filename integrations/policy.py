"""How calls through one integration are made: what its owner may set, and what holds where nothing is set.

Stored and spoken as JSON with the names of ``NAMES``; ``read`` makes a CallPolicy of it, ``rules.policy`` checks
what a person gives.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

RETRIED = frozenset({"rate_limit", "server_error", "network_error", "timeout"})
"""Codes of errors that may be tried again at all; an owner can take some away, not add any."""

MAX_ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class CallPolicy:
    """Times are seconds; None leaves a deadline to the server's settings.

    ``attempts`` counts the first one; the n-th wait is random up to ``multiplier`` × 2ⁿ and at most ``max_wait``.
    ``cache_seconds``: how long answers are kept for calls that do not say otherwise, 0 is not at all.
    ``priority``: of several integrations that could answer, lower numbers go first; within one, calls are spread
    by ``weight``, and one that weighs nothing is only turned to when the others fail. ``origins``: web pages that
    may call it from a browser.
    """

    attempts: int = MAX_ATTEMPTS
    multiplier: float = 0.5
    max_wait: float = 8.0
    retry_on: frozenset[str] = RETRIED
    connect_timeout: float | None = None
    first_token_timeout: float | None = None
    idle_timeout: float | None = None
    total_timeout: float | None = None
    cache_seconds: int = 0
    priority: int = 0
    weight: int = 1
    origins: frozenset[str] = frozenset()

    @property
    def ranks(self) -> bool:
        """Whether the owner has said where it stands among integrations that could answer as well."""
        return self.priority != USUAL.priority or self.weight != USUAL.weight


USUAL = CallPolicy()


NAMES: Mapping[str, str] = {
    "attempts": "attempts",
    "multiplier": "multiplier",
    "maxWait": "max_wait",
    "retryOn": "retry_on",
    "connectTimeout": "connect_timeout",
    "firstTokenTimeout": "first_token_timeout",
    "idleTimeout": "idle_timeout",
    "totalTimeout": "total_timeout",
    "cacheSeconds": "cache_seconds",
    "priority": "priority",
    "weight": "weight",
    "origins": "origins",
}
"""The JSON name of each value."""

_SETS = frozenset({"retry_on", "origins"})

NUMBERS: Mapping[str, tuple[type, float, float]] = {
    "attempts": (int, 1, MAX_ATTEMPTS),
    "multiplier": (float, 0.05, 10),
    "maxWait": (float, 0.1, 60),
    "connectTimeout": (float, 0.1, 60),
    "firstTokenTimeout": (float, 0.1, 3_600),
    "idleTimeout": (float, 0.1, 3_600),
    "totalTimeout": (float, 1, 86_400),
    "cacheSeconds": (int, 0, 30 * 86_400),
    "priority": (int, 0, 100),
    "weight": (int, 0, 1_000),
}
"""The kind of each number, its least and its most."""


def read(stored: Mapping[str, Any]) -> CallPolicy:
    """The policy as it is stored, ``USUAL`` itself where nothing is. What this version does not know is left out."""
    if not stored:
        return USUAL
    values: dict[str, Any] = {
        NAMES[name]: frozenset(value) if NAMES[name] in _SETS else value
        for name, value in stored.items()
        if name in NAMES
    }
    return CallPolicy(**values)

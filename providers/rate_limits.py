"""How much a provider still lets one do, as the headers of its answers say. Pure: the time is a parameter.

Hosts agree on no spelling. What is read, with what each means by a reset:

==============================  ==============================================  ====================
``x-ratelimit-limit-requests``  OpenAI, Azure, Groq, xAI …, also ``-tokens``    ``6ms``, ``1m30s``
``x-ratelimit-limit``           OpenRouter, Together: of requests               epoch (ms), seconds
``x-ratelimit-limit-req-minute``  Mistral, Cerebras: with the window's name     none, seconds
``anthropic-ratelimit-tokens-limit``  Anthropic: the other way round            RFC 3339
``x-tokenlimit-limit``          Together: of tokens                             none
``x-trial-endpoint-call-limit``  Cohere's trial keys: of requests               none
``ratelimit: "api";r=9;t=60``   Hugging Face, and the quota in ``-policy``      seconds
==============================  ==============================================  ====================
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any


@dataclass(frozen=True, slots=True)
class Allowance:
    """``remaining`` of ``limit`` until ``reset``. What the provider does not say is None."""

    limit: int | None = None
    remaining: int | None = None
    reset: datetime | None = None


@dataclass(frozen=True, slots=True)
class RateLimitState:
    """What was left ``at`` that time; None for what the provider says nothing about."""

    at: datetime
    requests: Allowance | None = None
    tokens: Allowance | None = None

    def to_json(self) -> dict[str, Any]:
        return {
            "at": self.at.isoformat(),
            "requests": _allowance_to_json(self.requests),
            "tokens": _allowance_to_json(self.tokens),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> RateLimitState:
        """The reverse of ``to_json``."""
        return cls(
            datetime.fromisoformat(data["at"]),
            _allowance_from_json(data["requests"]),
            _allowance_from_json(data["tokens"]),
        )


_NAME = re.compile(
    r"(?:llm_provider-)?(?:x-|anthropic-)?(ratelimit|tokenlimit|trial-endpoint-call)((?:-[a-z]+)*)"
)
_ROLES = ("limit", "remaining", "reset")

# What stands in a name beside its role, the most telling first.
_REQUESTS = ("requests", "req-minute", "requests-minute", "requests-day", "")
_TOKENS = ("tokens", "tokens-minute", "tokens-per-minute", "input-tokens", "tokens-prompt")

_DURATION = re.compile(
    r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s)?(?:(\d+(?:\.\d+)?)ms)?"
)
_UNITS = ("days", "hours", "minutes", "seconds", "milliseconds")
_ITEM = re.compile(r"\b([rtqw])=(\d+)")


def read(headers: Mapping[str, str], now: datetime) -> RateLimitState | None:
    """What the headers of an answer (lower case) say; None when that is nothing."""
    found: dict[str, dict[str, str]] = {}
    for name, value in headers.items():
        if "limit" in name or "trial" in name:
            _sort_in(name, value, found)
    requests = _first(found, _REQUESTS, now)
    tokens = _first(found, _TOKENS, now)
    return RateLimitState(now, requests, tokens) if requests or tokens else None


def _sort_in(name: str, value: str, found: dict[str, dict[str, str]]) -> None:
    match = _NAME.fullmatch(name)
    if match is None:
        return
    family, rest = match.groups()
    words = rest.split("-")[1:]
    if family == "ratelimit" and words in ([], ["policy"]):
        found.setdefault("", {}).update(_items(value))
        return
    role = next((word for word in words if word in _ROLES), None)
    if role is not None:
        words.remove(role)
        kind = "tokens" if family == "tokenlimit" else "-".join(words)
        found.setdefault(kind, {}).setdefault(role, value)


def _items(value: str) -> dict[str, str]:
    """``"api";r=499;t=56`` and its policy ``q=500;w=300``."""
    roles = {"q": "limit", "r": "remaining", "t": "reset"}
    return {roles[key]: number for key, number in _ITEM.findall(value) if key in roles}


def _first(
    found: Mapping[str, Mapping[str, str]], kinds: tuple[str, ...], now: datetime
) -> Allowance | None:
    for kind in kinds:
        if not (said := found.get(kind)):
            continue
        allowance = Allowance(
            _count(said.get("limit", "")),
            _count(said.get("remaining", "")),
            _moment(said.get("reset", ""), now),
        )
        if allowance.limit is not None or allowance.remaining is not None:
            return allowance
    return None


def _count(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else None


def _moment(text: str, now: datetime) -> datetime | None:
    """When a reset is, however it is said."""
    if not text:
        return None
    try:
        return _number(float(text), now)
    except (ValueError, OverflowError):
        pass
    try:
        match = _DURATION.fullmatch(text)
        if match:
            parts = {
                unit: float(part) for unit, part in zip(_UNITS, match.groups(), strict=True) if part
            }
            return now + timedelta(**parts)
        moment = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _number(value: float, now: datetime) -> datetime:
    """Small numbers are seconds from now, large ones seconds or milliseconds since 1970."""
    if value > 1e11:
        return datetime.fromtimestamp(value / 1000, UTC)
    if value > 1e9:
        return datetime.fromtimestamp(value, UTC)
    return now + timedelta(seconds=value)


def _allowance_to_json(allowance: Allowance | None) -> dict[str, Any] | None:
    if allowance is None:
        return None
    reset = allowance.reset.isoformat() if allowance.reset else None
    return {"limit": allowance.limit, "remaining": allowance.remaining, "reset": reset}


def _allowance_from_json(data: Mapping[str, Any] | None) -> Allowance | None:
    if data is None:
        return None
    reset = datetime.fromisoformat(data["reset"]) if data["reset"] else None
    return Allowance(data["limit"], data["remaining"], reset)

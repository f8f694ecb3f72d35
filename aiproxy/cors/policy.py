"""What a web page may do here, and what passes through the relay, as pure decisions over values.

The origin of a page is never what lets a call in, for whoever is no browser can say any: the access token is. It only
keeps the pages out that the owner of an integration does not know.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

METHODS = ("GET", "POST")
"""Nothing at a provider can be deleted or overwritten from here."""

MAX_AGE_SECONDS = 600
"""How long a browser may remember that it may ask; a withdrawn origin is refused at its next call all the same."""

_SENT_BY_PAGES = frozenset(
    {
        "accept",
        "api-key",
        "anthropic-beta",
        "anthropic-dangerous-direct-browser-access",
        "anthropic-version",
        "authorization",
        "content-type",
        "idempotency-key",
        "openai-beta",
        "x-api-key",
        "x-goog-api-client",
        "x-goog-api-key",
        "x-integration-id",
        "x-requested-with",
    }
)
"""What a page may send, which is more than what goes on to the provider: SDKs send several for themselves."""
_PREFIXES = ("x-aim-", "x-stainless-")

_TO_PROVIDER = (
    "accept",
    "anthropic-beta",
    "anthropic-version",
    "content-type",
    "openai-beta",
)

_FROM_PROVIDER = re.compile(
    r"retry-after(-ms)?|request-id|x-amzn-requestid|openai-(processing-ms|version)"
    r"|(x-|anthropic-)?ratelimit(-[a-z-]+)?"
)
_RENAMED = {"x-request-id": "x-provider-request-id"}
"""That one is our own in every answer."""

_MEDIA = re.compile(
    r"(application/(json|[a-z0-9.-]+\+json|x-ndjson|ndjson|jsonl|octet-stream|vnd\.amazon\.eventstream)"
    r"|text/(event-stream|plain)|audio/[a-z0-9.+-]+|video/(mp4|webm)|image/(png|jpeg|webp|gif|avif))"
    r"( ?; ?[a-z0-9-]+=[a-z0-9._+-]+)*",
    re.IGNORECASE,
)
_ANYTHING = "application/octet-stream"

Headers = dict[str, str]


def answer(origin: str, allowed: Collection[str]) -> Headers:
    """The CORS headers of an answer to a page of ``origin``: it may read it if it is among the ``allowed`` ones,
    letter for letter.
    """
    if origin in allowed:
        return {"access-control-allow-origin": origin, "vary": "Origin"}
    return {"vary": "Origin"}


def preflight(origin: str, requested: str, allowed: Collection[str]) -> Headers | None:
    """What a browser is told that asks before it sends; None for a page that nobody allows. ``requested`` are the
    headers it wants to send, joined by commas.
    """
    if origin not in allowed:
        return None
    names = [name.strip().lower() for name in requested.split(",")]
    return {
        **answer(origin, allowed),
        "access-control-allow-methods": ", ".join(METHODS),
        "access-control-allow-headers": ", ".join(
            name for name in names if name in _SENT_BY_PAGES or name.startswith(_PREFIXES)
        ),
        "access-control-max-age": str(MAX_AGE_SECONDS),
    }


def unknown(origin: str) -> str:
    """What to tell somebody whose page may not call."""
    return f"No integration allows pages of {origin[:200]!r}. Its owner can add this origin in its settings."


def to_provider(headers: Mapping[bytes, bytes]) -> Headers:
    """Of a caller's headers those that go on: what the provider's format itself is made of, and nothing else."""
    return {
        name: value.decode()
        for name in _TO_PROVIDER
        if (value := headers.get(name.encode())) and value.isascii()
    }


def from_provider(headers: Mapping[str, str]) -> Headers:
    """Of a provider's headers those that a page is given, its media type made harmless.

    A type that a browser could run, or that is not one type at all, becomes a download.
    """
    found = {
        _RENAMED.get(name, name): value
        for name, value in headers.items()
        if name in _RENAMED or _FROM_PROVIDER.fullmatch(name)
    }
    media = headers.get("content-type", "").strip()
    if media and not _MEDIA.fullmatch(media):
        found["content-disposition"] = "attachment"
    found["content-type"] = media if _MEDIA.fullmatch(media) else _ANYTHING
    return found


ALWAYS: Mapping[str, str] = {
    "cache-control": "no-store",
    "content-security-policy": "sandbox; default-src 'none'",
    "cross-origin-resource-policy": "same-origin",
    "vary": "Origin",
    "x-accel-buffering": "no",
}
"""On every answer of the relay. Its resource policy is about pages that embed without asking; ``fetch`` asks."""

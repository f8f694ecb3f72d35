"""Personal access tokens: their text, what is kept of it, and the Caller a good one stands for.

The text is ``aimp_``, 43 base62 characters (256 random bits) and 6 characters of CRC32 over all before, so a
mistyped token is refused without asking anybody. We keep an HMAC of it, looked up by a unique index.
"""

from __future__ import annotations

import hmac
import re
import secrets
import string
import zlib
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from integrations import credentials
from integrations.errors import NotAllowed
from integrations.secret import Secret

SCOPES = {
    "chat": "Chat with models",
    "embeddings": "Make embeddings",
    "vision": "Send images to models",
    "proxy": "Call providers’ own addresses through the relay, for browser apps",
    "integrations:read": "See integrations, never their keys",
    "integrations:write": "Add, change and delete integrations",
    "tokens:read": "See access tokens",
    "tokens:write": "Issue and revoke access tokens",
    "usage:read": "See usage and cost",
    "providers:write": "Change providers, models and aliases (administrators only)",
}
"""What a token may be allowed, in words for the person who ticks the boxes."""

PREFIX = "aimp_"
_ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
_SHAPE = re.compile(r"aimp_[0-9A-Za-z]{49}")
_BODY, _CHECK = 43, 6


class Minted(NamedTuple):
    """A new token. ``text`` is shown once and kept nowhere; the rest is what a row holds."""

    text: Secret
    digest: str
    pepper_id: str
    prefix: str
    last4: str


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, and what they may do. ``integration_ids`` None is all of the user's integrations."""

    user_id: UUID
    token_id: UUID | None = None
    token_name: str = ""
    scopes: frozenset[str] = frozenset()
    integration_ids: frozenset[UUID] | None = None
    expires_at: datetime | None = None

    def need(self, scope: str) -> None:
        """Raises NotAllowed unless the caller has ``scope``."""
        if scope not in self.scopes:
            raise NotAllowed(
                f"This access token lacks the scope {scope!r}. Use a token that has it, or issue a new one."
            )

    def may_use(self, integration_id: UUID) -> bool:
        return self.integration_ids is None or integration_id in self.integration_ids


def signed_in(user_id: UUID) -> Caller:
    """A person in the browser, who may do everything with what is theirs."""
    return Caller(user_id, scopes=frozenset(SCOPES))


def mint() -> Minted:
    body = PREFIX + _base62(secrets.randbits(256), _BODY)
    text = body + _checksum(body)
    kid, pepper = next(iter(credentials.peppers().items()))
    return Minted(Secret(text), _digest(pepper, text), kid, text[:9], text[-4:])


def well_formed(text: str) -> bool:
    """Whether ``text`` can be a token of ours at all; says nothing about whether it is one."""
    return bool(_SHAPE.fullmatch(text)) and _checksum(text[:-_CHECK]) == text[-_CHECK:]


def digests(text: str) -> tuple[str, ...]:
    """How ``text`` may stand in the database: one digest for each pepper in force, the current one first."""
    return tuple(_digest(pepper, text) for pepper in credentials.peppers().values())


def _digest(pepper: bytes, text: str) -> str:
    return hmac.digest(pepper, text.encode(), "sha256").hex()


def _checksum(text: str) -> str:
    return _base62(zlib.crc32(text.encode()), _CHECK)


def _base62(number: int, width: int) -> str:
    digits = ""
    for _ in range(width):
        number, digit = divmod(number, 62)
        digits = _ALPHABET[digit] + digits
    return digits

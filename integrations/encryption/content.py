"""Seals content that is kept for a while, such as a stored answer. Pure; bytes in, bytes out.

    <kid>.<nonce‖ciphertext‖tag>

AES-256-GCM under a key of its place, derived from a subkey of the ring's key: a place is written few times, so that
no nonce repeats however much is sealed. The place is associated data too: elsewhere the value does not open.
"""

from __future__ import annotations

import hmac

from cryptography.exceptions import InvalidTag

from integrations.encryption import aead
from integrations.encryption.keyring import KeyRing
from integrations.errors import SealBroken

LABEL = "content"


def seal(ring: KeyRing, content: bytes, *place: str) -> bytes:
    kid, context = ring.primary, aead.associated("content", *place)
    return kid.encode() + b"." + aead.encrypt(_key(ring, kid, context), content, context)


def open_(ring: KeyRing, sealed: bytes, *place: str) -> bytes:
    """Raises SealBroken for what was changed, lies elsewhere, or was sealed with a key that is gone."""
    kid, _, rest = sealed.partition(b".")
    context = aead.associated("content", *place)
    try:
        return aead.decrypt(_key(ring, kid.decode("ascii"), context), rest, context)
    except (InvalidTag, ValueError):
        raise SealBroken(f"content of {place[0]} does not open: changed, or moved") from None


def _key(ring: KeyRing, kid: str, context: bytes) -> bytes:
    return hmac.digest(ring.subkey(LABEL, kid), context, "sha256")

"""Seals a value under a data key of its own, and the data key under a key of the ring. Pure.

    aim1.<kid>.<b64u(nonce‖wrapped data key‖tag)>.<b64u(nonce‖ciphertext‖tag)>

Both parts are AES-256-GCM and bound to where the value lives (SealContext), the wrapped key to its key id
too: moved to another row, owner, field or origin, neither opens. Re-wrapping under a new key of the ring changes
only the first part. A data key is used once, so no nonce of the second part can repeat.
"""

from __future__ import annotations

import os
from dataclasses import astuple, dataclass

from cryptography.exceptions import InvalidTag

from integrations.encryption import aead
from integrations.encryption.keyring import KeyRing
from integrations.errors import SealBroken

VERSION = "aim1"


@dataclass(frozen=True, slots=True)
class SealContext:
    """Where a sealed value lives and where it may be sent. All are known without the value itself."""

    model: str
    field: str
    row: str
    owner: str
    origin: str

    def __str__(self) -> str:
        return f"{self.model} {self.row} {self.field}"


def seal(ring: KeyRing, plaintext: bytes, context: SealContext) -> str:
    kid, place = ring.primary, astuple(context)
    data_key = os.urandom(aead.KEY_BYTES)
    wrapped = aead.encrypt(ring.key(kid), data_key, aead.associated("dek", kid, *place))
    sealed = aead.encrypt(data_key, plaintext, aead.associated("data", *place))
    return ".".join((VERSION, kid, aead.to_text(wrapped), aead.to_text(sealed)))


def open_(ring: KeyRing, blob: str, context: SealContext) -> bytes:
    """What was sealed. Raises SealBroken for a blob changed by as much as one character, or out of its place.

    One key is tried, the one the blob names: GCM does not commit to a key, so guessing is not safe.
    """
    kid, wrapped, sealed = _parts(blob, context)
    place = astuple(context)
    try:
        data_key = aead.decrypt(ring.key(kid), wrapped, aead.associated("dek", kid, *place))
        return aead.decrypt(data_key, sealed, aead.associated("data", *place))
    except (InvalidTag, ValueError):
        raise SealBroken(f"{context} does not open: changed, or moved from elsewhere") from None


def _parts(blob: str, context: SealContext) -> tuple[str, bytes, bytes]:
    try:
        version, kid, wrapped, sealed = blob.split(".")
        if version != VERSION:
            raise ValueError(version)
        return kid, aead.from_text(wrapped), aead.from_text(sealed)
    except ValueError:
        raise SealBroken(f"{context} is not a sealed value of a known version") from None

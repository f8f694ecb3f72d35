"""AES-256-GCM with a random nonce in front, and associated data nobody can cut differently."""

from __future__ import annotations

import base64
import binascii
import os

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES = 32
NONCE_BYTES = 12


def encrypt(key: bytes, plaintext: bytes, context: bytes) -> bytes:
    nonce = os.urandom(NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, plaintext, context)


def decrypt(key: bytes, sealed: bytes, context: bytes) -> bytes:
    """Raises ``cryptography.exceptions.InvalidTag``, or ValueError when ``sealed`` is too short."""
    return AESGCM(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], context)


def associated(*parts: str) -> bytes:
    """Each part with its length before it, so that ("ab", "c") and ("a", "bc") differ."""
    encoded = (part.encode() for part in parts)
    return b"aim/v1" + b"".join(len(part).to_bytes(4, "big") + part for part in encoded)


def to_text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def from_text(text: str) -> bytes:
    """Raises ValueError for anything ``to_text`` would not have written, down to the unused last bits."""
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("not base64url") from None
    if to_text(data) != text:
        raise ValueError("not canonical base64url")
    return data

"""The root key in a local file: 32 random bytes as one line of base64url."""

from __future__ import annotations

import os
from pathlib import Path
from typing import ClassVar

from cryptography.exceptions import InvalidTag

from integrations.encryption import aead
from integrations.errors import KeyRingError

_DISTINCT_BYTES = 12
"""32 random bytes never hold fewer distinct values by chance; a made-up key easily does."""


class LocalRoot:
    name: ClassVar[str] = "local"

    def __init__(self, text: str, path: Path) -> None:
        """``text`` is the content of the file ``path``; raises KeyRingError when it is no root key."""
        self._path = path
        try:
            self._key = aead.from_text(text.strip())
        except ValueError:
            raise self._refusal("is damaged: it is not one line of base64url") from None
        if len(self._key) != aead.KEY_BYTES:
            raise self._refusal(f"holds {len(self._key)} bytes instead of {aead.KEY_BYTES}")
        if len(set(self._key)) < _DISTINCT_BYTES:
            raise self._refusal("does not hold a random key")

    @staticmethod
    def make() -> str:
        """The content of a new file."""
        return aead.to_text(os.urandom(aead.KEY_BYTES)) + "\n"

    def wrap(self, key: bytes, kid: str) -> bytes:
        return aead.encrypt(self._key, key, aead.associated("kek", kid))

    def unwrap(self, blob: bytes, kid: str) -> bytes:
        try:
            return aead.decrypt(self._key, blob, aead.associated("kek", kid))
        except (InvalidTag, ValueError):
            raise self._refusal("does not belong to the key ring beside it") from None

    def __repr__(self) -> str:
        return "LocalRoot(***)"

    def _refusal(self, what: str) -> KeyRingError:
        return KeyRingError(f"The master key {self._path} {what}. Put it back from the backup.")

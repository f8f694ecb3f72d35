from __future__ import annotations

import os

import pytest
from cryptography.exceptions import InvalidTag

from integrations.encryption import aead

KEY = bytes(range(32))


@pytest.mark.parametrize("data", [b"", b"\x00", b"\xff" * 31, bytes(range(256))])
def test_text_round_trip(data):
    assert aead.from_text(aead.to_text(data)) == data


@pytest.mark.parametrize("text", ["=", "AA==", "A", "AB", "A A", "AA\n", "A+/A", "ä"])
def test_only_what_to_text_writes_is_read(text):
    with pytest.raises(ValueError):
        aead.from_text(text)


def test_every_encryption_differs():
    first, second = (aead.encrypt(KEY, b"same", b"context") for _ in range(2))
    assert first != second
    assert aead.decrypt(KEY, first, b"context") == aead.decrypt(KEY, second, b"context") == b"same"


def test_other_key_or_context_opens_nothing():
    sealed = aead.encrypt(KEY, b"x", b"context")
    with pytest.raises(InvalidTag):
        aead.decrypt(os.urandom(32), sealed, b"context")
    with pytest.raises(InvalidTag):
        aead.decrypt(KEY, sealed, b"other")


def test_parts_cannot_be_cut_differently():
    assert aead.associated("ab", "c") != aead.associated("a", "bc")
    assert aead.associated("a", "") != aead.associated("a")
    assert aead.associated("ä") != aead.associated("a")

from __future__ import annotations

import os

import pytest

from integrations.encryption import content
from integrations.encryption.keyring import KeyRing
from integrations.errors import SealBroken

OLD, NEW = os.urandom(32), os.urandom(32)
RING = KeyRing("k1", {"k1": OLD})
SEALED = content.seal(RING, b"an answer", "answer", "key")


def test_round_trip():
    assert content.open_(RING, SEALED, "answer", "key") == b"an answer"


def test_nothing_of_it_can_be_read():
    assert b"answer" not in SEALED


def test_sealing_twice_gives_two_texts():
    assert content.seal(RING, b"an answer", "answer", "key") != SEALED


@pytest.mark.parametrize("place", [("answer", "other"), ("other", "key"), ("answerk", "ey")])
def test_elsewhere_it_does_not_open(place):
    with pytest.raises(SealBroken):
        content.open_(RING, SEALED, *place)


@pytest.mark.parametrize("index", [0, 3, 20, -1])
def test_changed_by_one_bit_it_does_not_open(index):
    changed = bytearray(SEALED)
    changed[index] ^= 1
    with pytest.raises(SealBroken):
        content.open_(RING, bytes(changed), "answer", "key")


@pytest.mark.parametrize("sealed", [b"", b".", b"k1.", b"k1.short", b"\xff.x"])
def test_what_is_no_sealed_content_does_not_open(sealed):
    with pytest.raises(SealBroken):
        content.open_(RING, sealed, "answer", "key")


def test_key_that_only_opens_still_does():
    ring = KeyRing("k2", {"k2": NEW, "k1": OLD})
    assert content.open_(ring, SEALED, "answer", "key") == b"an answer"
    assert content.seal(ring, b"x", "answer", "key").startswith(b"k2.")


def test_key_that_is_gone_opens_nothing():
    with pytest.raises(SealBroken):
        content.open_(KeyRing("k2", {"k2": NEW}), SEALED, "answer", "key")

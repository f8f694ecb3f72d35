from __future__ import annotations

import os
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.encryption import envelope
from integrations.encryption.envelope import SealContext
from integrations.encryption.keyring import KeyRing
from integrations.errors import SealBroken

CONTEXT = SealContext(
    "integrations.integration", "sealed_key", "row", "owner", "https://a.example:443"
)
RING = KeyRing("k1", {"k1": os.urandom(32)})
PLAIN = b"sk-test-canary"


@given(st.binary(max_size=5000))
def test_round_trip(plaintext):
    assert envelope.open_(RING, envelope.seal(RING, plaintext, CONTEXT), CONTEXT) == plaintext


def test_blob_names_version_and_key():
    version, kid, wrapped, sealed = envelope.seal(RING, PLAIN, CONTEXT).split(".")
    assert (version, kid) == ("aim1", "k1")
    assert wrapped
    assert sealed


def test_key_of_60_characters_takes_207():
    assert len(envelope.seal(RING, b"x" * 60, CONTEXT)) == 207


def test_sealing_twice_shares_nothing():
    first, second = (envelope.seal(RING, PLAIN, CONTEXT).split(".") for _ in range(2))
    assert first[2] != second[2]
    assert first[3] != second[3]


@pytest.mark.parametrize("replacement", ["A", "_", ".", "é", " "])
def test_every_change_of_one_character_is_refused(replacement):
    blob = envelope.seal(RING, PLAIN, CONTEXT)
    for position, character in enumerate(blob):
        if character == replacement:
            continue
        changed = blob[:position] + replacement + blob[position + 1 :]
        with pytest.raises(SealBroken):
            envelope.open_(RING, changed, CONTEXT)


def test_every_lost_or_added_character_is_refused():
    blob = envelope.seal(RING, PLAIN, CONTEXT)
    for position in range(len(blob)):
        for changed in (
            blob[:position] + blob[position + 1 :],
            blob[:position] + "A" + blob[position:],
        ):
            if changed != blob:
                with pytest.raises(SealBroken):
                    envelope.open_(RING, changed, CONTEXT)


@pytest.mark.parametrize("field", ["model", "field", "row", "owner", "origin"])
def test_moved_blob_is_refused(field):
    blob = envelope.seal(RING, PLAIN, CONTEXT)
    with pytest.raises(SealBroken):
        envelope.open_(RING, blob, replace(CONTEXT, **{field: "elsewhere"}))


@pytest.mark.parametrize("part", [2, 3])
def test_part_of_another_rows_blob_is_refused(part):
    mine = envelope.seal(RING, PLAIN, CONTEXT).split(".")
    other = envelope.seal(RING, PLAIN, replace(CONTEXT, row="other")).split(".")
    mine[part] = other[part]
    with pytest.raises(SealBroken):
        envelope.open_(RING, ".".join(mine), CONTEXT)


def test_blob_relabelled_with_another_key_of_the_ring_is_refused():
    key = os.urandom(32)
    ring = KeyRing("k1", {"k1": key, "k2": key})
    blob = envelope.seal(ring, PLAIN, CONTEXT)
    with pytest.raises(SealBroken):
        envelope.open_(ring, blob.replace(".k1.", ".k2."), CONTEXT)


def test_old_blob_opens_after_the_primary_changed():
    old = envelope.seal(RING, PLAIN, CONTEXT)
    rotated = KeyRing("k2", {"k1": RING.key("k1"), "k2": os.urandom(32)})
    assert envelope.open_(rotated, old, CONTEXT) == PLAIN
    assert envelope.seal(rotated, PLAIN, CONTEXT).startswith("aim1.k2.")


def test_blob_of_a_destroyed_key_is_refused():
    blob = envelope.seal(RING, PLAIN, CONTEXT)
    with pytest.raises(SealBroken, match="k1"):
        envelope.open_(KeyRing("k2", {"k2": os.urandom(32)}), blob, CONTEXT)


@pytest.mark.parametrize(
    "blob", ["", "aim1", "aim2.k1.AA.AA", "aim1.k1.AA", "aim1.k1..", "aim1.k1.AA.AA.AA"]
)
def test_what_is_no_blob_is_refused(blob):
    with pytest.raises(SealBroken):
        envelope.open_(RING, blob, CONTEXT)


def test_refusal_names_row_and_field_and_nothing_sealed():
    blob = envelope.seal(RING, PLAIN, CONTEXT)
    with pytest.raises(SealBroken) as caught:
        envelope.open_(RING, blob[:-1], CONTEXT)
    assert "row sealed_key" in str(caught.value)
    assert PLAIN.decode() not in str(caught.value)
    assert blob[-20:-1] not in str(caught.value)

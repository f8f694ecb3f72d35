from __future__ import annotations

from integrations.checks import key_ring
from integrations.encryption.keyring import KeyRing, ring_file


def test_before_the_first_run_all_is_well(master_key):
    assert key_ring(None) == []


def test_good_key_ring_is_well(master_key):
    KeyRing.load_or_create(master_key)
    assert key_ring(None) == []


def test_open_key_file_is_found(master_key):
    KeyRing.load_or_create(master_key)
    master_key.chmod(0o644)
    assert "chmod 600" in key_ring(None)[0].msg


def test_half_a_key_ring_is_found(master_key):
    KeyRing.load_or_create(master_key)
    ring_file(master_key).unlink()
    assert len(key_ring(None)) == 1

from __future__ import annotations

import json
import os
import pickle
import stat
import threading
from pathlib import Path

import pytest

from integrations.encryption import aead
from integrations.encryption.keyring import KeyRing, check_value, ring_file
from integrations.encryption.kms.local import LocalRoot
from integrations.errors import KeyRingError, SealBroken


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "data" / "master.key"


@pytest.fixture
def made(path) -> Path:
    KeyRing.load_or_create(path)
    return path


def write(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o600)


def change(path: Path, **values) -> None:
    ring = json.loads(ring_file(path).read_text())
    ring["keys"]["k1"].update(values)
    write(ring_file(path), json.dumps(ring))


def test_first_run_makes_both_files_for_the_owner_alone(made):
    for file in (made, ring_file(made)):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_first_run_makes_private_folder_and_leaves_no_drafts(made):
    assert stat.S_IMODE(made.parent.stat().st_mode) == 0o700
    assert {file.name for file in made.parent.iterdir()} == {"master.key", "master.ring.json"}


def test_generous_umask_changes_nothing(path):
    before = os.umask(0)
    try:
        KeyRing.load_or_create(path)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_ring_file_holds_the_agreed_form(made):
    ring = json.loads(ring_file(made).read_text())
    assert (ring["v"], ring["primary"], list(ring["keys"])) == (1, "k1", ["k1"])
    key = ring["keys"]["k1"]
    assert (key["state"], key["wrap"]) == ("active", "local")
    assert len(key["kcv"]) == 16
    assert key["created"] > 1_700_000_000


def test_files_hold_no_key_of_the_ring_in_the_clear(made):
    ring = KeyRing.load(made)
    for file in (made, ring_file(made)):
        assert aead.to_text(ring.key("k1")) not in file.read_text()


def test_second_start_finds_the_same_keys(made):
    assert KeyRing.load_or_create(made).key("k1") == KeyRing.load_or_create(made).key("k1")


def test_many_first_starts_at_once_agree(path):
    found: list[bytes] = []
    start = threading.Barrier(8)

    def run() -> None:
        start.wait()
        found.append(KeyRing.load_or_create(path).key("k1"))

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1


@pytest.mark.parametrize("lost", ["both", "root", "ring"])
def test_lost_file_is_not_made_anew_while_something_needs_it(made, lost):
    files = {"root": [made], "ring": [ring_file(made)], "both": [made, ring_file(made)]}[lost]
    for file in files:
        file.unlink()
    with pytest.raises(KeyRingError, match=r"cannot be found.*backup"):
        KeyRing.load_or_create(made, is_needed=lambda: True)
    assert not any(file.exists() for file in files)


def test_lost_root_beside_its_ring_is_never_made_anew(made):
    made.unlink()
    with pytest.raises(KeyRingError, match="backup"):
        KeyRing.load_or_create(made)
    assert not made.exists()


def test_ring_is_made_for_a_root_the_operator_brought(made):
    root = made.read_text()
    ring_file(made).unlink()
    KeyRing.load_or_create(made)
    assert made.read_text() == root


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o620, 0o666, 0o601])
@pytest.mark.parametrize("which", ["root", "ring"])
def test_file_open_to_others_is_refused_with_the_cure(made, which, mode):
    file = made if which == "root" else ring_file(made)
    file.chmod(mode)
    with pytest.raises(KeyRingError, match=f"chmod 600 {file}"):
        KeyRing.load_or_create(made)


def test_root_may_be_read_only(made):
    made.chmod(0o400)
    assert KeyRing.load_or_create(made).ids == ("k1",)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "secret",
        aead.to_text(b"\x00" * 32),
        aead.to_text(b"changeme" * 4),
        aead.to_text(bytes(range(31))),
        aead.to_text(bytes(range(33))),
        "ä" * 43,
        "*" * 43,
    ],
)
def test_empty_short_or_made_up_root_is_refused(made, text):
    write(made, text)
    with pytest.raises(KeyRingError, match=r"master\.(key|ring)"):
        KeyRing.load_or_create(made)


def test_root_of_another_installation_is_refused(made, tmp_path):
    other = tmp_path / "other.key"
    KeyRing.load_or_create(other)
    write(made, other.read_text())
    with pytest.raises(KeyRingError, match="does not belong to the key ring"):
        KeyRing.load_or_create(made)


def test_every_single_change_of_the_root_is_refused(made):
    text = made.read_text().strip()
    for position, character in enumerate(text):
        write(made, text[:position] + ("A" if character != "A" else "B") + text[position + 1 :])
        with pytest.raises(KeyRingError):
            KeyRing.load(made)


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "{}", '{"v":2,"primary":"k1","keys":{}}', '{"v":1,"primary":"k1","keys":{}}'],
)
def test_corrupt_ring_is_refused(made, text):
    write(ring_file(made), text)
    with pytest.raises(KeyRingError, match=r"damaged.*backup"):
        KeyRing.load_or_create(made)


def test_ring_that_is_not_text_is_refused(made):
    ring_file(made).write_bytes(b"\xff\xfe\x00")
    with pytest.raises(KeyRingError, match="damaged"):
        KeyRing.load_or_create(made)


@pytest.mark.parametrize(
    "values",
    [{"kcv": "0" * 16}, {"blob": "AA+"}, {"state": "lost"}, {"unknown": 1}, {"state": "decrypt"}],
)
def test_changed_entry_is_refused(made, values):
    change(made, **values)
    with pytest.raises(KeyRingError, match="damaged"):
        KeyRing.load_or_create(made)


def test_changed_wrapped_key_is_refused(made):
    blob = json.loads(ring_file(made).read_text())["keys"]["k1"]["blob"]
    change(made, blob=("A" if blob[0] != "A" else "B") + blob[1:])
    with pytest.raises(KeyRingError, match="does not belong"):
        KeyRing.load_or_create(made)


def test_key_wrapped_elsewhere_is_refused_by_name(made):
    change(made, wrap="gcp")
    with pytest.raises(KeyRingError, match="'gcp'"):
        KeyRing.load_or_create(made)


def test_wrapped_key_under_another_id_is_refused(made):
    ring = json.loads(ring_file(made).read_text())
    ring["keys"]["k2"], ring["primary"] = ring["keys"].pop("k1"), "k2"
    write(ring_file(made), json.dumps(ring))
    with pytest.raises(KeyRingError, match="does not belong"):
        KeyRing.load_or_create(made)


def test_destroyed_key_is_not_loaded(made):
    ring = json.loads(ring_file(made).read_text())
    ring["keys"]["k2"] = {**ring["keys"]["k1"], "state": "destroyed", "blob": ""}
    write(ring_file(made), json.dumps(ring))
    loaded = KeyRing.load(made)
    assert loaded.ids == ("k1",)
    with pytest.raises(SealBroken):
        loaded.key("k2")


def test_what_cannot_be_read_is_said_in_words(made):
    made.unlink()
    made.mkdir()
    with pytest.raises(KeyRingError, match="cannot be used: Is a directory"):
        KeyRing.load_or_create(made)


def test_folder_that_cannot_be_made_is_said_in_words(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(KeyRingError, match="cannot be used"):
        KeyRing.load_or_create(tmp_path / "file" / "master.key")


def test_subkeys_differ_by_label_and_by_key():
    ring = KeyRing("k1", {"k1": os.urandom(32), "k2": os.urandom(32)})
    assert ring.subkey("pat-pepper") == ring.subkey("pat-pepper", "k1")
    assert (
        len(
            {
                ring.subkey("pat-pepper"),
                ring.subkey("audit-hmac"),
                ring.subkey("pat-pepper", "k2"),
                ring.key("k1"),
            }
        )
        == 4
    )


def test_check_value_tells_nothing_but_sameness():
    assert check_value(bytes(32)) == check_value(bytes(32))
    assert check_value(bytes(32)) != check_value(bytes(31) + b"\x01")


def test_root_shows_nothing(made):
    assert repr(LocalRoot(made.read_text(), made)) == "LocalRoot(***)"


def test_ring_shows_ids_and_no_key(made):
    ring = KeyRing.load(made)
    assert repr(ring) == "KeyRing(primary='k1', ids=('k1',))"
    with pytest.raises(TypeError):
        pickle.dumps(ring)
    with pytest.raises(TypeError):
        ring.__getstate__()

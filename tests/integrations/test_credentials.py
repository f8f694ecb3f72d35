from __future__ import annotations

import uuid
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.db import connection

from integrations import credentials
from integrations.actions import integrations as actions
from integrations.actions import tokens as token_actions
from integrations.audit import SYSTEM
from integrations.encryption.keyring import KeyRing, ring_file
from integrations.errors import KeyRingError, SealBroken
from integrations.inputs import IntegrationInput
from integrations.models import Integration
from tests.factories import make_user

CANARY = "sk-canary-4f9d1c7b2a6e8053-wxyz"
HEADER = "header-canary-93b1f0"


@pytest.fixture
def stored(connect, alice) -> Integration:
    return connect(alice, key=CANARY, headers={"X-Team": HEADER})


def test_stored_key_and_headers_come_back(stored):
    fresh = Integration.objects.get(pk=stored.pk)
    assert credentials.reveal(fresh).plain() == CANARY
    assert dict(credentials.reveal_headers(fresh)) == {"X-Team": HEADER}


def test_integration_without_secrets_reveals_nothing(alice):
    sandbox = alice.integrations.get()
    assert not credentials.reveal(sandbox)
    assert dict(credentials.reveal_headers(sandbox)) == {}


@pytest.mark.parametrize("column", ["sealed_key", "sealed_headers"])
def test_blob_of_another_row_is_refused(connect, alice, stored, column):
    other = connect(alice, key="sk-other-key-000000", headers={"X-Team": "other"})
    _assert_readable(other)
    setattr(other, column, getattr(stored, column))
    with pytest.raises(SealBroken):
        _assert_readable(other)


def test_blob_of_another_column_is_refused(stored):
    stored.sealed_key = stored.sealed_headers
    with pytest.raises(SealBroken):
        credentials.reveal(stored)


def test_row_given_to_another_owner_does_not_open(stored, bob):
    stored.owner = bob
    with pytest.raises(SealBroken):
        credentials.reveal(stored)


def test_row_copied_under_another_id_does_not_open(stored):
    stored.pk = uuid.uuid4()
    with pytest.raises(SealBroken):
        credentials.reveal(stored)


def test_row_pointed_at_another_origin_does_not_open(stored):
    stored.base_url = "https://attacker.example/v1"
    with pytest.raises(SealBroken):
        credentials.reveal(stored)


def test_opened_key_stays_bound_although_it_is_remembered(stored, bob):
    assert credentials.reveal(stored).plain() == CANARY
    stored.owner = bob
    with pytest.raises(SealBroken):
        credentials.reveal(stored)


def test_another_path_of_the_same_origin_opens(stored):
    stored.base_url = "https://api.openai.com/v2"
    assert credentials.reveal(stored).plain() == CANARY


@pytest.mark.parametrize(
    ("key", "hint"),
    [("", ""), ("short", ""), ("12345678901", ""), ("123456789012", "9012"), (CANARY, "wxyz")],
)
def test_hint_is_the_last_four_of_a_long_enough_key(key, hint):
    assert credentials.mask(key) == hint


def test_file_is_masked_without_a_hint():
    assert credentials.mask('{"type":"service_account"}') == ""


def test_short_key_is_masked_without_a_hint(connect, alice):
    assert connect(alice, key="short-key").masked_key == "****"


def test_row_shows_nothing_of_its_secrets(stored):
    assert CANARY not in repr(stored)
    assert CANARY not in repr(vars(stored))
    assert HEADER not in repr(vars(stored))


def test_input_shows_nothing_of_its_secrets():
    shown = repr(IntegrationInput(key=CANARY, headers={"X-Team": HEADER}))
    assert CANARY not in shown
    assert HEADER not in shown


@pytest.mark.skipif(connection.vendor != "sqlite", reason="looks into the database's file")
@pytest.mark.django_db(transaction=True)
def test_database_file_and_its_log_hold_no_secret():
    owner = make_user()
    data = IntegrationInput(key=CANARY, headers={"X-Team": HEADER}, name="Here it lies")
    integration = actions.create(SYSTEM, owner, "openai", data)
    actions.edit(SYSTEM, integration, IntegrationInput(key=CANARY, model="a-model"))
    _, text = token_actions.issue(SYSTEM, owner, "tool", ["chat"])
    name = Path(django_settings.DATABASES["default"]["NAME"])
    content = b"".join(file.read_bytes() for file in name.parent.glob(f"{name.name}*"))
    assert b"Here it lies" in content
    for secret in (CANARY, HEADER, text.plain(), text.plain()[9:-4]):
        assert secret.encode() not in content


def test_ring_is_read_once(master_key, db):
    first = credentials.ring()
    assert credentials.ring() is first
    assert credentials.is_open()


def test_ring_is_not_open_before_it_is_needed(master_key):
    assert not credentials.is_open()
    assert not master_key.exists()


def test_lost_ring_is_refused_while_keys_are_stored(stored, master_key):
    master_key.unlink()
    ring_file(master_key).unlink()
    credentials.forget()
    with pytest.raises(KeyRingError, match="backup"):
        credentials.prepare()
    assert not master_key.exists()


def test_lost_ring_is_refused_while_only_tokens_are_stored(alice, master_key):
    token_actions.issue(SYSTEM, alice, "tool", ["chat"])
    master_key.unlink()
    ring_file(master_key).unlink()
    credentials.forget()
    with pytest.raises(KeyRingError, match="tokens"):
        credentials.prepare()


def test_both_files_of_another_installation_are_refused(stored, settings, tmp_path):
    settings.AIM_MASTER_KEY_FILE = tmp_path / "another" / "master.key"
    KeyRing.load_or_create(settings.AIM_MASTER_KEY_FILE)
    with pytest.raises(KeyRingError, match="another installation"):
        credentials.prepare()


def test_one_damaged_row_does_not_stop_the_start(stored, connect, alice):
    connect(alice)
    Integration.objects.filter(pk=stored.pk).update(sealed_key="aim1.k1.AA.AA")
    credentials.forget()
    credentials.prepare()


def test_first_start_prepares_a_ring(db, master_key):
    credentials.prepare()
    assert master_key.exists()
    assert ring_file(master_key).exists()


def _assert_readable(integration: Integration) -> None:
    credentials.reveal(integration)
    credentials.reveal_headers(integration)

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model
from django.core.management import call_command

from integrations.actions.integrations import ensure_sandbox
from integrations.models import Revision


def test_new_account_has_a_sandbox(alice):
    sandbox = alice.integrations.get()
    assert (sandbox.provider_id, sandbox.name, sandbox.status) == (
        "sandbox",
        "Sandbox",
        "connected",
    )


@pytest.mark.django_db
def test_account_made_on_the_command_line_has_a_sandbox(monkeypatch):
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", "correct horse battery")
    call_command("createsuperuser", email="root@example.com", interactive=False, verbosity=0)
    user = get_user_model().objects.get(email="root@example.com")
    assert user.integrations.get().provider_id == "sandbox"


def test_sandbox_is_made_once(alice):
    assert ensure_sandbox(alice) == ensure_sandbox(alice)
    assert alice.integrations.count() == 1


def test_deleted_sandbox_stays_deleted_when_the_account_is_saved(alice):
    alice.integrations.all().delete()
    alice.save()
    assert not alice.integrations.exists()


def test_changed_account_is_told_to_every_process(alice):
    before = Revision.current()
    alice.is_active = False
    alice.save()
    assert Revision.current() > before


def test_deleted_account_is_told_to_every_process(alice):
    before = Revision.current()
    alice.delete()
    assert Revision.current() > before


def test_signing_in_is_not_a_change(alice):
    before = Revision.current()
    alice.save(update_fields=["last_login"])
    assert Revision.current() == before

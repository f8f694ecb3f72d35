from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from django.contrib.auth.models import AnonymousUser
from django.utils import timezone

from integrations import access
from integrations.actions import tokens as actions
from integrations.audit import SYSTEM
from integrations.models import AccessToken, Integration


@pytest.fixture
def token(alice) -> AccessToken:
    return actions.issue(SYSTEM, alice, "tool", ["chat"])[0]


def test_owner_finds_what_is_theirs(alice, token):
    sandbox = alice.integrations.get()
    assert access.get_integration(alice, sandbox.pk) == sandbox
    assert access.get_integration(alice, str(sandbox.pk)) == sandbox
    assert access.get_token(alice, token.pk) == token


@pytest.mark.parametrize("id", ["", "5", "not-a-uuid", "' OR '1'='1", "\x00", uuid.uuid4()])
def test_unknown_and_malformed_ids_are_answered_alike(alice, id):
    with pytest.raises(Integration.DoesNotExist):
        access.get_integration(alice, id)
    with pytest.raises(AccessToken.DoesNotExist):
        access.get_token(alice, id)


def test_nobody_has_nothing(alice, token):
    nobody = AnonymousUser()
    assert not access.integrations_of(nobody).exists()
    assert not access.tokens_of(nobody).exists()
    assert not access.audit_of(nobody).exists()


def test_audit_is_newest_first(alice, token):
    assert [event.action for event in access.audit_of(alice)] == [
        "token.issued",
        "integration.created",
    ]


def test_tokens_that_can_call_an_integration_are_found(alice, connect):
    integration, other = connect(alice), connect(alice)
    both, _ = actions.issue(SYSTEM, alice, "both", ["chat"], integrations=[integration, other])
    actions.issue(SYSTEM, alice, "other", ["chat"], integrations=[other])
    everything, _ = actions.issue(SYSTEM, alice, "all", ["chat"])
    late, _ = actions.issue(SYSTEM, alice, "late", ["chat"])
    type(late).objects.filter(pk=late.pk).update(expires_at=timezone.now())
    gone, _ = actions.issue(SYSTEM, alice, "gone", ["chat"], integrations=[integration])
    actions.revoke(SYSTEM, gone)
    assert set(access.tokens_using(integration)) == {both, everything}


def test_touch_notes_the_last_use(alice, token):
    sandbox, when = alice.integrations.get(), timezone.now()
    access.touch([sandbox.pk], [token.pk], when)
    sandbox.refresh_from_db()
    token.refresh_from_db()
    assert sandbox.last_used == token.last_used == when


def test_touch_never_goes_back(alice, token):
    sandbox, when = alice.integrations.get(), timezone.now()
    access.touch([sandbox.pk], [], when)
    access.touch([sandbox.pk], [], when - timedelta(hours=1))
    sandbox.refresh_from_db()
    assert sandbox.last_used == when


def test_touch_of_nothing_asks_nothing(django_assert_num_queries, db):
    with django_assert_num_queries(0):
        access.touch([], [], timezone.now())


def test_touch_is_no_edit(alice):
    sandbox = alice.integrations.get()
    access.touch([sandbox.pk], [], timezone.now())
    assert Integration.objects.get(pk=sandbox.pk).updated_at == sandbox.updated_at

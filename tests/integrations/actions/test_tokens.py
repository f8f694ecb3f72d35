from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import DatabaseError, connection
from django.utils import timezone

from integrations import access, tokens
from integrations.actions import integrations as integration_actions
from integrations.actions import tokens as actions
from integrations.audit import SYSTEM, Actor
from integrations.models import AccessToken, AuditEvent


def test_issue_gives_the_text_once_and_keeps_its_digest(alice):
    row, text = actions.issue(SYSTEM, alice, "tool", ["chat"])
    row = AccessToken.objects.get(pk=row.pk)
    assert tokens.well_formed(text.plain())
    assert row.digest in tokens.digests(text.plain())
    assert (row.prefix, row.last4) == (text.plain()[:9], text.plain()[-4:])
    assert text.plain() not in str(AccessToken.objects.filter(pk=row.pk).values())
    assert (row.owner, row.name, row.state) == (alice, "tool", "active")


def test_scopes_are_kept_in_their_usual_order_and_once(alice):
    row, _ = actions.issue(SYSTEM, alice, "tool", ["usage:read", "chat", "chat"])
    assert row.scopes == ["chat", "usage:read"]


def test_token_lives_90_days_unless_something_else_is_said(alice):
    row, _ = actions.issue(SYSTEM, alice, "tool", ["chat"])
    assert row.expires_at is not None
    assert abs(row.expires_at - timezone.now() - timedelta(days=90)) < timedelta(minutes=1)


def test_token_lives_for_ever_only_when_that_is_said(alice):
    row, _ = actions.issue(SYSTEM, alice, "tool", ["chat"], None)
    assert row.expires_at is None


def test_token_without_integrations_may_use_all(alice):
    row, _ = actions.issue(SYSTEM, alice, "tool", ["chat"])
    assert not row.restricted


def test_token_is_restricted_to_the_named_integrations(connect, alice):
    one = connect(alice)
    row, _ = actions.issue(SYSTEM, alice, "tool", ["chat"], integrations=[one])
    assert row.restricted
    assert list(row.integrations.all()) == [one]


def test_restriction_outlives_the_last_integration_it_names(connect, alice):
    one = connect(alice)
    row, _ = actions.issue(SYSTEM, alice, "tool", ["chat"], integrations=[one])
    integration_actions.delete(SYSTEM, one)
    row.refresh_from_db()
    assert row.restricted
    assert not row.integrations.exists()


@pytest.mark.parametrize(
    ("values", "at"),
    [
        ({"name": ""}, "name"),
        ({"name": "   "}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"scopes": []}, "scopes"),
        ({"scopes": ["chat", "everything"]}, "scopes"),
        ({"expires_at": timedelta(seconds=-1)}, "expires_at"),
        ({"expires_at": timedelta(days=367)}, "expires_at"),
    ],
)
def test_bad_input_is_named_and_leaves_nothing(alice, values, at):
    given = {"name": "tool", "scopes": ["chat"], **values}
    if "expires_at" in given:
        given["expires_at"] += timezone.now()
    with pytest.raises(ValidationError) as caught:
        actions.issue(SYSTEM, alice, **given)
    assert list(caught.value.message_dict) == [at]
    assert not AccessToken.objects.exists()


def test_integration_of_somebody_else_is_refused(connect, alice, bob):
    with pytest.raises(ValidationError) as caught:
        actions.issue(SYSTEM, alice, "tool", ["chat"], integrations=[connect(bob)])
    assert list(caught.value.message_dict) == ["integrations"]


def test_revoked_token_stays_revoked_since_the_first_time(alice):
    row, _ = actions.issue(SYSTEM, alice, "tool", ["chat"])
    first = actions.revoke(SYSTEM, row).revoked_at
    again = actions.revoke(SYSTEM, row)
    assert again.state == "revoked"
    assert again.revoked_at == first


def test_audit_tells_what_was_allowed_and_holds_no_token(connect, alice):
    one = connect(alice)
    row, text = actions.issue(Actor(alice.pk), alice, "tool", ["chat"], None, [one])
    event = access.audit_of(alice).first()
    assert event is not None
    assert (event.action, event.target_id, event.actor) == ("token.issued", str(row.pk), alice)
    assert event.data == {"scopes": ["chat"], "expires": None, "integrations": [str(one.pk)]}
    story = str(list(AuditEvent.objects.values()))
    assert text.plain() not in story
    assert row.digest not in story


def test_what_cannot_be_recorded_does_not_happen(alice, transactional_db):
    row, _ = actions.issue(SYSTEM, alice, "tool", ["chat"])
    with connection.schema_editor() as editor:
        editor.execute("ALTER TABLE integrations_auditevent RENAME TO away")
    try:
        with pytest.raises(DatabaseError):
            actions.issue(SYSTEM, alice, "another", ["chat"])
        with pytest.raises(DatabaseError):
            actions.revoke(SYSTEM, row)
        assert [(token.name, token.state) for token in access.tokens_of(alice)] == [
            ("tool", "active")
        ]
    finally:
        with connection.schema_editor() as editor:
            editor.execute("ALTER TABLE away RENAME TO integrations_auditevent")

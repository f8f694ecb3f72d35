from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from integrations.models import AccessToken, AuditEvent, Integration, Revision
from providers.endpoint import BadEndpoint


def row(alice, **values) -> Integration:
    return Integration(**{"owner": alice, "provider_id": "openai", "sealed_key": "x", **values})


@pytest.mark.parametrize(
    ("values", "status"),
    [
        ({}, "connected"),
        ({"test_result": "ok"}, "connected"),
        ({"test_result": "unreachable"}, "connected"),
        ({"test_result": "rate_limited"}, "connected"),
        ({"test_result": "wrong_key"}, "needs_attention"),
        ({"test_result": "restricted_key"}, "needs_attention"),
        ({"test_result": "no_credit"}, "needs_attention"),
        ({"sealed_key": ""}, "needs_attention"),
        ({"provider_id": "gone"}, "needs_attention"),
        ({"provider_id": "sandbox", "sealed_key": ""}, "connected"),
        ({"enabled": False}, "disabled"),
        ({"enabled": False, "sealed_key": ""}, "disabled"),
    ],
)
def test_status(alice, values, status):
    assert row(alice, **values).status == status


def test_provider_is_called_by_its_name_or_else_by_its_id(alice):
    assert row(alice).provider_name == "OpenAI"
    assert row(alice, provider_id="gone").provider_name == "gone"


def test_integration_of_a_provider_that_left_says_how_far_it_goes(alice):
    gone = row(alice, provider_id="gone")
    assert gone.spec is None
    assert gone.api_key_type == "none"
    with pytest.raises(BadEndpoint):
        _ = gone.endpoint


def test_key_type_is_that_of_the_way_to_sign_in(alice):
    assert row(alice).api_key_type == "api_key"
    assert row(alice, provider_id="sandbox").api_key_type == "none"


def test_masked_key_is_the_hint(alice):
    assert row(alice, key_hint="1234").masked_key == "****1234"
    assert row(alice, key_hint="").masked_key == "****"
    assert row(alice, sealed_key="").masked_key == ""


def test_name_is_unique_for_its_owner_in_any_case(alice, bob):
    row(alice, name="Mine").save()
    row(bob, name="Mine").save()
    with pytest.raises(IntegrityError), transaction.atomic():
        row(alice, name="mINE").save()


@pytest.mark.parametrize(
    ("values", "state"),
    [
        ({}, "active"),
        ({"expires_at": timedelta(hours=1)}, "active"),
        ({"expires_at": timedelta(hours=-1)}, "expired"),
        ({"revoked_at": timedelta(0)}, "revoked"),
        ({"revoked_at": timedelta(0), "expires_at": timedelta(hours=-1)}, "revoked"),
    ],
)
def test_token_state(values, state):
    now = timezone.now()
    assert AccessToken(**{name: now + delta for name, delta in values.items()}).state == state


def test_token_is_shown_by_its_ends():
    assert AccessToken(prefix="aimp_abcd", last4="wxyz").masked == "aimp_abcd…wxyz"


def test_audit_event_cannot_be_changed_or_deleted(alice):
    event = AuditEvent.objects.filter(owner=alice).get()
    event.action = "forged"
    with pytest.raises(TypeError):
        event.save()
    with pytest.raises(TypeError):
        event.delete()
    with pytest.raises(TypeError):
        AuditEvent.objects.update(action="forged")
    with pytest.raises(TypeError):
        AuditEvent.objects.filter(pk=event.pk).delete()
    assert AuditEvent.objects.get(pk=event.pk).action == "integration.created"


def test_audit_outlives_the_account(alice):
    event = AuditEvent.objects.filter(owner=alice).get()
    alice.delete()
    event.refresh_from_db()
    assert event.owner is None
    assert event.target_name == "Sandbox"


def test_revision_grows(db):
    before = Revision.current()
    Revision.bump()
    Revision.bump()
    assert Revision.current() == before + 2


def test_rows_name_themselves(alice):
    assert str(row(alice, name="Mine")) == "Mine"
    assert str(AccessToken(name="tool")) == "tool"
    assert str(Revision(number=5)) == "5"
    assert str(AuditEvent(action="a.b", target_name="Mine")) == "a.b Mine"

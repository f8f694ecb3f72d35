"""The only writer of shared keys. Each action is one transaction with one audit event, for administrators only."""

from __future__ import annotations

from django.contrib.auth.base_user import AbstractBaseUser
from django.core.exceptions import ValidationError

from integrations import access, audit, shared
from integrations.actions.change import change
from integrations.audit import Act, Actor
from integrations.models import SharedKey


def share(actor: Actor, admin: AbstractBaseUser, provider_id: str) -> SharedKey:
    """Let everybody without an own integration call the provider with the key in the environment."""
    access.need_administrator(admin)
    found = shared.offer(provider_id)
    if found is None:
        raise ValidationError("The server's environment holds no key that can be shared for this.")
    with change():
        row, _ = SharedKey.objects.update_or_create(
            provider_id=provider_id,
            defaults={"variable": found.variable, "shared_by_id": admin.pk},
        )
        audit.record(actor, Act.SERVER_KEY_SHARED, row, {"variable": found.variable})
    return row


def unshare(actor: Actor, admin: AbstractBaseUser, row: SharedKey) -> None:
    """From the end of the transaction on nobody gets it any more."""
    access.need_administrator(admin)
    with change():
        stored = SharedKey.objects.select_for_update().get(pk=row.pk)
        audit.record(actor, Act.SERVER_KEY_UNSHARED, stored)
        stored.delete()

"""The only writer of integrations. Each action is one transaction with one audit event.

Bad input raises ``django.core.exceptions.ValidationError`` as ``inputs.check`` describes it. The given
integration is read again under a lock; go on with the one that is returned.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.utils import timezone

from integrations import access, audit, credentials, origins
from integrations.actions.change import change
from integrations.audit import SYSTEM, Act, Actor
from integrations.inputs import Checked, IntegrationInput, check, kept_headers
from integrations.models import Integration
from providers.catalogue.spec import TestResult
from providers.registry import catalogue

__all__ = [
    "Edited",
    "IntegrationInput",
    "create",
    "delete",
    "edit",
    "ensure_sandbox",
    "record_test",
    "set_enabled",
]

SANDBOX = "sandbox"
"""The provider every account has from its first minute on."""

_PLAIN = ("base_url", "fields", "model", "models", "defaults", "mapping", "policy", "metadata")


@dataclass(frozen=True, slots=True)
class Edited:
    """``wiped``: the address changed its origin, so the stored key and headers were erased."""

    integration: Integration
    wiped: bool


def create(
    actor: Actor, owner: AbstractBaseUser, provider_id: str, data: IntegrationInput
) -> Integration:
    """A new integration of ``owner``. Without a name it is called like its provider, numbered if need be."""
    checked = check(catalogue().get(provider_id), data)
    integration = Integration(owner_id=owner.pk, provider_id=provider_id)
    with change(origins):
        integration.name = _name(owner, integration, checked)
        _apply(integration, checked, {})
        if data.enabled is False:
            _switch(actor, integration, False)
        integration.save(force_insert=True)
        facts = {"provider": provider_id, "origin": checked.endpoint.origin}
        audit.record(actor, Act.INTEGRATION_CREATED, integration, facts)
    return integration


def edit(actor: Actor, integration: Integration, data: IntegrationInput) -> Edited:
    """Change what ``data`` gives. Another origin wipes the stored key and headers: they were not meant for it."""
    with change(origins):
        stored = _locked(integration)
        checked = check(stored.spec, data, stored)
        wiped = checked.moved and bool(stored.sealed_key or stored.sealed_headers)
        before = _snapshot(stored)
        kept = kept_headers(
            stored, checked
        )  # sealed for the stored origin: opened before it changes
        stored.name = _name(stored.owner, stored, checked)
        _apply(stored, checked, kept)
        if data.enabled is not None and data.enabled != stored.enabled:
            _switch(actor, stored, data.enabled)
        stored.save()
        facts = {"changed": _differences(before, _snapshot(stored)), "wiped": wiped}
        audit.record(
            actor, Act.INTEGRATION_EDITED, stored, {**facts, "origin": checked.endpoint.origin}
        )
    return Edited(stored, wiped)


def set_enabled(actor: Actor, integration: Integration, enabled: bool) -> Integration:
    """Switch on or off; who did it and when is kept while it is off."""
    with change(origins):
        stored = _locked(integration)
        _switch(actor, stored, enabled)
        stored.save()
        act = Act.INTEGRATION_ENABLED if enabled else Act.INTEGRATION_DISABLED
        audit.record(actor, act, stored)
    return stored


def delete(actor: Actor, integration: Integration) -> None:
    """Its sealed secrets go with it. Tokens restricted to it keep their restriction and reach one less."""
    with change(origins):
        stored = _locked(integration)
        audit.record(actor, Act.INTEGRATION_DELETED, stored, {"provider": stored.provider_id})
        stored.delete()


def record_test(
    integration: Integration, result: TestResult, message: str, actor: Actor = SYSTEM
) -> Integration:
    """Note what a connection test of the stored key found. ``message`` is our own sentence."""
    with change():
        stored = _locked(integration)
        stored.tested_at = timezone.now()
        stored.test_result = result
        stored.test_message = audit.clean(message)[:500]
        stored.save(update_fields=["tested_at", "test_result", "test_message"])
        audit.record(actor, Act.INTEGRATION_TESTED, stored, {"result": result})
    return stored


def ensure_sandbox(user: AbstractBaseUser) -> Integration:
    """The built-in provider for a new account, so that its first call needs no key. Does nothing when it is there."""
    found = access.integrations_of(user).filter(provider_id=SANDBOX).first()
    if found is not None:
        return found
    with change():
        sandbox = Integration.objects.create(owner_id=user.pk, provider_id=SANDBOX, name="Sandbox")
        audit.record(SYSTEM, Act.INTEGRATION_CREATED, sandbox, {"provider": SANDBOX})
    return sandbox


def _locked(integration: Integration) -> Integration:
    """As it is now, whatever the caller's copy says; raises Integration.DoesNotExist when it is gone."""
    return Integration.objects.select_for_update().get(pk=integration.pk)


def _apply(integration: Integration, checked: Checked, kept_headers: Mapping[str, str]) -> None:
    """Everything of ``checked`` but name and switch. Secrets last: they are bound to the new origin."""
    for name in _PLAIN:
        setattr(integration, name, getattr(checked, name))
    integration.auth_id = checked.auth.id
    retest = bool(checked.key) or checked.moved or not checked.keep_key
    if checked.key:
        credentials.store(integration, checked.key)
    elif not checked.keep_key:
        credentials.wipe_key(integration)
    credentials.store_headers(integration, {**kept_headers, **checked.headers})
    if retest:
        integration.tested_at, integration.test_result, integration.test_message = None, "", ""
        integration.rate_limit = None


def _switch(actor: Actor, integration: Integration, enabled: bool) -> None:
    integration.enabled = enabled
    integration.disabled_at = None if enabled else timezone.now()
    integration.disabled_by_id = None if enabled else actor.user_id


def _name(owner: AbstractBaseUser, integration: Integration, checked: Checked) -> str:
    """The wanted name, or a free one made of the provider's. Raises ValidationError when it is taken."""
    others = access.integrations_of(owner).exclude(pk=integration.pk)
    taken = {name.lower() for name in others.values_list("name", flat=True)}
    if checked.name:
        if checked.name.lower() in taken:
            raise ValidationError({"name": ["You have another integration of this name."]})
        return checked.name
    name, number = checked.spec.name, 1
    while name.lower() in taken:
        number += 1
        name = f"{checked.spec.name} {number}"
    return name


def _snapshot(integration: Integration) -> dict[str, Any]:
    names = ("name", "auth_id", "enabled", *_PLAIN, "sealed_key", "sealed_headers", "header_names")
    return {name: getattr(integration, name) for name in names}


def _differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    return [name.removeprefix("sealed_") for name in before if before[name] != after[name]]

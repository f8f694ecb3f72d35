"""The only writer of access tokens. Each action is one transaction with one audit event."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Literal

from django.contrib.auth.base_user import AbstractBaseUser
from django.db import transaction
from django.utils import timezone

from integrations import audit, live, rules, tokens
from integrations.actions.change import change
from integrations.audit import Act, Actor
from integrations.models import AccessToken, Integration
from integrations.rules import Problems
from integrations.secret import Secret

DEFAULT_LIFE = timedelta(days=90)
LONGEST_LIFE = timedelta(days=365)


def default_expiry() -> datetime:
    """What to offer a person who says nothing else."""
    return timezone.now() + DEFAULT_LIFE


def issue(
    actor: Actor,
    owner: AbstractBaseUser,
    name: str,
    scopes: Collection[str],
    expires_at: datetime | Literal["default"] | None = "default",
    integrations: Iterable[Integration] = (),
) -> tuple[AccessToken, Secret]:
    """A new token and its text, which is shown once and cannot be had again.

    ``expires_at`` None is for ever, and must be said. ``integrations`` restricts it; none is all of the owner's,
    later ones too. Raises ValidationError with the keys name, scopes, expires_at, integrations.
    """
    if expires_at == "default":
        expires_at = default_expiry()
    allowed = list(integrations)
    name = _checked(owner, name, scopes, expires_at, allowed)
    minted = tokens.mint()
    with change():
        token = AccessToken.objects.create(
            owner_id=owner.pk,
            name=name,
            prefix=minted.prefix,
            last4=minted.last4,
            digest=minted.digest,
            pepper_id=minted.pepper_id,
            scopes=[scope for scope in tokens.SCOPES if scope in scopes],
            restricted=bool(allowed),
            expires_at=expires_at,
        )
        token.integrations.set(allowed)
        facts = {
            "scopes": token.scopes,
            "expires": expires_at.isoformat() if expires_at else None,
            "integrations": [str(integration.pk) for integration in allowed] if allowed else "all",
        }
        audit.record(actor, Act.TOKEN_ISSUED, token, facts)
    return token, minted.text


def revoke(actor: Actor, token: AccessToken) -> AccessToken:
    """From the end of the transaction on this process refuses it without asking the database, for good."""
    with change():
        stored = AccessToken.objects.select_for_update().get(pk=token.pk)
        stored.revoked_at = stored.revoked_at or timezone.now()
        stored.save(update_fields=["revoked_at"])
        audit.record(actor, Act.TOKEN_REVOKED, stored)
        transaction.on_commit(lambda: live.revoked(stored.digest))
    return stored


def _checked(
    owner: AbstractBaseUser,
    name: str,
    scopes: Collection[str],
    expires_at: datetime | None,
    integrations: Iterable[Integration],
) -> str:
    problems = Problems()
    name = rules.line("name", name, rules.MAX_NAME, problems)
    if not name:
        problems.add("name", "Give the token a name, so that you know later what uses it.")
    if not scopes:
        problems.add("scopes", "Choose at least one thing the token may do.")
    for scope in [scope for scope in scopes if scope not in tokens.SCOPES]:
        problems.add(
            "scopes", f"There is no scope {scope!r}. Known are {', '.join(tokens.SCOPES)}."
        )
    now = timezone.now()
    if expires_at is not None and expires_at <= now:
        problems.add("expires_at", "Choose a time in the future.")
    elif expires_at is not None and expires_at > now + LONGEST_LIFE + timedelta(days=1):
        problems.add("expires_at", f"A token lives at most {LONGEST_LIFE.days} days.")
    if any(integration.owner_id != owner.pk for integration in integrations):
        problems.add("integrations", "Choose among your own integrations.")
    problems.raise_if_any()
    return name

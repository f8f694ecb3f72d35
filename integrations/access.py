"""Who may see and use what. Every page, endpoint and command starts from one of these querysets.

Another person's id is answered exactly like an id that never existed: with DoesNotExist.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser
from django.db.models import Q, QuerySet

from integrations.models import AccessToken, AuditEvent, Integration

Person = AbstractBaseUser | AnonymousUser


def integrations_of(user: Person) -> QuerySet[Integration]:
    return Integration.objects.filter(owner_id=user.pk) if user.pk else Integration.objects.none()


def tokens_of(user: Person) -> QuerySet[AccessToken]:
    return AccessToken.objects.filter(owner_id=user.pk) if user.pk else AccessToken.objects.none()


def audit_of(user: Person) -> QuerySet[AuditEvent]:
    """What was done to the person's things, newest first."""
    return AuditEvent.objects.filter(owner_id=user.pk) if user.pk else AuditEvent.objects.none()


def get_integration(user: Person, id: UUID | str) -> Integration:
    """Raises Integration.DoesNotExist for an id that is unknown, malformed or another person's."""
    if (uuid := _uuid(id)) is None:
        raise Integration.DoesNotExist
    return integrations_of(user).get(pk=uuid)


def get_token(user: Person, id: UUID | str) -> AccessToken:
    """Raises AccessToken.DoesNotExist for an id that is unknown, malformed or another person's."""
    if (uuid := _uuid(id)) is None:
        raise AccessToken.DoesNotExist
    return tokens_of(user).get(pk=uuid)


def tokens_naming(integration: Integration) -> QuerySet[AccessToken]:
    """The unrevoked tokens that are restricted to this integration, perhaps among others."""
    return AccessToken.objects.filter(
        owner_id=integration.owner_id, integrations=integration, revoked_at=None
    )


def touch(integration_ids: Iterable[UUID], token_ids: Iterable[UUID], when: datetime) -> None:
    """Note that these were used. A later time already noted stays."""
    earlier = Q(last_used=None) | Q(last_used__lt=when)
    if ids := set(integration_ids):
        Integration.objects.filter(earlier, pk__in=ids).update(last_used=when)
    if ids := set(token_ids):
        AccessToken.objects.filter(earlier, pk__in=ids).update(last_used=when)


def _uuid(id: UUID | str) -> UUID | None:
    try:
        return id if isinstance(id, UUID) else UUID(id)
    except ValueError:
        return None

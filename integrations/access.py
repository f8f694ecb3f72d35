"""Who may see and use what. Every page, endpoint and command starts from one of these querysets.

Another person's id is answered exactly like an id that never existed: with DoesNotExist.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from types import MappingProxyType
from uuid import UUID

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser
from django.db.models import Case, Expression, F, JSONField, Q, QuerySet, Value, When
from django.db.models.functions import Cast
from django.utils import timezone

from integrations.errors import NotAllowed
from integrations.models import AccessToken, AuditEvent, Integration
from providers.rate_limits import RateLimitState

Person = AbstractBaseUser | AnonymousUser


def integrations_of(user: Person) -> QuerySet[Integration]:
    return Integration.objects.filter(owner_id=user.pk) if user.pk else Integration.objects.none()


def tokens_of(user: Person) -> QuerySet[AccessToken]:
    return AccessToken.objects.filter(owner_id=user.pk) if user.pk else AccessToken.objects.none()


def audit_of(user: Person) -> QuerySet[AuditEvent]:
    """What was done to the person's things, newest first; for an administrator, to the installation's too."""
    if not user.pk:
        return AuditEvent.objects.none()
    mine = Q(owner_id=user.pk)
    if is_administrator(user):
        mine |= Q(owner_id=None, target_type__in=_OF_THE_INSTALLATION)
    return AuditEvent.objects.filter(mine)


_OF_THE_INSTALLATION = ("customprovider", "custommodel", "alias", "sharedkey")


def is_administrator(user: Person) -> bool:
    """Whether the person may change what everybody uses: providers, models, aliases."""
    return bool(user.is_active and getattr(user, "is_superuser", False))


def need_administrator(user: Person) -> None:
    """Raises NotAllowed."""
    if not is_administrator(user):
        raise NotAllowed("Only an administrator of this server may do this.")


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


def tokens_using(integration: Integration) -> QuerySet[AccessToken]:
    """The tokens that can call this integration today: those restricted to it, perhaps among others, and those
    for all integrations.
    """
    alive = Q(expires_at=None) | Q(expires_at__gt=timezone.now())
    reaches = Q(integrations=integration) | Q(restricted=False)
    tokens = AccessToken.objects.filter(alive, reaches, owner_id=integration.owner_id)
    return tokens.filter(revoked_at=None).distinct()


def touch(
    integration_ids: Iterable[UUID],
    token_ids: Iterable[UUID],
    when: datetime,
    limits: Mapping[UUID, RateLimitState] = MappingProxyType({}),
) -> None:
    """Note that these were used, and what their providers said is left. A later time already noted stays."""
    earlier = Q(last_used=None) | Q(last_used__lt=when)
    if ids := {*integration_ids, *limits}:
        said = {"rate_limit": _by_integration(limits)} if limits else {}
        Integration.objects.filter(earlier, pk__in=ids).update(last_used=when, **said)
    if ids := set(token_ids):
        AccessToken.objects.filter(earlier, pk__in=ids).update(last_used=when)


def _by_integration(limits: Mapping[UUID, RateLimitState]) -> Expression:
    """Each integration's own state, so that one UPDATE writes all of them; others keep theirs."""
    field = JSONField()
    cases = (When(pk=id, then=Value(state.to_json(), field)) for id, state in limits.items())
    return Cast(Case(*cases, default=F("rate_limit"), output_field=field), field)


def _uuid(id: UUID | str) -> UUID | None:
    try:
        return id if isinstance(id, UUID) else UUID(id)
    except ValueError:
        return None

"""Whose limits are whose. Another person's id is answered exactly like an id that never existed."""

from __future__ import annotations

from uuid import UUID

from django.db.models import Q, QuerySet

from aiproxy.models import Limit
from integrations.access import Person, is_administrator


def limits_of(user: Person) -> QuerySet[Limit]:
    """All that hold for the person's calls, those an administrator set too."""
    found = Limit.objects.filter(owner_id=user.pk) if user.pk else Limit.objects.none()
    return found.select_related("integration", "token")


def get_limit(user: Person, id: UUID | str) -> Limit:
    """One that holds for the person's calls; for an administrator also one that administrators set on another
    account. Raises Limit.DoesNotExist for every other id.
    """
    seen = Q(owner_id=user.pk)
    if is_administrator(user):
        seen |= Q(by_operator=True)
    try:
        uuid = id if isinstance(id, UUID) else UUID(id)
    except ValueError:
        raise Limit.DoesNotExist from None
    return Limit.objects.filter(seen).get(pk=uuid)


def limits_on_others(user: Person) -> QuerySet[Limit]:
    """What administrators set on other accounts than the person's; nothing for who is none."""
    if not is_administrator(user):
        return Limit.objects.none()
    found = Limit.objects.filter(by_operator=True).exclude(owner_id=user.pk)
    return found.select_related("owner", "integration", "token")

"""The only writer of limits. Each action is one transaction with one audit event.

Bad input raises ValidationError with the names of LimitInput as keys. A person limits their own calls; what an
administrator sets on an account (``by_operator``) its holder cannot change.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.contrib.auth.base_user import AbstractBaseUser

from aiproxy.gateway import limits
from aiproxy.models import Limit
from integrations import access, audit
from integrations.actions.change import change
from integrations.audit import Act, Actor
from integrations.errors import NotAllowed
from integrations.models import AccessToken, Integration
from integrations.rules import Problems
from providers.registry import catalogue

MOST = {
    "requests_per_minute": 1_000_000,
    "tokens_per_minute": 1_000_000_000,
    "concurrent": 100_000,
    "tokens_per_day": 10**12,
    "tokens_per_month": 10**12,
}
MOST_MONEY, CENTS = Decimal(1_000_000), 6
"""US dollars, and how many digits may stand behind the point."""

MOST_WAIT = 300
_SUBJECTS = {"provider": "provider_id", "integration": "integration_id", "token": "token_id"}


@dataclass(frozen=True, slots=True)
class LimitInput:
    """What a limit shall be, whole: None is no limit. ``kind`` is one of ``Limit.KINDS``; all kinds but "user" name
    what they are about. Money is US dollars.
    """

    kind: str = Limit.USER
    provider_id: str = ""
    integration_id: UUID | None = None
    token_id: UUID | None = None
    by_operator: bool = False
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    concurrent: int | None = None
    tokens_per_day: int | None = None
    tokens_per_month: int | None = None
    money_per_day: Decimal | None = None
    money_per_month: Decimal | None = None
    queue_seconds: int = 0


def set_limit(
    actor: Actor, user: AbstractBaseUser, data: LimitInput, owner: AbstractBaseUser | None = None
) -> Limit:
    """Make the limit for what ``data`` names, or replace the one there is. It holds for the calls of ``owner``,
    which is ``user`` unless an administrator sets one ``by_operator``. Raises NotAllowed for anybody else.
    """
    owner = user if owner is None else owner
    if data.by_operator:
        access.need_administrator(user)
    elif owner.pk != user.pk:
        raise NotAllowed("Only administrators limit other accounts, and in the operator's name.")
    with change(limits):
        subject, values = _checked(owner, data)
        limit, _ = Limit.objects.update_or_create(
            owner_id=owner.pk,
            kind=data.kind,
            by_operator=data.by_operator,
            **subject,
            defaults=values,
        )
        audit.record(actor, Act.LIMIT_SET, limit, _shown(limit))
    return limit


def remove_limit(actor: Actor, user: AbstractBaseUser, limit: Limit) -> None:
    """Calls are held to it no longer. Raises NotAllowed for another's."""
    if limit.by_operator:
        access.need_administrator(user)
    elif limit.owner_id != user.pk:
        raise NotAllowed("This limit is its holder's own.")
    with change(limits):
        stored = Limit.objects.select_for_update().get(pk=limit.pk)
        audit.record(actor, Act.LIMIT_REMOVED, stored, _shown(stored))
        stored.delete()


def _checked(owner: AbstractBaseUser, data: LimitInput) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the row is about, and what it says."""
    problems = Problems()
    if data.kind not in Limit.KINDS:
        problems.add("kind", f"Choose from {', '.join(Limit.KINDS)}.")
    subject = _subject(owner, data, problems)
    values: dict[str, Any] = {name: _count(name, data, problems) for name in MOST}
    for name in ("money_per_day", "money_per_month"):
        values[name] = _money(name, getattr(data, name), problems)
    if all(value is None for value in values.values()) and not problems.found:
        problems.add("__all__", "Limit at least one thing, or remove the limit.")
    if type(data.queue_seconds) is not int or not 0 <= data.queue_seconds <= MOST_WAIT:
        problems.add("queue_seconds", f"Give whole seconds between 0 and {MOST_WAIT}.")
    problems.raise_if_any()
    return subject, {**values, "queue_seconds": data.queue_seconds}


def _subject(owner: AbstractBaseUser, data: LimitInput, problems: Problems) -> dict[str, Any]:
    subject: dict[str, Any] = {"provider_id": "", "integration_id": None, "token_id": None}
    for kind, name in _SUBJECTS.items():
        value = getattr(data, name)
        if kind != data.kind:
            if value:
                problems.add(name, f"A limit of the kind {data.kind!r} has none.")
        elif not _known(owner, kind, value):
            problems.add(name, f"Name {_ONES[kind]}.")
        else:
            subject[name] = value
    return subject


_ONES: Mapping[str, str] = {
    "provider": "a provider of the catalogue",
    "integration": "one of the account's integrations",
    "token": "one of the account's access tokens",
}


def _known(owner: AbstractBaseUser, kind: str, value: Any) -> bool:
    if kind == Limit.PROVIDER:
        return value in catalogue()
    try:
        found = access.get_integration if kind == Limit.INTEGRATION else access.get_token
        return bool(value) and bool(found(owner, value))
    except (Integration.DoesNotExist, AccessToken.DoesNotExist):
        return False


def _count(name: str, data: LimitInput, problems: Problems) -> int | None:
    value: int | None = getattr(data, name)
    if value is not None and (type(value) is not int or not 1 <= value <= MOST[name]):
        problems.add(name, f"Give a whole number between 1 and {MOST[name]:,}, or nothing.")
    return value


def _money(name: str, value: Any, problems: Problems) -> Decimal | None:
    if value is None:
        return None
    if (
        not isinstance(value, Decimal)
        or not value.is_finite()
        or not 0 < value <= MOST_MONEY
        or value != round(value, CENTS)
    ):
        problems.add(
            name,
            f"Give US dollars above 0 and up to {MOST_MONEY:,}, with at most {CENTS} decimals, or nothing.",
        )
        return None
    return value


def _shown(limit: Limit) -> dict[str, Any]:
    """The row as the audit trail tells it; whom or what it limits is its name."""
    names = [*MOST, "money_per_day", "money_per_month"]
    values = {name: getattr(limit, name) for name in names}
    told = {name: value for name, value in values.items() if value is not None}
    return {
        "byOperator": limit.by_operator,
        **{name: str(v) if isinstance(v, Decimal) else v for name, v in told.items()},
        "queueSeconds": limit.queue_seconds,
    }

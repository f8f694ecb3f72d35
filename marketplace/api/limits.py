"""/api/limits: what calls may use at most, and how full that is.

A program that holds a token must not be able to lift what its owner set against it: for limits of the whole account
and of tokens it needs the scope that can also revoke tokens, and its own limit it can never touch.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.http import HttpRequest
from ninja import Router, Status
from ninja.errors import HttpError

from aiproxy import access, actions
from aiproxy.actions import LimitInput
from aiproxy.gateway import limits
from aiproxy.gateway.limits import Fill
from aiproxy.models import Limit
from integrations.errors import NotAllowed
from marketplace.api import schema
from marketplace.api.door import Principal, administrator, caller, may
from marketplace.api.errors import DOCUMENTED
from marketplace.models import User

router = Router(tags=["Limits"])

_NAMES = {
    "requestsPerMinute": "requests_per_minute",
    "tokensPerMinute": "tokens_per_minute",
    "concurrent": "concurrent",
    "tokensPerDay": "tokens_per_day",
    "tokensPerMonth": "tokens_per_month",
    "moneyPerDay": "money_per_day",
    "moneyPerMonth": "money_per_month",
    "queueSeconds": "queue_seconds",
}
_JSON_NAMES = {own: name for name, own in _NAMES.items()}


@router.get("", response={200: list[schema.Limit], **DOCUMENTED}, summary="All limits")
def list_all(request: HttpRequest, others: bool = False) -> list[schema.Limit]:
    """Those that hold for my calls, with how full they are; with `others`, those that administrators set on other
    accounts (administrators only). Scope `integrations:read`.
    """
    me = may(request, "integrations:read")
    if others:
        administrator(request)
    rows = access.limits_on_others(me.user) if others else access.limits_of(me.user)
    return _show(row for row in rows.select_related("owner") if _sees(me, row))


@router.post(
    "",
    response={201: schema.Limit, 409: schema.ErrorAnswer, **DOCUMENTED},
    summary="Set a limit",
)
def create(request: HttpRequest, payload: schema.LimitCreate) -> Status[schema.Limit]:
    """Scope `integrations:write` for one integration or provider, `tokens:write` for the account or a token; to limit
    another `account`, be an administrator with `providers:write`.
    """
    owner = _owner(request, payload.account) if payload.account else None
    subject: dict[str, Any] = {
        "kind": payload.kind,
        "provider_id": payload.providerId or "",
        "integration_id": payload.integrationId,
        "token_id": payload.tokenId,
        "by_operator": owner is not None,
    }
    me = _allowed(request, subject)
    if access.limits_of(owner or me.user).filter(**subject).exists():
        raise HttpError(409, "There is a limit for this already. Change that one with PUT.")
    data = LimitInput(**subject, **_values(payload))
    return Status(201, _one(actions.set_limit(me.actor, me.user, data, owner)))


@router.get("/{limit_id}", response={200: schema.Limit, **DOCUMENTED}, summary="One limit")
def one(request: HttpRequest, limit_id: UUID) -> schema.Limit:
    """Scope `integrations:read`."""
    return _one(_mine(may(request, "integrations:read"), limit_id))


@router.put("/{limit_id}", response={200: schema.Limit, **DOCUMENTED}, summary="Change a limit")
def edit(request: HttpRequest, limit_id: UUID, payload: schema.LimitEdit) -> schema.Limit:
    """Calls are held to it at once. Scopes as for setting one."""
    me, row = _changeable(request, limit_id)
    values = {own: getattr(row, own) for own in _JSON_NAMES} | _values(payload)
    data = LimitInput(**_subject(row), **values)
    return _one(actions.set_limit(me.actor, me.user, data, row.owner))


@router.delete("/{limit_id}", response={204: None, **DOCUMENTED}, summary="Remove a limit")
def delete(request: HttpRequest, limit_id: UUID) -> Status[None]:
    """Nothing is held back by it any more. Scopes as for setting one."""
    me, row = _changeable(request, limit_id)
    actions.remove_limit(me.actor, me.user, row)
    return Status(204, None)


# --- Who may ---


def _mine(me: Principal, id: UUID) -> Limit:
    """Raises Limit.DoesNotExist for what is not the account's, or not the token's to see."""
    row = access.get_limit(me.user, id)
    if not _sees(me, row):
        raise Limit.DoesNotExist
    return row


def _sees(me: Principal, row: Limit) -> bool:
    """A token that is restricted to certain integrations knows of their limits alone."""
    reach = me.caller.integration_ids
    return reach is None or row.integration_id in reach


def _changeable(request: HttpRequest, id: UUID) -> tuple[Principal, Limit]:
    row = _mine(caller(request), id)
    return _allowed(request, _subject(row)), row


def _allowed(request: HttpRequest, subject: Mapping[str, Any]) -> Principal:
    """The caller, who may change the limit of ``subject``. Raises NotAllowed."""
    if subject["by_operator"]:
        return administrator(request)
    broad = subject["kind"] in (Limit.USER, Limit.TOKEN)
    me = may(request, "tokens:write" if broad else "integrations:write")
    reach = me.caller.integration_ids
    if reach is not None and subject["integration_id"] not in reach:
        raise NotAllowed("This access token is restricted to certain integrations.")
    if not me.is_person and subject["token_id"] == me.caller.token_id:
        raise NotAllowed("An access token cannot change its own limit.")
    return me


def _owner(request: HttpRequest, email: str) -> User:
    me = administrator(request)
    found = User.objects.filter(email__iexact=email.strip()).first()
    if found is None:
        raise ValidationError({"account": ["There is no account with this address."]})
    if found.pk == me.user.pk:
        raise ValidationError({"account": ["Leave this out for your own account."]})
    return found


# --- What is said ---


def _subject(row: Limit) -> dict[str, Any]:
    names = ("kind", "provider_id", "integration_id", "token_id", "by_operator")
    return {name: getattr(row, name) for name in names}


def _values(payload: schema.LimitEdit) -> dict[str, Any]:
    """What was said, as the action wants it."""
    found: dict[str, Any] = {}
    for name in _NAMES.keys() & payload.model_fields_set:
        own, value = _NAMES[name], getattr(payload, name)
        if isinstance(value, str):
            value = _money(own, value)
        found[own] = (value or 0) if own == "queue_seconds" else value
    return found


def _money(name: str, text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise ValidationError({name: ["Give US dollars as decimal text, like 2.50."]}) from None


def _one(row: Limit) -> schema.Limit:
    return _show([row])[0]


def _show(rows: Iterable[Limit]) -> list[schema.Limit]:
    found = list(rows)
    fills: dict[UUID, Sequence[Fill]] = {}
    for owner in {row.owner_id for row in found}:
        fills |= limits.fills(owner)
    return [_facts(row, fills) for row in found]


def _facts(row: Limit, fills: Mapping[UUID, Sequence[Fill]]) -> schema.Limit:
    return schema.Limit(
        id=row.pk,
        kind=row.kind,
        providerId=row.provider_id or None,
        integrationId=row.integration_id,
        tokenId=row.token_id,
        account=str(row.owner),
        byOperator=row.by_operator,
        requestsPerMinute=row.requests_per_minute,
        tokensPerMinute=row.tokens_per_minute,
        concurrent=row.concurrent,
        tokensPerDay=row.tokens_per_day,
        tokensPerMonth=row.tokens_per_month,
        moneyPerDay=_text(row.money_per_day),
        moneyPerMonth=_text(row.money_per_month),
        queueSeconds=row.queue_seconds,
        fills=[
            schema.Fill(
                name=_JSON_NAMES[fill.name],
                used=_amount(fill.used),
                limit=_amount(fill.limit),
                freesInSeconds=None
                if fill.frees_in_seconds is None
                else math.ceil(fill.frees_in_seconds),
            )
            for fill in fills.get(row.pk, ())
        ],
        createdAt=row.created_at,
        updatedAt=row.updated_at,
    )


def _amount(value: int | Decimal) -> int | str:
    return value if isinstance(value, int) else f"{value.normalize():f}"


def _text(amount: Decimal | None) -> str | None:
    return None if amount is None else f"{amount.normalize():f}"

"""/api/aliases: names that an application asks for, and where the operator lets them lead."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpRequest
from ninja import Router, Status

from aiproxy import actions
from aiproxy.actions import AliasInput
from aiproxy.models import Alias
from marketplace.api import schema
from marketplace.api.door import administrator, may
from marketplace.api.errors import DOCUMENTED

router = Router(tags=["Aliases"])


@router.get("", response={200: list[schema.Alias], **DOCUMENTED}, summary="All aliases")
def list_all(request: HttpRequest) -> list[schema.Alias]:
    """Use one as the model of a call: `fast`, or `alias/fast`. Scope `integrations:read`."""
    may(request, "integrations:read")
    return [_show(row) for row in Alias.objects.all()]


@router.post("", response={201: schema.Alias, **DOCUMENTED}, summary="Make an alias")
def create(request: HttpRequest, payload: schema.AliasCreate) -> Status[schema.Alias]:
    """Administrators only. Scope `providers:write`."""
    me = administrator(request)
    return Status(201, _show(actions.create_alias(me.actor, me.user, _input(payload))))


@router.get("/{alias_id}", response={200: schema.Alias, **DOCUMENTED}, summary="One alias")
def one(request: HttpRequest, alias_id: UUID) -> schema.Alias:
    """Scope `integrations:read`."""
    may(request, "integrations:read")
    return _show(Alias.objects.get(pk=alias_id))


@router.put("/{alias_id}", response={200: schema.Alias, **DOCUMENTED}, summary="Change an alias")
def edit(request: HttpRequest, alias_id: UUID, payload: schema.AliasEdit) -> schema.Alias:
    """Calls follow it at once. Administrators only. Scope `providers:write`."""
    me = administrator(request)
    row = Alias.objects.get(pk=alias_id)
    return _show(actions.edit_alias(me.actor, me.user, row, _input(payload)))


@router.delete("/{alias_id}", response={204: None, **DOCUMENTED}, summary="Delete an alias")
def delete(request: HttpRequest, alias_id: UUID) -> Status[None]:
    """Administrators only. Scope `providers:write`."""
    me = administrator(request)
    actions.delete_alias(me.actor, me.user, Alias.objects.get(pk=alias_id))
    return Status(204, None)


def _input(payload: schema.AliasEdit) -> AliasInput:
    targets = payload.targets
    return AliasInput(
        name=payload.name,
        description=payload.description,
        strategy=payload.strategy,
        targets=None if targets is None else [target.model_dump() for target in targets],
    )


def _show(row: Alias) -> schema.Alias:
    return schema.Alias(
        id=row.pk,
        name=row.name,
        description=row.description,
        strategy=row.strategy,
        targets=[schema.AliasTarget(**target) for target in row.targets],
        createdAt=row.created_at,
        updatedAt=row.updated_at,
    )

"""/api/models: models that administrators added to providers. GET /api/providers has all models there are."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpRequest
from ninja import Router, Status

from integrations.actions import providers as actions
from marketplace.api import schema
from marketplace.api.door import administrator, may
from marketplace.api.errors import DOCUMENTED
from marketplace.api.providers import model_input, show_models
from providers.models import CustomModel

router = Router(tags=["Providers"])


@router.get("", response={200: list[schema.CustomModel], **DOCUMENTED}, summary="All added models")
def list_all(request: HttpRequest) -> list[schema.CustomModel]:
    """Scope `integrations:read`."""
    may(request, "integrations:read")
    return [_show(row) for row in CustomModel.objects.all()]


@router.post("", response={201: schema.CustomModel, **DOCUMENTED}, summary="Add a model")
def create(request: HttpRequest, payload: schema.ModelCreate) -> Status[schema.CustomModel]:
    """To any provider; one that it has already is not replaced. Administrators only. Scope `providers:write`."""
    me = administrator(request)
    row = actions.create_model(me.actor, me.user, payload.providerId, model_input(payload))
    return Status(201, _show(row))


@router.get(
    "/{model_id}", response={200: schema.CustomModel, **DOCUMENTED}, summary="One added model"
)
def one(request: HttpRequest, model_id: UUID) -> schema.CustomModel:
    """Scope `integrations:read`."""
    may(request, "integrations:read")
    return _show(CustomModel.objects.get(pk=model_id))


@router.put(
    "/{model_id}", response={200: schema.CustomModel, **DOCUMENTED}, summary="Change an added model"
)
def edit(request: HttpRequest, model_id: UUID, payload: schema.ModelEdit) -> schema.CustomModel:
    """Administrators only. Scope `providers:write`."""
    me = administrator(request)
    row = CustomModel.objects.get(pk=model_id)
    return _show(actions.edit_model(me.actor, me.user, row, model_input(payload)))


@router.delete("/{model_id}", response={204: None, **DOCUMENTED}, summary="Delete an added model")
def delete(request: HttpRequest, model_id: UUID) -> Status[None]:
    """Administrators only. Scope `providers:write`."""
    me = administrator(request)
    actions.delete_model(me.actor, me.user, CustomModel.objects.get(pk=model_id))
    return Status(204, None)


def _show(row: CustomModel) -> schema.CustomModel:
    spec = row.to_spec()
    return schema.CustomModel(
        id=row.pk,
        providerId=row.provider_id,
        model=show_models([spec])[0],
        inputPrice=spec.price.input if spec.price else "",
        outputPrice=spec.price.output if spec.price else "",
        createdAt=row.created_at,
        updatedAt=row.updated_at,
    )

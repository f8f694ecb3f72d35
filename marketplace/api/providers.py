"""/api/providers: the catalogue, and what administrators add to it."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from django.http import Http404, HttpRequest
from ninja import Router, Status

from integrations import shared
from integrations.actions import providers as actions
from integrations.actions import sharing
from integrations.errors import NotAllowed
from integrations.models import SharedKey
from integrations.provider_inputs import ModelInput, ProviderInput
from integrations.shared import State
from marketplace.api import schema
from marketplace.api.door import administrator, may
from marketplace.api.errors import DOCUMENTED
from providers.catalogue.spec import ModelSpec, ProviderSpec
from providers.models import CustomModel, CustomProvider
from providers.registry import BUILTIN, catalogue

router = Router(tags=["Providers"])


@router.get("", response={200: list[schema.Provider], **DOCUMENTED}, summary="All providers")
def list_all(request: HttpRequest) -> list[schema.Provider]:
    """Every provider of the catalogue, the sandbox first. Scope `integrations:read`."""
    me = may(request, "integrations:read")
    server = shared.states(me.user)
    return [_provider(spec, key=server.get(spec.id, "")) for spec in catalogue()]


@router.get("/{provider_id}", response={200: schema.Provider, **DOCUMENTED}, summary="One provider")
def one(request: HttpRequest, provider_id: str) -> schema.Provider:
    """Scope `integrations:read`."""
    me = may(request, "integrations:read")
    if (spec := catalogue().get(provider_id)) is None:
        raise Http404
    return _provider(spec, key=shared.states(me.user).get(provider_id, ""))


@router.post("", response={201: schema.Provider, **DOCUMENTED}, summary="Add a provider")
def create(request: HttpRequest, payload: schema.ProviderCreate) -> Status[schema.Provider]:
    """Everybody may use it from now on. Administrators only. Scope `providers:write`."""
    me = administrator(request)
    return Status(201, _shown(actions.create_provider(me.actor, me.user, _input(payload))))


@router.put(
    "/{provider_id}", response={200: schema.Provider, **DOCUMENTED}, summary="Change a provider"
)
def edit(request: HttpRequest, provider_id: str, payload: schema.ProviderEdit) -> schema.Provider:
    """One that was added here. Administrators only. Scope `providers:write`."""
    me = administrator(request)
    row = _row(provider_id)
    return _shown(actions.edit_provider(me.actor, me.user, row, _input(payload, row)))


@router.delete("/{provider_id}", response={204: None, **DOCUMENTED}, summary="Delete a provider")
def delete(request: HttpRequest, provider_id: str) -> Status[None]:
    """Refused while somebody has an integration of it. Administrators only. Scope `providers:write`."""
    me = administrator(request)
    actions.delete_provider(me.actor, me.user, _row(provider_id))
    return Status(204, None)


@router.post(
    "/{provider_id}/share", response={204: None, **DOCUMENTED}, summary="Share the server's key"
)
def share(request: HttpRequest, provider_id: str) -> Status[None]:
    """With everybody who has no integration of the provider. Administrators only. Scope `providers:write`."""
    me = administrator(request)
    sharing.share(me.actor, me.user, provider_id)
    return Status(204, None)


@router.delete(
    "/{provider_id}/share",
    response={204: None, **DOCUMENTED},
    summary="Stop sharing the server's key",
)
def unshare(request: HttpRequest, provider_id: str) -> Status[None]:
    """At once. Administrators only. Scope `providers:write`."""
    me = administrator(request)
    sharing.unshare(me.actor, me.user, SharedKey.objects.get(provider_id=provider_id))
    return Status(204, None)


def _row(provider_id: str) -> CustomProvider:
    """Raises DoesNotExist, and NotAllowed for a provider that no administrator made."""
    row = CustomProvider.objects.filter(pk=provider_id).first()
    if row is None and provider_id in catalogue():
        origin = catalogue().origin(provider_id)
        source = "this program" if origin == BUILTIN else f"the plugin {origin.package}"
        raise NotAllowed(f"{catalogue()[provider_id].name} comes with {source}; it stays as it is.")
    if row is None:
        raise CustomProvider.DoesNotExist
    return row


def _shown(row: CustomProvider) -> schema.Provider:
    """The row just written, with the models that were added to it besides."""
    spec = row.to_spec()
    added = (model.to_spec() for model in CustomModel.objects.filter(provider_id=row.pk))
    return _provider(msgspec.structs.replace(spec, models=(*spec.models, *added)), "database")


def _input(payload: schema.ProviderEdit, row: CustomProvider | None = None) -> ProviderInput:
    models = payload.supportedModels
    return ProviderInput(
        id=payload.id if isinstance(payload, schema.ProviderCreate) else None,
        name=payload.name,
        description=payload.description,
        category=payload.category,
        adapter=payload.adapter,
        base_url=payload.baseUrl,
        ways=_ways(payload, row),
        features=payload.features,
        supported_models=None if models is None else [model_input(model) for model in models],
        default_model=payload.defaultModel,
        documentation_url=payload.documentationUrl,
        key_url=payload.keyUrl,
        icon=payload.icon,
        enabled=payload.enabled,
    )


def _ways(payload: schema.ProviderEdit, row: CustomProvider | None) -> list[str] | None:
    if payload.authWays is not None or payload.authType is None:
        return payload.authWays
    if payload.authType == "none":
        return ["none"]
    adapter = payload.adapter or (row.spec["adapter"] if row else "")
    return ["x-api-key" if adapter == "anthropic" else "bearer"]


def model_input(model: str | schema.ModelEdit) -> ModelInput:
    if isinstance(model, str):
        return ModelInput(id=model)
    return ModelInput(
        id=model.id,
        name=model.name,
        kind=model.kind,
        context=model.contextWindow,
        max_output=model.maxOutput,
        capabilities=model.capabilities,
        input_price=model.inputPrice,
        output_price=model.outputPrice,
    )


def _provider(spec: ProviderSpec, origin: str = "", key: State = "") -> schema.Provider:
    return schema.Provider(
        id=spec.id,
        name=spec.name,
        description=spec.description,
        icon=spec.icon or spec.id,
        category=spec.category,
        authType=spec.way("").type,
        auth=[
            schema.AuthWay(id=way.id, type=way.type, label=way.label, note=way.note)
            for way in spec.usable_ways
        ],
        fields=[
            schema.ProviderField(
                name=field.name,
                label=field.label,
                help=field.help,
                required=field.required,
                pattern=field.pattern,
            )
            for field in spec.fields
        ],
        baseUrl=spec.base_url,
        documentationUrl=spec.documentation_url,
        keyUrl=spec.key_url,
        supportedModels=[model.id for model in spec.models],
        defaultModel=spec.default_model,
        features=list(spec.features),
        callable=spec.callable,
        adapter=spec.adapter,
        origin=origin or str(catalogue().origin(spec.id)),
        serverKey=key,
    )


def show_models(models: Iterable[ModelSpec]) -> list[schema.Model]:
    return [
        schema.Model(
            id=model.id,
            name=model.name or model.id,
            kind=model.kind,
            contextWindow=model.context or None,
            maxOutput=model.max_output or None,
            capabilities=list(model.capabilities),
        )
        for model in models
    ]

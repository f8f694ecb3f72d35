"""/api/providers: the catalogue."""

from __future__ import annotations

from collections.abc import Iterable

from django.http import Http404, HttpRequest
from ninja import Router

from marketplace.api import schema
from marketplace.api.door import may
from marketplace.api.errors import DOCUMENTED
from providers.catalogue.spec import ModelSpec, ProviderSpec
from providers.registry import catalogue

router = Router(tags=["Providers"])


@router.get("", response={200: list[schema.Provider], **DOCUMENTED}, summary="All providers")
def list_all(request: HttpRequest) -> list[schema.Provider]:
    """Every provider of the catalogue, the sandbox first. Scope `integrations:read`."""
    may(request, "integrations:read")
    return [_provider(spec) for spec in catalogue()]


@router.get("/{provider_id}", response={200: schema.Provider, **DOCUMENTED}, summary="One provider")
def one(request: HttpRequest, provider_id: str) -> schema.Provider:
    """Scope `integrations:read`."""
    may(request, "integrations:read")
    if (spec := catalogue().get(provider_id)) is None:
        raise Http404
    return _provider(spec)


def _provider(spec: ProviderSpec) -> schema.Provider:
    return schema.Provider(
        id=spec.id,
        name=spec.name,
        description=spec.description,
        icon=spec.icon or spec.id,
        category=spec.category,
        authType=spec.auth[0].type,
        auth=[
            schema.AuthWay(id=way.id, type=way.type, label=way.label, note=way.note)
            for way in spec.auth
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

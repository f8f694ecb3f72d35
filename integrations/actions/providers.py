"""The only writer of providers and models that administrators add. Each action is one transaction with one event.

``admin`` is who it is done for, and must be an administrator; raises NotAllowed. Bad input raises ValidationError
as ``provider_inputs`` describes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet
from django.utils import timezone

from integrations import access, audit, provider_inputs
from integrations.actions.change import change
from integrations.audit import Act, Actor
from integrations.models import Integration
from integrations.provider_inputs import ModelInput, ProviderInput
from providers import model_lists, registry
from providers.catalogue.spec import ModelSpec
from providers.models import CustomModel, CustomProvider
from providers.registry import catalogue


def create_provider(actor: Actor, admin: AbstractBaseUser, data: ProviderInput) -> CustomProvider:
    access.need_administrator(admin)
    with change(registry):
        spec, row = provider_inputs.provider(data)
        if CustomProvider.objects.filter(pk=spec.id).exists():
            raise ValidationError({"id": [f"There is already a provider {spec.id!r}."]})
        provider = CustomProvider.objects.create(
            id=spec.id, spec=row, enabled=data.enabled is not False
        )
        facts = {"adapter": spec.adapter, "base_url": spec.base_url}
        audit.record(actor, Act.PROVIDER_CREATED, provider, facts)
    return provider


def edit_provider(
    actor: Actor, admin: AbstractBaseUser, provider: CustomProvider, data: ProviderInput
) -> CustomProvider:
    """Change what ``data`` gives; its id stays. The address may not move away under stored keys."""
    access.need_administrator(admin)
    with change(registry):
        stored = CustomProvider.objects.select_for_update().get(pk=provider.pk)
        if data.id not in (None, stored.pk):
            raise ValidationError({"id": ["The id of a provider cannot be changed."]})
        spec, row = provider_inputs.provider(data, stored.spec)
        if stored.spec.get("base_url") != spec.base_url:
            _refuse_to_move(stored)
        changed = _differences(stored.spec, row)
        stored.spec = row
        if data.enabled is not None and data.enabled != stored.enabled:
            stored.enabled = data.enabled
            changed.append("enabled")
        stored.save()
        facts = {"changed": changed, "base_url": spec.base_url, "enabled": stored.enabled}
        audit.record(actor, Act.PROVIDER_EDITED, stored, facts)
    return stored


def delete_provider(actor: Actor, admin: AbstractBaseUser, provider: CustomProvider) -> None:
    """Refused while somebody has an integration of it. Models added to it go with it."""
    access.need_administrator(admin)
    with change(registry):
        stored = CustomProvider.objects.select_for_update().get(pk=provider.pk)
        if count := _integrations(stored).count():
            raise ValidationError(
                f"{stored} has {_many(count)}. Disable it instead, or have them deleted first."
            )
        audit.record(actor, Act.PROVIDER_DELETED, stored)
        CustomModel.objects.filter(provider_id=stored.pk).delete()
        stored.delete()


def create_model(
    actor: Actor, admin: AbstractBaseUser, provider_id: str, data: ModelInput
) -> CustomModel:
    """Add a model to any provider of the catalogue; one that the provider has already is not replaced."""
    access.need_administrator(admin)
    with change(registry):
        spec, row = provider_inputs.model(data)
        _refuse_a_known_one(provider_id, spec.id)
        model = CustomModel.objects.create(provider_id=provider_id, model_id=spec.id, spec=row)
        audit.record(actor, Act.MODEL_CREATED, model)
    return model


def edit_model(
    actor: Actor, admin: AbstractBaseUser, model: CustomModel, data: ModelInput
) -> CustomModel:
    """Change what ``data`` gives; its provider stays."""
    access.need_administrator(admin)
    with change(registry):
        stored = CustomModel.objects.select_for_update().get(pk=model.pk)
        spec, row = provider_inputs.model(data, {**stored.spec, "id": stored.model_id})
        if spec.id != stored.model_id:
            _refuse_a_known_one(stored.provider_id, spec.id)
        changed = _differences(stored.spec, row)
        stored.model_id, stored.spec, stored.listed = spec.id, row, False
        stored.save()
        audit.record(actor, Act.MODEL_EDITED, stored, {"changed": changed})
    return stored


def adopt_models(actor: Actor, provider_id: str, found: Iterable[ModelSpec]) -> list[CustomModel]:
    """Add what a list of models told, and change what an earlier list told. Administrators' own models stay."""
    with change(registry):
        mine = CustomModel.objects.select_for_update().filter(provider_id=provider_id)
        stored = {model.model_id: model for model in mine}
        rows = []
        for spec in found:
            row = stored.get(spec.id) or CustomModel(provider_id=provider_id, model_id=spec.id)
            if row.model_id in stored and not row.listed:
                continue
            row.spec, row.listed, row.updated_at = model_lists.as_row(spec), True, timezone.now()
            rows.append(row)
        CustomModel.objects.bulk_create([row for row in rows if row.model_id not in stored])
        CustomModel.objects.bulk_update(
            [row for row in rows if row.model_id in stored], ["spec", "listed", "updated_at"]
        )
        if rows:
            audit.record(
                actor, Act.MODELS_ADOPTED, rows[0], {"models": [row.model_id for row in rows]}
            )
    return rows


def delete_model(actor: Actor, admin: AbstractBaseUser, model: CustomModel) -> None:
    access.need_administrator(admin)
    with change(registry):
        stored = CustomModel.objects.select_for_update().get(pk=model.pk)
        audit.record(actor, Act.MODEL_DELETED, stored)
        stored.delete()


def _differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    names = dict.fromkeys([*after, *before])
    return [name for name in names if before.get(name) != after.get(name)]


def _integrations(provider: CustomProvider) -> QuerySet[Integration]:
    return Integration.objects.filter(provider_id=provider.pk)


def _refuse_to_move(provider: CustomProvider) -> None:
    """Stored keys were given for the old address: they may not go elsewhere, and would be lost."""
    sealed = _integrations(provider).exclude(Q(sealed_key="", sealed_headers=""))
    if count := sealed.filter(base_url="").count():
        raise ValidationError(
            {
                "base_url": [
                    f"{_many(count).capitalize()} hold keys that were given for the present address. "
                    "Add another provider for the new one, or have them deleted first."
                ]
            }
        )


def _refuse_a_known_one(provider_id: str, model_id: str) -> None:
    spec = catalogue().get(provider_id)
    if spec is None:
        raise ValidationError({"provider_id": ["There is no such provider in the catalogue."]})
    rows = CustomModel.objects.filter(provider_id=provider_id, model_id=model_id)
    if spec.model(model_id) or rows.exists():
        raise ValidationError({"id": [f"{spec.name} has a model {model_id!r} already."]})


def _many(count: int) -> str:
    return "one integration" if count == 1 else f"{count} integrations"

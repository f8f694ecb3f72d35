"""Providers and models that administrators add. Everybody on this installation may use them.

A row holds the same data as a file of the catalogue, as JSON. Only ``integrations.actions.providers`` writes them.
"""

from __future__ import annotations

import uuid
from typing import Any, ClassVar

import msgspec
from django.db import models

from providers.catalogue.loader import load_data, load_model
from providers.catalogue.spec import ModelSpec, ProviderSpec


class CustomProvider(models.Model):
    """``id`` is the provider's id, and wins over what ``spec`` says."""

    id = models.SlugField(primary_key=True, max_length=36)
    spec = models.JSONField()
    enabled = models.BooleanField(default=True)
    """False: it stays in the catalogue as one that is no longer offered, so that its integrations can be seen."""
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering: ClassVar[list[Any]] = ["id"]

    def __str__(self) -> str:
        return str(self.spec.get("name", self.id))

    def to_spec(self) -> ProviderSpec:
        """Raises BadProvider."""
        spec = load_data({**self.spec, "id": self.id}, f"provider {self.id}")
        return spec if self.enabled else msgspec.structs.replace(spec, status="retired")


class CustomModel(models.Model):
    """A model that the catalogue's data of a provider lacks."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    provider_id = models.CharField(max_length=100)
    model_id = models.CharField(max_length=200)
    spec = models.JSONField()
    listed = models.BooleanField(default=False)
    """True: it came from a list of models, and a newer list may change it. An administrator's edit makes it False."""
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering: ClassVar[list[Any]] = ["provider_id", "model_id"]
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["provider_id", "model_id"], name="custom_model_once")
        ]

    def __str__(self) -> str:
        return f"{self.provider_id}/{self.model_id}"

    def to_spec(self) -> ModelSpec:
        """Raises BadProvider."""
        return load_model({**self.spec, "id": self.model_id}, f"model {self}")

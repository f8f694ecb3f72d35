"""A person's connection to one provider: where it is, how to sign in there, what to ask for by default."""

from __future__ import annotations

import uuid
from typing import Any, ClassVar, Literal

from django.conf import settings
from django.db import models as orm  # this model has a field called "models"
from django.db.models.functions import Lower

from integrations import endpoints
from providers.catalogue.spec import ProviderSpec
from providers.endpoint import Endpoint
from providers.rate_limits import RateLimitState
from providers.registry import catalogue

Status = Literal["connected", "disabled", "needs_attention"]

NEEDS_A_PERSON = frozenset({"wrong_key", "restricted_key", "no_credit"})
"""Results of a test that no waiting cures."""


class Integration(orm.Model):
    """Only ``integrations.actions`` writes it; ``integrations.credentials`` alone opens what is sealed."""

    id = orm.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = orm.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=orm.CASCADE, related_name="integrations"
    )
    provider_id = orm.CharField(max_length=100)
    name = orm.CharField(max_length=100)
    auth_id = orm.CharField(max_length=50, blank=True, default="")
    """One of the provider's ways to sign in; empty is its first one."""
    base_url = orm.CharField(max_length=500, blank=True, default="")
    """Empty is the provider's own address."""
    fields = orm.JSONField(default=dict, blank=True)
    model = orm.CharField(max_length=200, blank=True, default="")
    models = orm.JSONField(default=list, blank=True)
    """Ids of models the owner added to those of the catalogue."""
    defaults = orm.JSONField(default=dict, blank=True)
    sealed_key = orm.TextField(blank=True, default="")
    key_hint = orm.CharField(max_length=4, blank=True, default="")
    sealed_headers = orm.TextField(blank=True, default="")
    """One sealed JSON object of all extra headers, for their values may be secrets too."""
    header_names = orm.JSONField(default=list, blank=True)
    mapping = orm.JSONField(default=dict, blank=True)
    """How to speak to it, where its provider leaves that to the person (``adapters/custom_mapping``)."""
    policy = orm.JSONField(default=dict, blank=True)
    """How calls are made, as far as that differs from the usual (``integrations.policy``)."""
    enabled = orm.BooleanField(default=True)
    disabled_at = orm.DateTimeField(null=True, blank=True)
    disabled_by = orm.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=orm.SET_NULL, null=True, blank=True, related_name="+"
    )
    last_used = orm.DateTimeField(null=True, blank=True)
    tested_at = orm.DateTimeField(null=True, blank=True)
    test_result = orm.CharField(max_length=20, blank=True, default="")
    test_message = orm.CharField(max_length=500, blank=True, default="")
    rate_limit = orm.JSONField(null=True, blank=True, default=None)
    """What the provider's last answer said is left: a RateLimitState. None: nothing."""
    created_at = orm.DateTimeField(auto_now_add=True)
    updated_at = orm.DateTimeField(auto_now=True)
    metadata = orm.JSONField(default=dict, blank=True)

    class Meta:
        ordering: ClassVar[list[Any]] = [Lower("name")]
        indexes: ClassVar[list[Any]] = [
            orm.Index(fields=["owner", "provider_id"], name="integration_owner_provider")
        ]
        constraints: ClassVar[list[Any]] = [
            orm.UniqueConstraint("owner", Lower("name"), name="integration_name_once")
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def spec(self) -> ProviderSpec | None:
        """None when the catalogue does not hold this provider any more."""
        return catalogue().get(self.provider_id)

    @property
    def provider_name(self) -> str:
        return self.spec.name if self.spec else self.provider_id

    @property
    def endpoint(self) -> Endpoint:
        """Where its calls go; raises BadEndpoint when the address is not complete."""
        return endpoints.resolve(self.spec, self.base_url, self.fields)

    @property
    def api_key_type(self) -> str:
        """How it signs in: ``api_key``, ``pat``, ``oauth``, ``none`` …"""
        return self.spec.way(self.auth_id).type if self.spec else "none"

    @property
    def has_key(self) -> bool:
        return bool(self.sealed_key)

    @property
    def masked_key(self) -> str:
        """``****`` and the last four characters: all of a stored key that is ever shown."""
        return f"****{self.key_hint}" if self.has_key else ""

    @property
    def limits(self) -> RateLimitState | None:
        """How much the provider still lets it do, as of its last answer."""
        return RateLimitState.from_json(self.rate_limit) if self.rate_limit else None

    @property
    def status(self) -> Status:
        if not self.enabled:
            return "disabled"
        keyless = self.api_key_type != "none" and not self.has_key
        if self.spec is None or keyless or self.test_result in NEEDS_A_PERSON:
            return "needs_attention"
        return "connected"

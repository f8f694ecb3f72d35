"""A personal access token, as far as we remember it: never its text."""

from __future__ import annotations

import uuid
from typing import Any, ClassVar, Literal

from django.conf import settings
from django.db import models
from django.utils import timezone

from integrations.models.integration import Integration

TokenState = Literal["active", "expired", "revoked"]


class AccessToken(models.Model):
    """Only ``integrations.actions`` writes it. ``prefix`` and ``last4`` help a person to recognise it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="access_tokens"
    )
    name = models.CharField(max_length=100)
    prefix = models.CharField(max_length=9)
    last4 = models.CharField(max_length=4)
    digest = models.CharField(max_length=64, unique=True)
    """HMAC-SHA-256 of the text; the pepper is derived from the key ring's key ``pepper_id``."""
    pepper_id = models.CharField(max_length=20)
    scopes = models.JSONField(default=list)
    restricted = models.BooleanField(default=False)
    """Whether only ``integrations`` may be used. Without it the last one's deletion would allow all."""
    integrations = models.ManyToManyField(Integration, blank=True, related_name="access_tokens")
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar[list[Any]] = ["-created_at"]

    def __str__(self) -> str:
        return self.name

    @property
    def state(self) -> TokenState:
        if self.revoked_at is not None:
            return "revoked"
        if self.expires_at is not None and self.expires_at <= timezone.now():
            return "expired"
        return "active"

    @property
    def masked(self) -> str:
        return f"{self.prefix}…{self.last4}"

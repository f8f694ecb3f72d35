"""A key of the server's environment that an administrator has shared. The key itself is never in the database."""

from __future__ import annotations

import uuid
from typing import Any, ClassVar

from django.conf import settings
from django.db import models


class SharedKey(models.Model):
    """Only ``integrations.actions.sharing`` writes it; ``integrations.shared`` says what it is good for."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    provider_id = models.CharField(max_length=100, unique=True)
    variable = models.CharField(max_length=100)
    """The environment variable that held the key when it was shared. No other one ever takes its place."""
    shared_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar[list[Any]] = ["provider_id"]

    def __str__(self) -> str:
        return self.provider_id

"""Names that an application asks for, and where the operator lets them lead."""

from __future__ import annotations

import uuid
from typing import Any, ClassVar

from django.db import models


class Alias(models.Model):
    """Only ``aiproxy.actions`` writes it; calls read it from memory (``gateway.aliases``)."""

    PRIORITY, WEIGHTED, CHEAPEST, FASTEST = "priority", "weighted", "cheapest", "fastest"
    STRATEGIES = (PRIORITY, WEIGHTED, CHEAPEST, FASTEST)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=100, unique=True)
    description = models.CharField(max_length=500, blank=True, default="")
    targets = models.JSONField()
    """In the order in which they are tried: ``{"provider": …, "model": …}`` or ``{"integrationId": …, "model": …}``,
    each with a ``"weight"`` where it is not 1.
    """
    strategy = models.CharField(max_length=10, default=PRIORITY)
    """Which target is tried first: the first one, one drawn by weight, the cheapest, or the fastest of late."""
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering: ClassVar[list[Any]] = ["name"]
        verbose_name_plural = "aliases"

    def __str__(self) -> str:
        return self.name

"""Which integrations are left alone, so that every worker knows, and a restarted one too."""

from __future__ import annotations

from django.db import models


class OpenBreaker(models.Model):
    """Only ``aiproxy.state.breakers`` reads and writes it: a row for each breaker that is open or half-open."""

    integration_id = models.UUIDField(primary_key=True)
    """As connections have it: that of an integration, or of a shared key."""
    open_until = models.DateTimeField()
    trips = models.PositiveIntegerField()

    def __str__(self) -> str:
        return f"{self.integration_id} until {self.open_until:%H:%M:%S}"

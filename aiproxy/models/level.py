"""How much of a limit is used, where several workers share the database and nothing else."""

from __future__ import annotations

from django.db import models


class LimitLevel(models.Model):
    """Only ``aiproxy.metering.database`` writes and reads it, under a lock of the row. ``key`` is the meter's."""

    key = models.CharField(max_length=100, primary_key=True)
    state = models.JSONField()
    """A ``meters.Level``: used, at, and its leases as ``[amount, until]`` by name."""
    over = models.DateTimeField(db_index=True)
    """From when on the row says nothing any more."""

    def __str__(self) -> str:
        return self.key

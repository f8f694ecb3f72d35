"""Usage added up: what the pages show of periods, without counting calls."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models

NOTHING = uuid.UUID(int=0)
"""Stands for "no integration" or "no token": a key with a null in it would not be one."""


class UsageSum(models.Model):
    """What one account used in one hour, day or month (UTC), for each combination of what charts tell apart.

    Only ``aiproxy.usage.rollups`` writes it. Every call is in three rows, one of each ``span``, so any period is the
    sum of few rows. The ids are no foreign keys: sums outlive the integration and the token they tell about, and go
    with the account.
    """

    HOUR, DAY, MONTH = "h", "d", "m"

    pk = models.CompositePrimaryKey(
        "owner_id",
        "span",
        "start",
        "integration_id",
        "token_id",
        "provider_id",
        "model",
        "outcome",
    )
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="+", db_index=False
    )
    span = models.CharField(max_length=1)
    start = models.DateTimeField()
    integration_id = models.UUIDField(default=NOTHING)
    token_id = models.UUIDField(default=NOTHING)
    provider_id = models.CharField(max_length=64, blank=True)
    model = models.CharField(max_length=200, blank=True)
    outcome = models.CharField(max_length=20)

    calls = models.PositiveBigIntegerField(default=0)
    timed_calls = models.PositiveBigIntegerField(default=0)
    """Those that were sent to a provider; ``latency_ms`` is theirs, ``first_token_ms`` is of ``first_token_calls``."""
    latency_ms = models.PositiveBigIntegerField(default=0)
    first_token_calls = models.PositiveBigIntegerField(default=0)
    first_token_ms = models.PositiveBigIntegerField(default=0)
    input_tokens = models.PositiveBigIntegerField(default=0)
    output_tokens = models.PositiveBigIntegerField(default=0)
    cached_tokens = models.PositiveBigIntegerField(default=0)
    reasoning_tokens = models.PositiveBigIntegerField(default=0)
    priced_calls = models.PositiveBigIntegerField(default=0)
    unpriced_calls = models.PositiveBigIntegerField(default=0)
    """Those that used something whose price nobody knows."""
    cost = models.BigIntegerField(default=0)
    """In 10⁻¹⁰ US dollars: SQLite keeps decimals as floats, whose sums drift."""
    last_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.calls} calls of {self.owner_id} in {self.span} {self.start:%Y-%m-%d %H:%M}"


class PrunedUsage(models.Model):
    """One row once records were deleted: those that began before this time may be gone, their sums stand alone."""

    before = models.DateTimeField()

    def __str__(self) -> str:
        return f"before {self.before:%Y-%m-%d}"

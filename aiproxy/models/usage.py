"""One row for each call: who called what, what came of it and what it cost. Never the prompt or the answer."""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils import timezone


class UsageRecord(models.Model):
    """Written once, by the recorder, before the caller sees the end of the answer.

    ``outcome`` is "ok" or a code of PRODUCT D3; ``cost`` is US dollars, None when the price is not known.
    ``usage_source`` tells whether the provider counted the tokens or we estimated them from what was seen.
    ``token`` and ``integration`` keep their ids when what they name is deleted: nobody waits until a million records
    have forgotten it, and no insert has to look whether it is there. Join them; following one may raise DoesNotExist.
    """

    OK = "ok"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    at = models.DateTimeField(default=timezone.now)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="usage", db_index=False
    )
    token = models.ForeignKey(
        "integrations.AccessToken",
        models.DO_NOTHING,
        null=True,
        related_name="usage",
        db_index=False,
        db_constraint=False,
    )
    integration = models.ForeignKey(
        "integrations.Integration",
        models.DO_NOTHING,
        null=True,
        related_name="usage",
        db_index=False,
        db_constraint=False,
    )
    integration_name = models.CharField(max_length=100, blank=True)
    provider_id = models.CharField(max_length=64, blank=True)
    model = models.CharField(max_length=200, blank=True)
    requested_model = models.CharField(max_length=200, blank=True)
    operation = models.CharField(max_length=16)
    dialect = models.CharField(max_length=16)
    stream = models.BooleanField(default=False)
    outcome = models.CharField(max_length=20)
    message = models.CharField(max_length=500, blank=True)
    http_status = models.PositiveSmallIntegerField(default=0)
    finish = models.CharField(max_length=20, blank=True)
    input_tokens = models.PositiveBigIntegerField(default=0)
    output_tokens = models.PositiveBigIntegerField(default=0)
    cached_tokens = models.PositiveBigIntegerField(default=0)
    cache_write_tokens = models.PositiveBigIntegerField(default=0)
    reasoning_tokens = models.PositiveBigIntegerField(default=0)
    usage_source = models.CharField(max_length=10, default="none")
    cost = models.DecimalField(max_digits=20, decimal_places=10, null=True)
    price_source = models.CharField(max_length=200, blank=True)
    latency_ms = models.PositiveIntegerField(default=0)
    first_token_ms = models.PositiveIntegerField(null=True)
    provider_ms = models.PositiveIntegerField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    request_id = models.CharField(max_length=40)
    changes = models.JSONField(default=list)
    queued_ms = models.PositiveIntegerField(default=0)
    """How long the call waited for a limit to let it through; part of ``latency_ms``."""
    cached = models.BooleanField(default=False)
    """Answered from the cache: nothing was sent, used or paid."""
    journey = models.JSONField(default=dict)
    """What explains the call (PRODUCT A8): why it went where it went, each attempt, and when each step was done."""

    class Meta:
        ordering: ClassVar = ["-at"]
        indexes: ClassVar = [
            models.Index(fields=["owner", "-at"], name="usage_owner_at"),
            models.Index(fields=["integration", "-at"], name="usage_integration_at"),
        ]

    def __str__(self) -> str:
        return f"{self.request_id} {self.model} {self.outcome}"

    @property
    def total_tokens(self) -> int:
        return self.input_tokens + self.output_tokens

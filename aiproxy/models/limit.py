"""What somebody may use at most: one row for each whom or what it limits."""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q


class Limit(models.Model):
    """Only ``aiproxy.actions`` writes it; calls read it from memory (``gateway.limits``). A null value is no limit.

    ``owner`` is whose calls it holds for. ``kind`` says which of them: all (``user``), those to one provider, through
    one integration, or with one token. ``by_operator``: set by an administrator on that account, which its holder
    sees and cannot change; without it, it is the holder's own.
    """

    USER, PROVIDER, INTEGRATION, TOKEN = "user", "provider", "integration", "token"
    KINDS = (USER, PROVIDER, INTEGRATION, TOKEN)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="limits"
    )
    kind = models.CharField(max_length=12)
    provider_id = models.CharField(max_length=100, blank=True, default="")
    integration = models.ForeignKey(
        "integrations.Integration", on_delete=models.CASCADE, null=True, related_name="+"
    )
    token = models.ForeignKey(
        "integrations.AccessToken", on_delete=models.CASCADE, null=True, related_name="+"
    )
    by_operator = models.BooleanField(default=False)
    requests_per_minute = models.PositiveIntegerField(null=True)
    tokens_per_minute = models.PositiveBigIntegerField(null=True)
    concurrent = models.PositiveIntegerField(null=True)
    tokens_per_day = models.PositiveBigIntegerField(null=True)
    tokens_per_month = models.PositiveBigIntegerField(null=True)
    money_per_day = models.DecimalField(max_digits=20, decimal_places=10, null=True)
    """US dollars, of calendar days and months in UTC."""
    money_per_month = models.DecimalField(max_digits=20, decimal_places=10, null=True)
    queue_seconds = models.PositiveSmallIntegerField(default=0)
    """How long a call may wait for a rate or a free place; 0 refuses at once. Budgets are never waited for."""
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["owner", "kind", "provider_id", "by_operator"],
                condition=Q(integration=None, token=None),
                name="limit_once_for_account",
            ),
            models.UniqueConstraint(
                fields=["integration", "by_operator"],
                condition=Q(integration__isnull=False),
                name="limit_once_for_integration",
            ),
            models.UniqueConstraint(
                fields=["token", "by_operator"],
                condition=Q(token__isnull=False),
                name="limit_once_for_token",
            ),
        ]

    def __str__(self) -> str:
        return f"limit of {self.kind} {self.provider_id or self.integration_id or self.token_id or self.owner_id}"

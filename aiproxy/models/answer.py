"""What came of a call that was made with an Idempotency-Key, for as long as it can be asked for again."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models


class KeptAnswer(models.Model):
    """Only ``gateway.idempotency`` reads and writes it. Neither the key nor the request can be had from it.

    ``running`` may be over without having said so: then its server died, after ``leased_until`` at the latest.
    ``lost``: the call may have been carried out, and there is no answer to give again.
    """

    RUNNING, KEPT, LOST, LARGE = "running", "kept", "lost", "large"

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="+", db_index=False
    )
    token = models.ForeignKey(
        "integrations.AccessToken", models.CASCADE, null=True, related_name="+"
    )
    key = models.CharField(max_length=64)
    """A digest of the key and of whose it is."""
    request = models.CharField(max_length=64)
    """A digest of all that was asked, so that the key is not taken for another call."""
    request_id = models.CharField(max_length=40)
    state = models.CharField(max_length=8, default=RUNNING)
    sealed = models.BinaryField(null=True)
    """Status, headers and body."""
    leased_until = models.DateTimeField()
    expires_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["key"], name="answer_once_for_key")
        ]

    def __str__(self) -> str:
        return f"{self.request_id} {self.state}"

"""What was done to a credential or a token, by whom and from where. Written once, never changed."""

from __future__ import annotations

from typing import Any, ClassVar, NoReturn

from django.conf import settings
from django.db import models


class AppendOnly(models.QuerySet["AuditEvent"]):
    def update(self, **values: Any) -> NoReturn:
        raise TypeError("audit events are never changed")

    def delete(self) -> NoReturn:
        raise TypeError("audit events are never deleted")


class AuditEvent(models.Model):
    """``integrations.audit.record`` is its only writer.

    ``owner`` is whose thing was touched, which is also who may read the event. Deleting an account blanks
    both references; ``actor_name`` stays.
    """

    at = models.DateTimeField(auto_now_add=True, db_index=True)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    actor_name = models.CharField(max_length=254, blank=True, default="")
    token_id = models.UUIDField(null=True)
    """The token it was done with; not a foreign key, because the event outlives it."""
    action = models.CharField(max_length=50, db_index=True)
    target_type = models.CharField(max_length=30)
    target_id = models.CharField(max_length=36)
    target_name = models.CharField(max_length=200, blank=True, default="")
    ip = models.GenericIPAddressField(null=True)
    request_id = models.CharField(max_length=100, blank=True, default="")
    data = models.JSONField(default=dict)

    objects = AppendOnly.as_manager()

    class Meta:
        ordering: ClassVar[list[Any]] = ["-id"]

    def __str__(self) -> str:
        return f"{self.action} {self.target_name or self.target_id}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise TypeError("audit events are never changed")
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise TypeError("audit events are never deleted")

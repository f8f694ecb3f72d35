"""One number that grows with every change of custody, so that other processes notice and drop their caches."""

from __future__ import annotations

from django.db import models
from django.db.models import F


class Revision(models.Model):
    number = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return str(self.number)

    @classmethod
    def bump(cls) -> None:
        """Call inside the transaction of the change it tells of."""
        cls.objects.get_or_create(pk=1)
        cls.objects.filter(pk=1).update(number=F("number") + 1)

    @classmethod
    def current(cls) -> int:
        return cls.objects.filter(pk=1).values_list("number", flat=True).first() or 0

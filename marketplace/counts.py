"""Django's cache, as far as this program uses it: the counts of ``limits``, exact for all workers together.

Django's own database cache loses more than half of the increments that happen at once, and its memory cache is each
process's own.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import structlog
from django.core.cache.backends.base import DEFAULT_TIMEOUT, BaseCache
from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone
from django_redis.cache import RedisCache
from redis.exceptions import RedisError

from marketplace.models import Count

log = structlog.get_logger(__name__)

REST_SECONDS = 5.0
"""How long Redis is left alone after it did not answer: a page that counts twice should not wait twice."""


class DatabaseCounts(BaseCache):
    """In rows. What has expired goes when something new is counted."""

    def __init__(self, location: str, params: dict[str, Any]) -> None:
        super().__init__(params)

    def add(
        self,
        key: Any,
        value: Any,
        timeout: float | None = DEFAULT_TIMEOUT,
        version: int | None = None,
    ) -> bool:
        end = self.get_backend_timeout(timeout)
        expires = datetime.max.replace(tzinfo=UTC) if end is None else _time(end)
        with transaction.atomic():
            Count.objects.filter(expires__lte=timezone.now()).delete()
            _, added = Count.objects.get_or_create(
                key=self.make_key(key, version), defaults={"count": value, "expires": expires}
            )
        return added

    def get(self, key: Any, default: Any | None = None, version: int | None = None) -> Any:
        found = self._row(key, version).values_list("count", flat=True).first()
        return default if found is None else found

    def incr(self, key: Any, delta: int = 1, version: int | None = None) -> int:
        row = self._row(key, version)
        with transaction.atomic():  # the update locks the row, so what is read is this one's own
            if not row.update(count=F("count") + delta):
                raise ValueError(f"There is no count {key!r}.")
            return int(row.values_list("count", flat=True).get())

    def _row(self, key: Any, version: int | None) -> QuerySet[Count]:
        return Count.objects.filter(key=self.make_key(key, version), expires__gt=timezone.now())


class RedisCounts(RedisCache):  # type: ignore[misc]  # django-redis has no annotations
    """django-redis. While Redis is away, the database counts: from zero, but nobody is locked out or let in."""

    _rests_until = 0.0

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        super().__init__(server, params)
        self._instead = DatabaseCounts("", params)

    def add(self, *args: Any, **options: Any) -> Any:
        return self._either(super().add, self._instead.add, *args, **options)

    def get(self, *args: Any, **options: Any) -> Any:
        return self._either(super().get, self._instead.get, *args, **options)

    def incr(self, *args: Any, **options: Any) -> Any:
        return self._either(super().incr, self._instead.incr, *args, **options)

    def _either(
        self, redis: Callable[..., Any], database: Callable[..., Any], *args: Any, **options: Any
    ) -> Any:
        if time.monotonic() >= RedisCounts._rests_until:
            try:
                return redis(*args, **options)
            except (RedisError, OSError) as error:
                log.warning("counts.redis_unavailable", error=type(error).__name__)
                RedisCounts._rests_until = time.monotonic() + REST_SECONDS
        return database(*args, **options)


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)

"""The questions the pages ask about usage, each limited to one account."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import Avg, Count, Max, Q, QuerySet, Sum
from django.utils import timezone

from aiproxy.models import UsageRecord
from integrations.models import Integration

RECENT = timedelta(hours=1)
"""How far back health looks."""

TROUBLE = frozenset(
    {"auth_failed", "quota_exceeded", "rate_limit", "network_error", "server_error", "timeout"}
)
"""Outcomes that speak against the connection. The others are the caller's: a request that cannot work, a filter."""


@dataclass(frozen=True, slots=True)
class Health:
    """What real calls through one integration met within the last hour: ``failed`` of ``calls``.

    ``reason`` is the code of the latest failure; ``latency_ms`` the average of what went well.
    """

    calls: int
    failed: int
    reason: str
    latency_ms: int | None


@dataclass(frozen=True, slots=True)
class Summary:
    """``cost`` in US dollars is None when nothing was priced; ``unpriced_calls`` tells what it leaves out."""

    calls: int
    ok: int
    input_tokens: int
    output_tokens: int
    cost: Decimal | None
    unpriced_calls: int
    average_latency_ms: int | None
    last_used: datetime | None

    @property
    def success_rate(self) -> float | None:
        """Between 0 and 1; None without calls."""
        return self.ok / self.calls if self.calls else None

    @property
    def total_tokens(self) -> int:
        return self.input_tokens + self.output_tokens


def calls(user: Any, integration: Integration | None = None) -> QuerySet[UsageRecord]:
    """The account's calls, newest first; of one integration when given."""
    records = UsageRecord.objects.filter(owner=user).order_by("-at")
    return records if integration is None else records.filter(integration=integration)


def summary(
    user: Any, integration: Integration | None = None, since: datetime | None = None
) -> Summary:
    records = calls(user, integration).order_by()
    if since is not None:
        records = records.filter(at__gte=since)
    numbers = records.aggregate(
        calls=Count("id"),
        ok=Count("id", filter=Q(outcome=UsageRecord.OK)),
        input_tokens=Sum("input_tokens", default=0),
        output_tokens=Sum("output_tokens", default=0),
        unpriced_calls=Count("id", filter=Q(cost=None) & ~Q(usage_source="none")),
        cost=Sum("cost"),  # after what reads the field: from here on the name is the sum's
        latency=Avg("latency_ms", filter=Q(attempts__gt=0)),
        last_used=Max("at"),
    )
    latency = numbers.pop("latency")
    return Summary(average_latency_ms=None if latency is None else round(latency), **numbers)


def health(user: Any) -> dict[UUID, Health]:
    """How each of the account's integrations that was called within the last hour does, by one query."""
    recent = (
        calls(user)
        .filter(at__gte=timezone.now() - RECENT, attempts__gt=0)
        .exclude(Q(integration=None) | Q(outcome="cancelled"))
    )
    rows = (
        recent.order_by()
        .values("integration_id", "outcome")
        .annotate(calls=Count("id"), latest=Max("at"), latency=Sum("latency_ms"))
    )
    found: dict[UUID, list[Any]] = defaultdict(list)
    for row in rows:
        found[row["integration_id"]].append(row)
    return {id: _health(rows) for id, rows in found.items()}


def _health(rows: list[Any]) -> Health:
    """``rows`` are one integration's, one for each outcome."""
    bad = [row for row in rows if row["outcome"] in TROUBLE]
    well = [row for row in rows if row["outcome"] == UsageRecord.OK]
    return Health(
        calls=sum(row["calls"] for row in rows),
        failed=sum(row["calls"] for row in bad),
        reason=max(bad, key=lambda row: row["latest"])["outcome"] if bad else "",
        latency_ms=round(well[0]["latency"] / well[0]["calls"]) if well else None,
    )

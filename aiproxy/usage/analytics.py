"""The questions the pages ask about usage, each limited to one account. Numbers come from the sums, lists from the
records.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import Max, Q, QuerySet, Sum
from django.utils import timezone

from aiproxy.models import UsageRecord, UsageSum
from aiproxy.models.usage_sum import NOTHING
from aiproxy.usage import rollups
from integrations.models import Integration

TROUBLE = frozenset(
    {"auth_failed", "quota_exceeded", "rate_limit", "network_error", "server_error", "timeout"}
)
"""Outcomes that speak against the connection. The others are the caller's: a request that cannot work, a filter."""


@dataclass(frozen=True, slots=True)
class Health:
    """What real calls through one integration met ``lately``: ``failed`` of ``calls``.

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
    """The account's calls, newest first; of one integration when given. There may be millions: take a slice."""
    records = UsageRecord.objects.filter(owner=user).order_by("-at", "-id")
    return records if integration is None else records.filter(integration=integration)


def summary(
    user: Any, integration: Integration | None = None, since: datetime | None = None
) -> Summary:
    """Of all time, or from the beginning of the hour (UTC) of ``since`` on."""
    sums = UsageSum.objects.filter(owner=user)
    if integration is not None:
        sums = sums.filter(integration_id=integration.pk)
    number: Counter[str] = Counter()
    used = []
    for period in rollups.since(since):
        found = sums.filter(period).aggregate(
            *map(Sum, rollups.COUNTS),
            ok__sum=Sum("calls", filter=Q(outcome=UsageRecord.OK)),
            last=Max("last_at"),
        )
        used.append(found.pop("last"))
        number.update({name.removesuffix("__sum"): count or 0 for name, count in found.items()})
    timed = number["timed_calls"]
    return Summary(
        calls=number["calls"],
        ok=number["ok"],
        input_tokens=number["input_tokens"],
        output_tokens=number["output_tokens"],
        cost=rollups.dollars(number["cost"]) if number["priced_calls"] else None,
        unpriced_calls=number["unpriced_calls"],
        average_latency_ms=round(number["latency_ms"] / timed) if timed else None,
        last_used=max(filter(None, used), default=None),
    )


def lately() -> datetime:
    """Since when health counts: the beginning of the hour before this one. Whole hours are in the sums, while an
    hour's calls can be millions.
    """
    return rollups.hour_of(timezone.now()) - timedelta(hours=1)


def health(user: Any) -> dict[UUID, Health]:
    """How each of the account's integrations that was called ``lately`` does, by one query."""
    rows = (
        UsageSum.objects.filter(
            owner=user, span=UsageSum.HOUR, start__gte=lately(), timed_calls__gt=0
        )
        .exclude(integration_id=NOTHING)
        .exclude(outcome="cancelled")
        .values("integration_id", "outcome")
        .annotate(calls=Sum("timed_calls"), latest=Max("last_at"), latency=Sum("latency_ms"))
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

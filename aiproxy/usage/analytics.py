"""The questions the pages ask about usage, each limited to one account."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models import Avg, Count, Max, Q, QuerySet, Sum

from aiproxy.models import UsageRecord
from integrations.models import Integration


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

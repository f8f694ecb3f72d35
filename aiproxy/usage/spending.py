"""What was spent in a period, summed from the usage records: what a budget starts from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.db.models import F, Sum

from aiproxy.models import UsageRecord


@dataclass(frozen=True, slots=True)
class Spent:
    """``money`` is US dollars; calls whose cost is not known are not in it."""

    tokens: int
    money: Decimal


def spent(
    owner_id: UUID,
    since: datetime,
    until: datetime,
    *,
    provider_id: str = "",
    integration_id: UUID | None = None,
    token_id: UUID | None = None,
) -> Spent:
    """All of the account's calls that began from ``since`` on and before ``until``, or those of them that went to
    one provider, through one integration or with one token.
    """
    records = UsageRecord.objects.filter(owner_id=owner_id, at__gte=since, at__lt=until)
    if provider_id:
        records = records.filter(provider_id=provider_id)
    if integration_id is not None:
        records = records.filter(integration_id=integration_id)
    if token_id is not None:
        records = records.filter(token_id=token_id)
    sums = records.order_by().aggregate(
        tokens=Sum(F("input_tokens") + F("output_tokens"), default=0), money=Sum("cost")
    )
    return Spent(sums["tokens"], sums["money"] or Decimal(0))

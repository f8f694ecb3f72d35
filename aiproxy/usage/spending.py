"""What was spent in some days, from the sums of usage: what a budget starts from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.db.models import Sum

from aiproxy.models import UsageSum
from aiproxy.usage import rollups


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
    one provider, through one integration or with one token. Both times are midnights in UTC.
    """
    span = UsageSum.MONTH if since.day == until.day == 1 else UsageSum.DAY
    found = UsageSum.objects.filter(owner_id=owner_id, span=span, start__gte=since, start__lt=until)
    if provider_id:
        found = found.filter(provider_id=provider_id)
    if integration_id is not None:
        found = found.filter(integration_id=integration_id)
    if token_id is not None:
        found = found.filter(token_id=token_id)
    sums = found.aggregate(
        put=Sum("input_tokens", default=0),
        got=Sum("output_tokens", default=0),
        money=Sum("cost", default=0),
    )
    return Spent(sums["put"] + sums["got"], rollups.dollars(sums["money"]))

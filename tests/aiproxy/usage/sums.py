"""What the sums must be: the records, added up the slow way."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import Any

from aiproxy.models import UsageRecord, UsageSum
from aiproxy.models.usage_sum import NOTHING
from aiproxy.usage import rollups

Sums = dict[tuple[Any, ...], dict[str, Any]]


def stored() -> Sums:
    return {
        tuple(getattr(one, name) for name in rollups.KEY): {
            name: getattr(one, name) for name in (*rollups.COUNTS, "last_at")
        }
        for one in UsageSum.objects.all()
    }


def of_records() -> Sums:
    sums: dict[tuple[Any, ...], Counter[str]] = {}
    last: dict[tuple[Any, ...], datetime] = {}
    for call in UsageRecord.objects.all():
        at = call.at.astimezone(UTC)
        for span, start in (
            ("h", datetime(at.year, at.month, at.day, at.hour, tzinfo=UTC)),
            ("d", datetime(at.year, at.month, at.day, tzinfo=UTC)),
            ("m", datetime(at.year, at.month, 1, tzinfo=UTC)),
        ):
            ids = (call.integration_id or NOTHING, call.token_id or NOTHING)
            key = (call.owner_id, span, start, *ids, call.provider_id, call.model, call.outcome)
            last[key] = max(at, last.get(key, at))
            sums.setdefault(key, Counter()).update(
                calls=1,
                timed_calls=int(call.attempts > 0),
                latency_ms=call.latency_ms if call.attempts else 0,
                first_token_calls=int(call.first_token_ms is not None),
                first_token_ms=call.first_token_ms or 0,
                input_tokens=call.input_tokens,
                output_tokens=call.output_tokens,
                cached_tokens=call.cached_tokens,
                reasoning_tokens=call.reasoning_tokens,
                priced_calls=int(call.cost is not None),
                unpriced_calls=int(call.cost is None and call.usage_source != "none"),
                cost=int((call.cost or 0) * 10**10),
            )
    return {key: {**sums[key], "last_at": last[key]} for key in sums}

"""/api/usage: what was called, how it went and what it cost."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest
from ninja import Query, Router

from aiproxy.models import UsageRecord
from aiproxy.usage import analytics
from integrations.errors import NotAllowed
from integrations.models import Integration
from marketplace import journey
from marketplace.api import schema
from marketplace.api.door import Principal, may
from marketplace.api.errors import DOCUMENTED
from marketplace.api.integrations import mine

router = Router(tags=["Usage"])

Limit = Annotated[int, Query(ge=1, le=200)]


@router.get("/summary", response={200: schema.Summary, **DOCUMENTED}, summary="Totals")
def summary(
    request: HttpRequest, integrationId: UUID | None = None, since: datetime | None = None
) -> schema.Summary:
    """Of everything, or of one integration, or from a time on: calls count from the beginning of its hour (UTC).
    Scope `usage:read`.
    """
    me = may(request, "usage:read")
    numbers = analytics.summary(me.user, _integration(me, integrationId), _in_utc("since", since))
    return schema.Summary(
        calls=numbers.calls,
        ok=numbers.ok,
        successRate=numbers.success_rate,
        inputTokens=numbers.input_tokens,
        outputTokens=numbers.output_tokens,
        cost=_dollars(numbers.cost),
        unpricedCalls=numbers.unpriced_calls,
        averageLatencyMs=numbers.average_latency_ms,
        lastUsed=numbers.last_used,
    )


@router.get("/calls", response={200: schema.Calls, **DOCUMENTED}, summary="Calls, newest first")
def calls(
    request: HttpRequest,
    integrationId: UUID | None = None,
    before: datetime | None = None,
    limit: Limit = 50,
) -> schema.Calls:
    """Scope `usage:read`."""
    me = may(request, "usage:read")
    records: QuerySet[UsageRecord] = analytics.calls(me.user, _integration(me, integrationId))
    if (before := _in_utc("before", before)) is not None:
        records = records.filter(at__lt=before)
    page = list(records[: limit + 1])
    more = page[limit - 1].at.isoformat() if len(page) > limit else None
    return schema.Calls(items=[_call(record) for record in page[:limit]], next=more)


@router.get(
    "/calls/{call_id}", response={200: schema.CallInFull, **DOCUMENTED}, summary="Explain a call"
)
def call(request: HttpRequest, call_id: UUID) -> schema.CallInFull:
    """Where it went and why, each attempt, where the time went, and what makes up its cost. Scope `usage:read`."""
    me = may(request, "usage:read")
    record = analytics.calls(me.user).get(pk=call_id)
    reach = me.caller.integration_ids
    if reach is not None and record.integration_id not in reach:
        raise UsageRecord.DoesNotExist
    return schema.CallInFull(
        **_call(record).model_dump(),
        tokenId=record.token_id,
        message=record.message,
        changes=record.changes,
        attempts=record.attempts,
        queuedMs=record.queued_ms,
        providerMs=record.provider_ms,
        cacheWriteTokens=record.cache_write_tokens,
        priceSource=record.price_source,
        formula=[
            schema.CallCharge(
                what=line.what,
                tokens=line.tokens,
                pricePerMillion=f"{line.rate.normalize():f}",
                cost=f"{line.dollars.normalize():f}",
            )
            for line in journey.sums(record)
        ],
        journey=schema.CallJourney.model_validate(record.journey) if record.journey else None,
    )


def _in_utc(name: str, time: datetime | None) -> datetime | None:
    """A time without a zone is meant in UTC. Raises ValidationError for one that UTC does not have."""
    if time is None or time.tzinfo is None:
        return time and time.replace(tzinfo=UTC)
    try:
        return time.astimezone(UTC)
    except OverflowError:  # the first or last day of the calendar, in another zone
        raise ValidationError({name: ["There is no such time in UTC."]}) from None


def _integration(me: Principal, id: UUID | None) -> Integration | None:
    if id is not None:
        return mine(me, id)
    if me.caller.integration_ids is not None:
        raise NotAllowed(
            "This access token is restricted to certain integrations; name one of them as integrationId."
        )
    return None


def _call(record: UsageRecord) -> schema.Call:
    return schema.Call(
        id=record.pk,
        requestId=record.request_id,
        at=record.at,
        integrationId=record.integration_id,
        integrationName=record.integration_name,
        provider=record.provider_id,
        model=record.model,
        requestedModel=record.requested_model,
        operation=record.operation,
        dialect=record.dialect,
        stream=record.stream,
        outcome=record.outcome,
        httpStatus=record.http_status,
        finishReason=record.finish,
        inputTokens=record.input_tokens,
        outputTokens=record.output_tokens,
        cachedTokens=record.cached_tokens,
        reasoningTokens=record.reasoning_tokens,
        usageSource=record.usage_source,
        cost=_dollars(record.cost),
        latencyMs=record.latency_ms,
        firstTokenMs=record.first_token_ms,
        cached=record.cached,
    )


def _dollars(amount: Decimal | None) -> str | None:
    return None if amount is None else f"{amount.normalize():f}"

"""From what a call used to its usage record."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from aiproxy.errors import as_call_error
from aiproxy.gateway import journey
from aiproxy.gateway.call import Call, Target
from aiproxy.gateway.packing import Answer
from aiproxy.models import UsageRecord
from aiproxy.usage.row import Row
from providers.chat import ChatResponse
from providers.usage import Usage, cost

CHARACTERS_PER_TOKEN = 4
"""For estimates only; a provider's own count always wins."""


def charge(call: Call, usage: Usage | None, received: int = 0, *, counted: bool = True) -> None:
    """Note on ``call`` what it used and cost. Without the provider's count it is estimated from the bytes sent
    and the ``received`` characters, and marked so. ``counted`` is whether its count covers all that was received:
    a stream that ends early has often told its input alone.
    """
    output = -(-received // CHARACTERS_PER_TOKEN)
    if usage is not None and (counted or usage.output_tokens >= output):
        call.usage, call.usage_source = usage, "provider"
    elif usage is not None:
        call.usage, call.usage_source = replace(usage, output_tokens=output), "estimated"
    elif received or call.finish:
        sent = len(call.sent.content() or b"") if call.sent else 0
        call.usage = Usage(sent // CHARACTERS_PER_TOKEN, output)
        call.usage_source = "estimated"
    if call.usage is not None and call.target is not None:
        call.cost, call.price_source = price(call.target, call.model, call.usage, call.at)


def answered(call: Call, answer: Answer) -> None:
    """Note on ``call`` what a whole answer says of itself, and what it used and cost."""
    call.model = answer.model
    if isinstance(answer, ChatResponse):
        call.finish = answer.finish
        charge(call, answer.usage, len(answer.text))
    else:
        call.finish = "stop"
        charge(call, answer.usage)


def price(
    target: Target, answered_model: str, usage: Usage, at: datetime
) -> tuple[Decimal | None, str]:
    """The cost in US dollars of a call made ``at`` that time, and where the price comes from; (None, "") when
    it is not known.
    """
    provider = target.connection.provider
    if usage.cost is not None:
        return usage.cost, f"reported by {provider.name}"
    if provider.free:
        return Decimal(0), f"{provider.name} is free"
    for name in (target.model, answered_model):
        model = provider.model(name)
        data = model.price_at(at) if model is not None else None
        if data is not None:
            return cost(usage, data.price()), f"{data.source}, checked {data.checked.isoformat()}"
    return None, ""


def record(call: Call, error: BaseException | None) -> Row:
    """The row for a call that has ended, with ``error`` or well."""
    failure = None if error is None else as_call_error(error)
    usage = call.usage or Usage()
    connection = call.target.connection if call.target else None
    end = time.monotonic()
    return Row(
        at=call.at,
        owner_id=call.caller.user_id,
        token_id=call.caller.token_id,
        integration_id=connection.id if connection and not connection.shared else None,
        integration_name=connection.name if connection else "",
        provider_id=connection.provider.id if connection else "",
        model=_storable(call.model or (call.target.model if call.target else ""))[:200],
        requested_model=_storable(call.requested_model)[:200],
        operation=call.operation,
        dialect=call.dialect,
        stream=call.stream,
        outcome=failure.code if failure else UsageRecord.OK,
        message=_storable(failure.message)[:500] if failure else "",
        http_status=failure.status if failure else 200,
        finish=call.finish,
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cached_tokens=usage.cached_tokens,
        cache_write_tokens=usage.cache_write_tokens,
        reasoning_tokens=usage.reasoning_tokens,
        usage_source=call.usage_source,
        cost=call.cost,
        price_source=call.price_source[:200],
        latency_ms=_ms(call.started, end),
        first_token_ms=None
        if call.first_event_at is None
        else _ms(call.started, call.first_event_at),
        provider_ms=None if call.sent_at is None else _ms(call.sent_at, call.answered_at or end),
        attempts=call.attempts,
        cached=call.cached,
        request_id=call.request_id,
        changes=[str(change) for change in call.changes],
        journey=journey.of(call),
        queued_ms=call.queued_ms,
    )


def _ms(start: float, end: float) -> int:
    return max(0, round((end - start) * 1000))

"""However a call ends: its usage record, what its limits get back, and what its provider's breaker learns."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiproxy.gateway import billing
from aiproxy.gateway.breaker import Breaker, verdict
from aiproxy.gateway.call import Call
from aiproxy.gateway.shared import Gateway
from aiproxy.upstream.send import redacted
from providers.errors import CallError


@asynccontextmanager
async def recorded(gateway: Gateway, call: Call) -> AsyncIterator[None]:
    """Writes the usage record of what happens inside, settles the limits, and waits until the record is committed."""
    failure: BaseException | None = None
    try:
        yield
    except BaseException as error:
        failure = error
        if isinstance(error, CallError) and call.attempts and call.target:
            error.for_provider(call.target.connection.provider.id)
            error.detail = redacted(error.detail, call.target.connection)
        raise
    finally:
        written = gateway.recorder.put(billing.record(call, failure), call.limits)
        try:
            await gateway.guards.limits.ended(call)
        finally:
            await asyncio.shield(written)


@asynccontextmanager
async def judged(gateway: Gateway, call: Call) -> AsyncIterator[None]:
    """Tells the breaker how a stream that had begun came to its end."""
    failure: BaseException | None = None
    try:
        yield
    except BaseException as error:
        failure = error
        raise
    finally:
        verdict(breaker_of(gateway, call), failure, time.monotonic())


def breaker_of(gateway: Gateway, call: Call) -> Breaker:
    """The breaker of the integration that was asked last."""
    assert call.target is not None
    return gateway.guards.breakers.of(call.target.connection.id)

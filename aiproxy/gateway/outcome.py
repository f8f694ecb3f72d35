"""However a call ends: its usage record, what its limits get back, and what its provider's breaker learns."""

from __future__ import annotations

import time
from types import TracebackType

from aiproxy.gateway import billing
from aiproxy.gateway.breaker import Breaker, verdict
from aiproxy.gateway.call import Call
from aiproxy.gateway.shared import Gateway
from aiproxy.upstream.send import redacted
from providers.errors import CallError


class recorded:
    """Writes the usage record of what happens inside, settles the limits, and waits until the record is committed."""

    __slots__ = ("call", "gateway")

    def __init__(self, gateway: Gateway, call: Call) -> None:
        self.gateway = gateway
        self.call = call

    async def __aenter__(self) -> None:
        """Nothing to prepare."""

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        call = self.call
        if isinstance(error, CallError) and call.attempts and call.target:
            error.for_provider(call.target.connection.provider.id)
            error.detail = redacted(error.detail, call.target.connection)
        written = self.gateway.recorder.put(billing.record(call, error), call.limits)
        try:
            await self.gateway.guards.limits.ended(call)
        finally:
            await written


class judged:
    """Tells the breaker how a stream that had begun came to its end."""

    __slots__ = ("call", "gateway")

    def __init__(self, gateway: Gateway, call: Call) -> None:
        self.gateway = gateway
        self.call = call

    def __enter__(self) -> None:
        """Nothing to prepare."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        verdict(breaker_of(self.gateway, self.call), error, time.monotonic())


def breaker_of(gateway: Gateway, call: Call) -> Breaker:
    """The breaker of the integration that was asked last."""
    assert call.target is not None
    return gateway.guards.breakers.of(call.target.connection.id)

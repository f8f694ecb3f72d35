"""One request to one provider: sent, and answered whole or as a stream."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass
from datetime import UTC, datetime

from aiproxy.errors import NotAsItIs
from aiproxy.gateway.call import Call, Target
from aiproxy.gateway.latency import Measuring
from aiproxy.gateway.shared import Gateway
from aiproxy.gateway.stream import events_of
from aiproxy.upstream.send import Streamed, Timeouts, send, stream
from providers import rate_limits
from providers.events import Event
from providers.wire import WireReply, WireRequest


async def exchange(gateway: Gateway, call: Call, target: Target, wire: WireRequest) -> WireReply:
    """One request and its whole answer; a refusal raises."""
    _note_sending(call, wire)
    connection = target.connection
    timeouts = gateway.timeouts.of(connection.policy)
    with Measuring(gateway.facts.latencies, call, target):
        reply = await send(gateway.upstream, connection, wire, timeouts, _left(call))
        call.answered_at = time.monotonic()
        _note_limits(call, target, reply.headers)
        if reply.status >= 300:
            raise target.adapter.explain(reply, target.host)
    return reply


@dataclass(slots=True)
class Begun:
    """A stream of which the first events are there. Leaving ``stack`` ends the exchange."""

    stack: AsyncExitStack
    events: AsyncIterator[list[Event]]
    first: list[Event]


async def begin(gateway: Gateway, call: Call, target: Target, wire: WireRequest) -> Begun:
    """Send, and wait for the first event: until then a failure can be made good elsewhere."""
    _note_sending(call, wire)
    timeouts = gateway.timeouts.of(target.connection.policy)
    with Measuring(gateway.facts.latencies, call, target):
        async with AsyncExitStack() as stack:
            exchange = stream(gateway.upstream, target.connection, wire, timeouts, _left(call))
            streamed = await stack.enter_async_context(exchange)
            _note_limits(call, target, streamed.headers)
            if streamed.reply is not None:
                raise target.adapter.explain(streamed.reply, target.host)
            events = await stack.enter_async_context(aclosing(events_of(streamed, call, target)))
            first: list[Event] = await anext(events, [])
            return Begun(stack.pop_all(), events, first)


def _left(call: Call) -> float:
    """Seconds until the whole call must be over."""
    return max(0.0, call.until - time.monotonic())


@dataclass(slots=True)
class Raw:
    """An answer of any status as the provider gave it: its first bytes, and what follows. Leaving ``stack`` ends it."""

    stack: AsyncExitStack
    status: int
    headers: Mapping[str, str]
    first: bytes
    rest: Streamed


async def begin_raw(
    gateway: Gateway, call: Call, target: Target, wire: WireRequest, timeouts: Timeouts
) -> Raw:
    """Send what is in the provider's own format already, and wait for the first bytes of whatever it answers."""
    _note_sending(call, wire)
    async with AsyncExitStack() as stack:
        exchange = stream(gateway.upstream, target.connection, wire, timeouts, _left(call))
        streamed = await stack.enter_async_context(exchange)
        _note_limits(call, target, streamed.headers)
        if (whole := streamed.reply) is not None:
            return Raw(stack.pop_all(), whole.status, whole.headers, whole.body, streamed)
        headers = {name: streamed.redacted(text) for name, text in streamed.headers.items()}
        first = await anext(streamed, b"")
        return Raw(stack.pop_all(), streamed.reply_status, headers, first, streamed)


def _note_sending(call: Call, wire: WireRequest) -> None:
    """Raises InvalidRequest, before anything is sent, for a strict call that would be changed."""
    call.changes = wire.changes
    if call.strict and wire.changes:
        raise NotAsItIs(wire.changes)
    call.attempts += 1
    call.sent = wire
    call.model, call.answered_at = "", None  # what an attempt before it learned is not of this one
    call.sent_at = time.monotonic()


def _note_limits(call: Call, target: Target, headers: Mapping[str, str]) -> None:
    if limits := rate_limits.read(headers, datetime.now(UTC)):
        call.limits[target.connection.id] = limits

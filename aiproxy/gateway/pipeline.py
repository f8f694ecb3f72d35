"""The whole journey of a call, top to bottom.

route → build → sign and send → (first event) → answer; and however it ends, one usage record, committed before
the caller sees the end.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from aiproxy.gateway import billing, defaults, routing
from aiproxy.gateway.call import Call, Target
from aiproxy.gateway.stream import events_of
from aiproxy.upstream.client import Upstream
from aiproxy.upstream.send import Timeouts, send, stream
from aiproxy.usage.recorder import Recorder
from integrations import live
from providers.chat import ChatRequest, ChatResponse
from providers.embedding import EmbeddingRequest, EmbeddingResponse
from providers.errors import CallError
from providers.events import Ended, Event
from providers.wire import WireReply, WireRequest


@dataclass(slots=True)
class Gateway:
    """What calls share in one process."""

    upstream: Upstream
    recorder: Recorder
    timeouts: Timeouts
    calls: set[asyncio.Task[Any]] = field(default_factory=set)
    """The calls under way. Those that outlive the shutdown are cancelled, so that each leaves its record."""


async def chat(gateway: Gateway, call: Call, request: ChatRequest) -> ChatResponse:
    """A whole answer. Raises CallError."""
    async with _recorded(gateway, call):
        target = await _route(call)
        wire = target.adapter.build(defaults.apply(request, target), target.host)
        reply = await _exchange(gateway, call, target, wire)
        response = target.adapter.parse(reply, target.host)
        call.model, call.finish = response.model, response.finish
        billing.charge(call, response.usage, len(response.text))
    return response


async def chat_stream(gateway: Gateway, call: Call, request: ChatRequest) -> AsyncGenerator[Event]:
    """The events of an answer, of which ``Ended`` is the last. Every failure raises CallError; before the first
    event has been given, nothing has left for the caller and the failure can still become an HTTP status.
    """
    async with _recorded(gateway, call):
        target = await _route(call)
        wire = target.adapter.build(defaults.apply(request, target), target.host)
        _note_sending(call, wire)
        async with stream(gateway.upstream, target.connection, wire, gateway.timeouts) as streamed:
            if streamed.reply is not None:
                raise target.adapter.explain(streamed.reply, target.host)
            async for event in events_of(streamed, call, target):
                yield event
    yield Ended()


async def embed(gateway: Gateway, call: Call, request: EmbeddingRequest) -> EmbeddingResponse:
    """Vectors for all inputs. Raises CallError."""
    async with _recorded(gateway, call):
        target = await _route(call)
        wire = target.adapter.build_embedding(replace(request, model=target.model), target.host)
        reply = await _exchange(gateway, call, target, wire)
        response = target.adapter.parse_embedding(reply, target.host)
        call.model, call.finish = response.model, "stop"
        billing.charge(call, response.usage)
    return response


async def _route(call: Call) -> Target:
    connections = await live.connections(call.caller.user_id)
    call.target = routing.choose(
        connections, call.caller, call.requested_model, call.integration_id
    )
    return call.target


async def _exchange(gateway: Gateway, call: Call, target: Target, wire: WireRequest) -> WireReply:
    """One request and its whole answer; a refusal raises."""
    _note_sending(call, wire)
    reply = await send(gateway.upstream, target.connection, wire, gateway.timeouts)
    call.answered_at = time.monotonic()
    if reply.status >= 300:
        raise target.adapter.explain(reply, target.host)
    return reply


def _note_sending(call: Call, wire: WireRequest) -> None:
    call.changes = wire.changes
    call.attempts += 1
    call.sent = wire
    call.sent_at = time.monotonic()


@asynccontextmanager
async def _recorded(gateway: Gateway, call: Call) -> AsyncIterator[None]:
    """Writes the usage record of what happens inside, and waits until it is committed."""
    failure: BaseException | None = None
    try:
        yield
    except BaseException as error:
        failure = error
        if isinstance(error, CallError) and call.attempts and call.target:
            error.for_provider(call.target.connection.provider.id)
        raise
    finally:
        await asyncio.shield(gateway.recorder.put(billing.record(call, failure)))

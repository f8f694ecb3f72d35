"""The whole journey of a call, top to bottom.

routes in order → limits → cache → for each: its limits → breaker → retry (build → sign → send) → first event → answer;
and however it ends, limits settled and one usage record, committed before the caller sees the end. Once an event has
left there is no second attempt.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import replace
from functools import partial
from typing import TypeVar

from aiproxy.gateway import billing, cache, defaults, order, replay, routing, size
from aiproxy.gateway.attempts import Once, first_good
from aiproxy.gateway.call import Call, Target
from aiproxy.gateway.outcome import breaker_of, judged, recorded
from aiproxy.gateway.sending import Begun, begin, exchange
from aiproxy.gateway.shared import Gateway
from integrations import live
from providers.adapters.base import Counting
from providers.chat import ChatRequest, ChatResponse
from providers.embedding import EmbeddingRequest, EmbeddingResponse
from providers.events import Ended, Event

A = TypeVar("A", ChatResponse, EmbeddingResponse)


async def chat(gateway: Gateway, call: Call, request: ChatRequest) -> ChatResponse:
    """A whole answer. Raises CallError."""

    async def once(target: Target) -> ChatResponse:
        wire = target.adapter.build(defaults.apply(request, target), target.host)
        reply = await exchange(gateway, call, target, wire)
        return target.adapter.parse(reply, target.host)

    return await _whole(gateway, call, request, once, ChatResponse)


async def chat_stream(
    gateway: Gateway, call: Call, request: ChatRequest
) -> AsyncGenerator[list[Event]]:
    """The events of an answer as they arrive, of which ``Ended`` is the last. Every failure raises CallError; before
    the first events have been given, nothing has left for the caller and the failure can still become an HTTP status.
    """

    async def once(target: Target) -> Begun:
        wire = target.adapter.build(defaults.apply(request, target), target.host)
        return await begin(gateway, call, target, wire)

    async with recorded(gateway, call):
        targets = await _admitted(gateway, call, request)
        known = await cache.find(gateway, call, targets, request, ChatResponse)
        if known is not None:
            yield list(replay.events(known))
        else:
            begun = await first_good(gateway.guards, call, targets, once)
            async with begun.stack:
                with judged(gateway, call):
                    if begun.first:
                        yield begun.first
                        async for events in begun.events:
                            yield events
    await cache.keep(gateway, call, request, call.answer)
    yield [Ended()]


async def embed(gateway: Gateway, call: Call, request: EmbeddingRequest) -> EmbeddingResponse:
    """Vectors for all inputs. Raises CallError."""

    async def once(target: Target) -> EmbeddingResponse:
        wire = target.adapter.build_embedding(replace(request, model=target.model), target.host)
        reply = await exchange(gateway, call, target, wire)
        return target.adapter.parse_embedding(reply, target.host)

    return await _whole(gateway, call, request, once, EmbeddingResponse)


async def count(gateway: Gateway, call: Call, request: ChatRequest) -> tuple[int, bool]:
    """How many tokens the request is, and whether that is our estimate: where the provider has no counter, a
    quarter of the bytes that would be sent. Raises CallError.
    """

    async def once(target: Target) -> tuple[int, bool]:
        adapter, asked = target.adapter, defaults.apply(request, target)
        if isinstance(adapter, Counting) and (wire := adapter.build_count(asked, target.host)):
            reply = await exchange(gateway, call, target, wire)
            return adapter.parse_count(reply, target.host), False
        return size.of_wire(adapter.build(asked, target.host)), True

    async with recorded(gateway, call):
        targets = await _admitted(gateway, call, request)
        tokens, estimated = await first_good(gateway.guards, call, targets, once)
        breaker = breaker_of(gateway, call)
        breaker.abandoned() if estimated else breaker.succeeded()  # an estimate asks nobody
        call.finish = "stop"
    return tokens, estimated


async def _whole(
    gateway: Gateway, call: Call, request: cache.Request, once: Once[A], kind: type[A]
) -> A:
    """What ``once`` gets of the first target that answers, or the cache has already."""
    async with recorded(gateway, call):
        targets = await _admitted(gateway, call, request)
        answer = await cache.find(gateway, call, targets, request, kind)
        if answer is None:
            answer = await first_good(gateway.guards, call, targets, once)
            breaker_of(gateway, call).succeeded()
            billing.answered(call, answer)
    await cache.keep(gateway, call, request, answer)
    return answer


async def _admitted(gateway: Gateway, call: Call, request: cache.Request) -> list[Target]:
    """Where the call may go, in order, and until when; as soon as the limits of its account and token let it."""
    ways = routing.ways(await live.connections(call.caller.user_id), call)
    targets = order.put(ways, call, gateway.facts, partial(size.likely, request))
    totals = [gateway.timeouts.of(target.connection.policy).total for target in targets]
    call.until = call.started + min(call.patience, max(totals))
    call.done("routed")
    await gateway.guards.limits.caller(call, targets, partial(size.most, call, request, targets))
    call.done("admitted")
    return targets

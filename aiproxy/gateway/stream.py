"""From the bytes of a streamed answer to events, noting on the call what they say."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator

from aiproxy.gateway import billing
from aiproxy.gateway.call import Call, Target
from aiproxy.upstream.send import Streamed
from providers.adapters.base import StreamParser
from providers.errors import CallError
from providers.events import Accumulator, Ended, Event, Failed, Started

DRAIN_SECONDS = 0.05
"""How long to wait, after the last event, for the provider to close its body, so that the connection is reused."""


async def events_of(streamed: Streamed, call: Call, target: Target) -> AsyncGenerator[Event]:
    """Every event before ``Ended``. A ``Failed`` of the parser and a broken connection raise CallError.

    ``Started`` is held back until something follows it: a provider that greets and then fails has said nothing.
    What was used is noted on ``call`` however the stream ends.
    """
    parser = target.adapter.stream(target.host)
    seen = Accumulator()
    greeting: Event | None = None
    try:
        async for event in _events(streamed, parser):
            seen.add(event)
            if isinstance(event, Failed):
                raise event.error
            if isinstance(event, Ended):
                break
            if isinstance(event, Started):
                greeting = event
                continue
            if call.first_event_at is None:
                call.first_event_at = time.monotonic()
            if greeting is not None:
                yield greeting
                greeting = None
            yield event
        if greeting is not None:
            yield greeting
    finally:
        call.answered_at = time.monotonic()
        response = seen.response()
        call.model = response.model
        call.finish = response.finish if seen.ended else ""
        call.answer = response if seen.ended else None
        billing.charge(call, seen.usage, seen.text_length)


async def _events(streamed: Streamed, parser: StreamParser) -> AsyncIterator[Event]:
    chunks = aiter(streamed)
    async for chunk in chunks:
        for event in parser.feed(chunk):
            if isinstance(event, Ended):
                await _drain(chunks)
            yield event
    for event in parser.close():
        yield event


async def _drain(chunks: AsyncIterator[bytes]) -> None:
    try:
        async with asyncio.timeout(DRAIN_SECONDS):
            async for _ in chunks:
                pass
    except (TimeoutError, CallError):
        return  # the answer is complete; only this connection will not be used again

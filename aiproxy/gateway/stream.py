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
from providers.events import Accumulator, Event, Started, UsageReported

DRAIN_SECONDS = 0.05
"""How long to wait, after the last event, for the provider to close its body, so that the connection is reused."""


async def events_of(streamed: Streamed, call: Call, target: Target) -> AsyncGenerator[list[Event]]:
    """Every event before ``Ended``, as many at once as arrived at once; no list is empty. A ``Failed`` of the parser
    and a broken connection raise CallError.

    ``Started`` is held back until something follows it: a provider that greets and then fails has said nothing.
    What was used is noted on ``call`` however the stream ends.
    """
    parser = target.adapter.stream(target.host)
    seen = Accumulator()
    greeting: list[Event] = []
    last: Event | None = None
    chunks = aiter(streamed)
    try:
        while not seen.over:
            events, open_still = await _next(streamed, chunks, parser)
            given = _given(events, seen)
            last = given[-1] if given else last
            if any(not isinstance(event, Started) for event in given):
                if call.first_event_at is None:
                    call.first_event_at = time.monotonic()
                yield greeting + given
                greeting = []
            else:
                greeting += given
            if seen.error is not None:
                raise seen.error
            if not open_still:
                break
        if greeting:
            yield greeting
        if seen.ended:
            await _drain(chunks)
    finally:
        call.answered_at = time.monotonic()
        response = seen.response()
        call.model = response.model
        call.finish = response.finish if seen.ended else ""
        call.answer = response if seen.ended else None
        counted = seen.ended or isinstance(last, UsageReported)
        billing.charge(call, seen.usage, seen.text_length, counted=counted)


async def _next(
    streamed: Streamed, chunks: AsyncIterator[bytes], parser: StreamParser
) -> tuple[list[Event], bool]:
    """The events of what arrives next, and whether more may come."""
    heard = parser.heard
    try:
        events = parser.feed(await anext(chunks))
    except StopAsyncIteration:
        return list(parser.close()), False
    if parser.heard != heard:
        streamed.alive()
    return list(events), True


def _given(events: list[Event], seen: Accumulator) -> list[Event]:
    """Those of ``events`` that are given on: all before the one that ends the stream."""
    for number, event in enumerate(events):
        seen.add(event)
        if seen.over:
            return events[:number]
    return events


async def _drain(chunks: AsyncIterator[bytes]) -> None:
    try:
        async with asyncio.timeout(DRAIN_SECONDS):
            async for _ in chunks:
                pass
    except (TimeoutError, CallError):
        return  # the answer is complete; only this connection will not be used again

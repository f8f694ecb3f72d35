"""The built-in provider: the fake provider inside this process, without a socket and without a key."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping

from aiproxy.fake.provider import Answer, Cut, Received, play, respond
from providers.wire import WireRequest

PACE_SECONDS = 0.004
"""Between the words of a stream: enough for the eye to see that they come one by one."""


class Exchange:
    """One request and its answer, with the same two methods as the body of an answer from the network."""

    def __init__(self, request: WireRequest) -> None:
        path, _, query = request.path.partition("?")
        headers = {name.lower(): value for name, value in request.headers.items()}
        received = Received(request.method, path, query, headers, request.content() or b"")
        self._answer = respond(received)
        self._pieces = _paced(self._answer)

    @property
    def status(self) -> int:
        return self._answer.status

    @property
    def headers(self) -> Mapping[str, str]:
        return self._answer.headers

    async def read(self) -> bytes:
        """The next piece, ``b""`` at the end. A connection that a fault cuts just ends."""
        return await anext(self._pieces, b"")

    async def aclose(self) -> None:
        """Nothing is kept open."""


async def _paced(answer: Answer) -> AsyncIterator[bytes]:
    if answer.faults.delay_ms:
        await _wait(answer.faults.delay_ms / 1000)
    try:
        async for piece in play(answer, _wait):
            yield piece
            if answer.streams:
                await asyncio.sleep(PACE_SECONDS)
    except Cut:
        return


async def _wait(seconds: float | None) -> None:
    if seconds is None:
        await asyncio.Event().wait()
    else:
        await asyncio.sleep(seconds)

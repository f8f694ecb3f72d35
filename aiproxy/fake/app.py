"""The fake provider as a plain ASGI application. It keeps what it received for the tests to look at."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from typing import Any

from aiproxy.fake.provider import MODELS, Answer, Cut, Received, play, respond

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

KEPT = 1000


class _Left(Exception):
    """The client closed the connection."""


class FakeProvider:
    """``requests`` holds the last thousand, oldest first. Faults are asked for by the requests themselves."""

    def __init__(self, models: Sequence[str] = MODELS) -> None:
        self.models = tuple(models)
        self.requests: list[Received] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
            return
        try:
            received = await _read(scope, receive)
        except _Left:
            return
        self.requests.append(received)
        del self.requests[:-KEPT]
        try:
            await _send(respond(received, self.models), receive, send)
            received.outcome = "done"
        except _Left:
            received.outcome = "left"
        except Cut:
            received.outcome = "cut"  # the server breaks the connection of an answer without an end
        except asyncio.CancelledError:
            received.outcome = "left"
            raise


async def _read(scope: Scope, receive: Receive) -> Received:
    chunks = []
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _Left
        chunks.append(message.get("body", b""))
        more = message.get("more_body", False)
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    query = scope["query_string"].decode("latin-1")
    return Received(scope["method"], scope["path"], query, headers, b"".join(chunks))


async def _send(answer: Answer, receive: Receive, send: Send) -> None:
    async def wait(seconds: float | None) -> None:
        await _wait(seconds, receive)

    if answer.faults.silence:
        await wait(None)
    if answer.faults.delay_ms:
        await wait(answer.faults.delay_ms / 1000)
    start = {"type": "http.response.start", "status": answer.status}
    if not answer.streams and answer.faults.is_prompt:
        body = b"".join(answer.pieces)
        length = (b"content-length", b"%d" % len(body))
        await send(start | {"headers": [*_raw(answer.headers), length]})
        await send({"type": "http.response.body", "body": body})
        return
    await send(start | {"headers": _raw(answer.headers)})
    async for piece in play(answer, wait):
        await send({"type": "http.response.body", "body": piece, "more_body": True})
        await asyncio.sleep(0)  # what is sent at once would arrive as one piece
    await send({"type": "http.response.body", "body": b""})


async def _wait(seconds: float | None, receive: Receive) -> None:
    """Waits, but not for a client that has left."""
    try:
        async with asyncio.timeout(seconds):
            message = await receive()
    except TimeoutError:
        return
    if message["type"] == "http.disconnect":
        raise _Left


def _raw(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return

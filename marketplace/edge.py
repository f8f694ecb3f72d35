"""What stands between the socket and the two fronts: plain ASGI, before Django or the gateway sees a byte.

Django on ASGI spools a whole request body to disk before any of its middleware runs, so limits belong here.
"""

from __future__ import annotations

import asyncio
import ipaddress
import json
from collections.abc import Awaitable, Callable, MutableMapping
from http import HTTPStatus
from typing import Any

from marketplace.request_id import new_request_id

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

REQUEST_ID = "aim.request_id"
"""The scope's key for the request id made here."""


class Door:
    """The first thing a request meets: a request id, only honest headers, and the true address of the caller."""

    def __init__(self, app: App, trusted_proxies: int) -> None:
        self.app, self.trusted_proxies = app, trusted_proxies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope[REQUEST_ID] = new_request_id()
        if refusal := _dishonest(scope["headers"]):
            return await refuse(scope, send, 400, refusal)
        if self.trusted_proxies:
            _look_behind_proxies(scope, self.trusted_proxies)
        await self.app(scope, receive, send)


def _dishonest(headers: list[tuple[bytes, bytes]]) -> str:
    names = [name for name, _ in headers]
    if any(b"_" in name for name in names):
        # Django reads X_Real_Ip and X-Real-Ip as the same header; proxies filter only one of them.
        return "Header names may not hold an underscore."
    if names.count(b"host") > 1:
        return "There is more than one Host header."
    if b"transfer-encoding" in names and b"content-length" in names:
        return "Content-Length and Transfer-Encoding may not come together."
    return ""


def _look_behind_proxies(scope: Scope, count: int) -> None:
    """Each trusted proxy has appended the address it saw; the caller's is the ``count``-th from the right."""
    hops = _values(scope, b"x-forwarded-for")
    if len(hops) >= count and (address := _bare(hops[-count])):
        scope["client"] = (address, 0)
    schemes = _values(scope, b"x-forwarded-proto")
    if schemes and (scheme := schemes[-min(count, len(schemes))]) in ("http", "https"):
        scope["scheme"] = scheme


def _bare(hop: str) -> str:
    """The address alone: some proxies write its port too, and with that every connection would seem another caller."""
    if hop.startswith("["):
        hop = hop[1:].partition("]")[0]
    elif hop.count(":") == 1:
        hop = hop.partition(":")[0]
    try:
        return str(ipaddress.ip_address(hop))
    except ValueError:
        return ""


def _values(scope: Scope, wanted: bytes) -> list[str]:
    lines = (value.decode("latin-1") for name, value in scope["headers"] if name == wanted)
    return [item.strip() for line in lines for item in line.split(",") if item.strip()]


class BodyLimit:
    """Reads the body itself: at most ``limit`` bytes within ``seconds``, in memory; the app then gets it whole."""

    def __init__(self, app: App, limit: int, seconds: float) -> None:
        self.app, self.limit, self.seconds = app, limit, seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"])
        length = headers.get(b"content-length", b"")
        if not length and b"transfer-encoding" not in headers:
            return await self.app(scope, receive, send)
        if length.isdigit() and int(length) > self.limit:
            return await self._too_large(scope, send)
        try:
            async with asyncio.timeout(self.seconds):
                body = await self._read(receive)
        except TimeoutError:
            return await refuse(
                scope, send, 408, f"The request took longer than {self.seconds:g} s to arrive."
            )
        if body is None:
            return None
        if len(body) > self.limit:
            return await self._too_large(scope, send)
        await self.app(scope, _replay(body, receive), send)

    async def _read(self, receive: Receive) -> bytes | None:
        """The body, or a bit more than the limit of it; None when the caller has left."""
        body = bytearray()
        while len(body) <= self.limit:
            message = await receive()
            if message["type"] != "http.request":
                return None
            body += message.get("body", b"")
            if not message.get("more_body", False):
                break
        return bytes(body)

    async def _too_large(self, scope: Scope, send: Send) -> None:
        await refuse(scope, send, 413, f"The request is larger than {self.limit:,} bytes.")


def _replay(body: bytes, receive: Receive) -> Receive:
    pending: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return pending.pop() if pending else await receive()

    return replay


async def refuse(scope: Scope, send: Send, status: int, sentence: str) -> None:
    """Answer without the app: our error object, and a closed connection, for the rest of the body is unread."""
    request_id = scope.get(REQUEST_ID, "")
    code = "timeout" if status == 408 else "invalid_request"
    error = {"code": code, "message": sentence, "retryable": status == 408, "requestId": request_id}
    if scope["path"].startswith(("/api/", "/v1")):
        kind, body = b"application/json", json.dumps({"error": error}).encode()
    else:
        text = f"{status} {HTTPStatus(status).phrase}\n{sentence}\nRequest id: {request_id}\n"
        kind, body = b"text/plain; charset=utf-8", text.encode()
    headers = [
        (b"content-type", kind),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
        (b"x-request-id", request_id.encode()),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})

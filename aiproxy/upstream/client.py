"""The one client to all providers, with its pool of connections.

It is the httpx transport without ``httpx.AsyncClient`` around it. What the client would add is what we must not
have (redirects, a cookie jar that all users share, proxies and credentials from the environment), and with it
a call takes twice the CPU time (350 instead of 175 µs for a short chat, uvloop, one core).
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import cache
from types import TracebackType
from typing import Self

import aiohttp
import httpx
import yarl
from django.conf import settings

from aiproxy.upstream.google_token import TOKEN_URL, GoogleTokens
from aiproxy.upstream.transport import GuardedTransport
from providers.endpoint import PrivateEndpoints


class Upstream:
    """Open it in the event loop that uses it, with ``async with`` or ``open()`` and ``close()``.

    ``allowed`` are the private endpoints that may be dialled, from the settings when it is None; ``context``
    trusts certificates other than certifi's; ``token_url`` stands in for Google's in tests.
    """

    def __init__(
        self,
        allowed: PrivateEndpoints | None = None,
        context: ssl.SSLContext | None = None,
        token_url: str = TOKEN_URL,
    ) -> None:
        self.google = GoogleTokens(self.exchange, token_url)
        self._allowed = allowed
        self._context = context
        self._transport: GuardedTransport | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def open(self) -> None:
        self._transport = GuardedTransport(self._private_endpoints, self._context)
        self._loop = asyncio.get_running_loop()
        await self._transport.open()

    def _private_endpoints(self) -> PrivateEndpoints:
        allowed: PrivateEndpoints = settings.AIM_PRIVATE_ENDPOINTS
        return allowed if self._allowed is None else self._allowed

    async def close(self) -> None:
        if self._transport is not None:
            transport, self._transport = self._transport, None
            await self.google.close()
            await transport.aclose()

    @property
    def is_open_here(self) -> bool:
        """Whether the running event loop may use it."""
        return self._transport is not None and self._loop is asyncio.get_running_loop()

    async def exchange(self, request: httpx.Request) -> httpx.Response:
        """The answer's head; its ``stream`` is a transport.Body to read and close. Raises httpx.TransportError."""
        if self._transport is None:
            raise RuntimeError("The upstream client is not open.")
        return await self._transport.handle_async_request(request)

    async def call(
        self,
        method: str,
        url: yarl.URL,
        headers: Mapping[str, str],
        content: bytes | None,
        connect: float,
    ) -> aiohttp.ClientResponse:
        """``exchange`` for the call path: ``connect`` is how many seconds connecting may take."""
        if self._transport is None:
            raise RuntimeError("The upstream client is not open.")
        return await self._transport.call(method, url, headers, content, connect)

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()


@cache
def shared() -> Upstream:
    """The server's own, opened and closed by its lifespan."""
    return Upstream()


@asynccontextmanager
async def at_hand() -> AsyncIterator[Upstream]:
    """The server's client where it runs in this event loop, else one for the moment (commands, tests)."""
    if shared().is_open_here:
        yield shared()
        return
    async with Upstream() as upstream:
        yield upstream

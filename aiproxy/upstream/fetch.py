"""A document by its address, through the guard that calls to providers go through."""

from __future__ import annotations

import asyncio
from typing import cast

import httpx

from aiproxy.upstream import transport
from aiproxy.upstream.client import Upstream
from aiproxy.upstream.send import Body
from providers.errors import AddressRefused, CallTimeout, InvalidRequest, NetworkError, ServerError

MOST_BYTES = 32 * 1024 * 1024
SECONDS = 30.0

_HEADERS = {"user-agent": "ai-integration-marketplace", "accept-encoding": "identity"}


async def fetch(upstream: Upstream, url: str) -> bytes:
    """The document itself: no redirect is followed, and nothing secret is sent. Raises CallError."""
    try:
        timeout = {"timeout": {"connect": SECONDS}}
        request = httpx.Request("GET", httpx.URL(url), headers=_HEADERS, extensions=timeout)
        name = request.url.host
    except (httpx.InvalidURL, UnicodeError):
        raise InvalidRequest("This is no address.") from None
    try:
        async with asyncio.timeout(SECONDS):
            response = await upstream.exchange(request)
            return await _whole(response, name)
    except transport.AddressRefused:
        raise AddressRefused(
            f"{name} was not asked: its address is private or not encrypted, and the operator of this server has not "
            "allowed it in AIM_PRIVATE_ENDPOINTS."
        ) from None
    except httpx.TransportError:
        raise NetworkError(f"{name} could not be reached.") from None
    except TimeoutError:
        raise CallTimeout(f"{name} did not answer in time.") from None


async def _whole(response: httpx.Response, name: str) -> bytes:
    body = cast(Body, response.stream)
    try:
        if response.status_code != 200:
            raise ServerError(f"{name} answered with status {response.status_code}.")
        found = bytearray()
        while data := await body.read():
            found += data
            if len(found) > MOST_BYTES:
                raise ServerError(f"{name} sent more than {MOST_BYTES >> 20} MB.")
        return bytes(found)
    finally:
        await body.aclose()

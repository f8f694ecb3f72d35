"""The body of a machine request: read as far as it may be, in the time it may take, and as JSON."""

from __future__ import annotations

import asyncio
import re
from typing import Any, Protocol

import msgspec
from django.conf import settings
from starlette.types import Message, Receive

from aiproxy.errors import BodyTooLarge, BodyTooSlow
from providers.errors import InvalidRequest

SECONDS = 10.0
"""A caller that needs longer to send its request is holding a connection, not calling."""

_POSITION = re.compile(r" ?\(byte (\d+)\)")


class Exchanging(Protocol):
    """What is needed of an Exchange. ``left`` is set where its caller has gone."""

    left: bool

    @property
    def receive(self) -> Receive: ...

    def header(self, name: str) -> str: ...


async def read(exchange: Exchanging) -> bytes:
    """The whole body; raises BodyTooLarge or BodyTooSlow without keeping what has come."""
    limit: int = settings.AIM_MAX_BODY_BYTES
    announced = exchange.header("content-length")
    if announced.isdigit() and int(announced) > limit:
        raise _too_large(limit)
    pieces: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(SECONDS):
            more = True
            while more:
                message = await _next(exchange)
                pieces.append(message.get("body", b""))
                size += len(pieces[-1])
                if size > limit:
                    raise _too_large(limit)
                more = message.get("more_body", False)
    except TimeoutError:
        raise BodyTooSlow(
            "The request body did not arrive in time. Send it faster or smaller."
        ) from None
    return b"".join(pieces)


async def _next(exchange: Exchanging) -> Message:
    message = await exchange.receive()
    if message["type"] == "http.disconnect":
        exchange.left = True
        raise asyncio.CancelledError
    return message


def _too_large(limit: int) -> BodyTooLarge:
    return BodyTooLarge(
        f"The request body is larger than {limit // (1024 * 1024)} MiB. Send less at once."
    )


def parse(content: bytes) -> Any:
    """The body as JSON; raises InvalidRequest that says where it broke."""
    if not content:
        raise InvalidRequest("The request has no body. Send a JSON object.")
    try:
        return msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        where = _POSITION.search(str(error))
        place = f" near byte {where.group(1)}" if where else ""
        raise InvalidRequest(f"The request body is not valid JSON{place}.") from None

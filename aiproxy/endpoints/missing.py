"""Machine addresses that do not exist: a JSON error in the dialect of the neighbourhood, never a page."""

from __future__ import annotations

from starlette.types import Receive, Scope, Send

from aiproxy.endpoints.exchange import Exchange, request_id
from aiproxy.protocols import gemini, native, openai
from aiproxy.protocols.base import Protocol
from providers.errors import NotFound


async def answer(scope: Scope, receive: Receive, send: Send) -> None:
    path = scope["path"]
    protocol: Protocol = native.PROTOCOL
    if path.startswith("/v1/"):
        protocol = openai.PROTOCOL
    elif path.startswith("/v1beta/"):
        protocol = gemini.PROTOCOL
    exchange = Exchange(protocol, scope, receive, send, request_id(scope))
    await exchange.fail(
        NotFound(f"There is nothing at {path[:200]}. The addresses are listed at /api/docs.")
    )

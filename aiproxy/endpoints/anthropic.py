"""/v1/messages as Anthropic's clients call it."""

from __future__ import annotations

from aiproxy.endpoints import calls
from aiproxy.endpoints.exchange import Endpoint, Exchange
from aiproxy.protocols.anthropic import PROTOCOL
from providers.chat import ChatRequest


async def _messages(exchange: Exchange) -> None:
    await calls.chat(exchange, await _parsed(exchange))


async def _count(exchange: Exchange) -> None:
    await calls.count(exchange, await _parsed(exchange))


async def _parsed(exchange: Exchange) -> ChatRequest:
    """The request, with the betas that stand in a header."""
    if (betas := exchange.header("anthropic-beta")) and isinstance(exchange.body, dict):
        exchange.body.setdefault("betas", [name.strip() for name in betas.split(",")])
    return await exchange.parsed(PROTOCOL.parse_request)


messages = Endpoint(PROTOCOL, _messages)
count = Endpoint(PROTOCOL, _count)

"""/v1/messages as Anthropic's clients call it."""

from __future__ import annotations

from aiproxy.endpoints import calls
from aiproxy.endpoints.exchange import Endpoint, Exchange
from aiproxy.protocols.anthropic import PROTOCOL


async def _messages(exchange: Exchange) -> None:
    if (betas := exchange.header("anthropic-beta")) and isinstance(exchange.body, dict):
        exchange.body.setdefault("betas", [name.strip() for name in betas.split(",")])
    await calls.chat(exchange, PROTOCOL.parse_request(exchange.body))


messages = Endpoint(PROTOCOL, _messages)

"""/v1/messages as Anthropic's clients call it."""

from __future__ import annotations

from aiproxy.endpoints import calls
from aiproxy.endpoints.exchange import Endpoint, Exchange
from aiproxy.protocols.anthropic import PROTOCOL


async def _messages(exchange: Exchange) -> None:
    await calls.chat(exchange, PROTOCOL.parse_request(exchange.body))


messages = Endpoint(PROTOCOL, _messages)

"""/api/ai/*: our own dialect."""

from __future__ import annotations

from aiproxy.endpoints import calls
from aiproxy.endpoints.exchange import Endpoint, Exchange
from aiproxy.protocols.native import PROTOCOL
from providers.errors import InvalidRequest


async def _chat(exchange: Exchange) -> None:
    await calls.chat(exchange, await exchange.parsed(PROTOCOL.parse_request))


async def _vision(exchange: Exchange) -> None:
    request = await exchange.parsed(PROTOCOL.parse_vision)
    if not request.has_images:
        raise InvalidRequest("A vision call needs at least one image.", param="images")
    await calls.chat(exchange, request, "vision")


async def _generate(exchange: Exchange) -> None:
    await calls.chat(exchange, await exchange.parsed(PROTOCOL.parse_generate))


async def _embeddings(exchange: Exchange) -> None:
    await calls.embeddings(exchange, PROTOCOL)


chat = Endpoint(PROTOCOL, _chat)
vision = Endpoint(PROTOCOL, _vision)
generate = Endpoint(PROTOCOL, _generate)
embeddings = Endpoint(PROTOCOL, _embeddings)

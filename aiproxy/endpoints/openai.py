"""/v1/* as OpenAI's clients call it."""

from __future__ import annotations

from aiproxy.endpoints import calls
from aiproxy.endpoints.exchange import Endpoint, Exchange
from aiproxy.endpoints.listing import usable
from aiproxy.gateway import aliases
from aiproxy.protocols import responses as responses_protocol
from aiproxy.protocols.openai import PROTOCOL
from providers.errors import NotFound


async def _chat(exchange: Exchange) -> None:
    await calls.chat(exchange, await exchange.parsed(PROTOCOL.parse_request))


async def _responses(exchange: Exchange) -> None:
    await calls.chat(exchange, await exchange.parsed(exchange.protocol.parse_request))


async def _embeddings(exchange: Exchange) -> None:
    await calls.embeddings(exchange, PROTOCOL)


async def _models(exchange: Exchange) -> None:
    await exchange.reply(PROTOCOL.render_models(await usable(exchange.caller)))


async def _model(exchange: Exchange) -> None:
    name = exchange.scope["path_params"]["model"].removeprefix(aliases.PREFIX)
    entry = next((entry for entry in await usable(exchange.caller) if entry.id == name), None)
    if entry is None:
        raise NotFound(f"There is no model {name[:200]!r} that this token may use.", param="model")
    await exchange.reply(PROTOCOL.render_model(entry))


chat = Endpoint(PROTOCOL, _chat)
responses = Endpoint(responses_protocol.PROTOCOL, _responses)
embeddings = Endpoint(PROTOCOL, _embeddings)
models = Endpoint(PROTOCOL, _models, "GET")
model = Endpoint(PROTOCOL, _model, "GET")

"""/v1beta/models/* as Google's clients call it.

The model stands in the address, slashes and all. The key must not: addresses are logged everywhere on their way.
"""

from __future__ import annotations

from urllib.parse import parse_qs

from aiproxy.endpoints import calls
from aiproxy.endpoints.exchange import Endpoint, Exchange
from aiproxy.endpoints.listing import usable
from aiproxy.protocols.gemini import ARRAYS, PROTOCOL
from providers.errors import InvalidRequest, NotFound


class GeminiEndpoint(Endpoint):
    async def _answer(self, exchange: Exchange) -> None:
        if "key" in _query(exchange):
            raise InvalidRequest(
                "The access token must not be in the address, because addresses are logged. Send it in the header "
                "x-goog-api-key, and replace this token by a new one if it was real.",
                param="key",
            )
        await super()._answer(exchange)


async def _generate(exchange: Exchange) -> None:
    await calls.chat(exchange, await exchange.parsed(PROTOCOL.parse_request, _named(exchange)))


async def _stream_generate(exchange: Exchange) -> None:
    if _query(exchange).get("alt") != ["sse"]:
        exchange.protocol = ARRAYS
    request = await exchange.parsed(PROTOCOL.parse_request, _named(exchange), stream=True)
    await calls.chat(exchange, request)


async def _count(exchange: Exchange) -> None:
    await calls.count(exchange, await exchange.parsed(PROTOCOL.parse_count, _named(exchange)))


async def _embed(exchange: Exchange) -> None:
    request = await exchange.parsed(PROTOCOL.parse_embedding, _named(exchange))
    await calls.embed(exchange, request, PROTOCOL.render_embedding)


async def _embed_batch(exchange: Exchange) -> None:
    request = await exchange.parsed(PROTOCOL.parse_embeddings, _named(exchange))
    await calls.embed(exchange, request, PROTOCOL.render_embeddings)


async def _models(exchange: Exchange) -> None:
    await exchange.reply(PROTOCOL.render_models(await usable(exchange.caller)))


async def _model(exchange: Exchange) -> None:
    name = _named(exchange)
    entry = next((entry for entry in await usable(exchange.caller) if entry.id == name), None)
    if entry is None:
        raise NotFound(f"There is no model {name[:200]!r} that this token may use.", param="model")
    await exchange.reply(PROTOCOL.render_model(entry))


def _named(exchange: Exchange) -> str:
    name: str = exchange.scope["path_params"]["model"]
    return name


def _query(exchange: Exchange) -> dict[str, list[str]]:
    return parse_qs(exchange.scope["query_string"].decode("latin-1"), keep_blank_values=True)


generate = GeminiEndpoint(PROTOCOL, _generate)
stream_generate = GeminiEndpoint(PROTOCOL, _stream_generate)
count = GeminiEndpoint(PROTOCOL, _count)
embed = GeminiEndpoint(PROTOCOL, _embed)
embed_batch = GeminiEndpoint(PROTOCOL, _embed_batch)
models = GeminiEndpoint(PROTOCOL, _models, "GET")
model = GeminiEndpoint(PROTOCOL, _model, "GET")

"""/v1/* as OpenAI's clients call it."""

from __future__ import annotations

from aiproxy.endpoints import calls
from aiproxy.endpoints.exchange import Endpoint, Exchange
from aiproxy.gateway import routing
from aiproxy.protocols.openai import PROTOCOL, ModelEntry
from integrations import live
from providers.errors import NotFound


async def _chat(exchange: Exchange) -> None:
    await calls.chat(exchange, PROTOCOL.parse_request(exchange.body))


async def _embeddings(exchange: Exchange) -> None:
    await calls.embeddings(exchange, PROTOCOL)


async def _models(exchange: Exchange) -> None:
    await exchange.reply(PROTOCOL.render_models(await _usable(exchange)))


async def _model(exchange: Exchange) -> None:
    name = exchange.scope["path_params"]["model"]
    entry = next((entry for entry in await _usable(exchange) if entry.id == name), None)
    if entry is None:
        raise NotFound(f"There is no model {name[:200]!r} that this token may use.", param="model")
    await exchange.reply(PROTOCOL.render_model(entry))


async def _usable(exchange: Exchange) -> list[ModelEntry]:
    """``provider/model`` for all that the token may call, each once."""
    names: dict[str, ModelEntry] = {}
    for connection in await live.connections(exchange.caller.user_id):
        if (
            connection.enabled
            and connection.provider.callable
            and exchange.caller.may_use(connection.id)
        ):
            for model in routing.models_of(connection):
                name = f"{connection.provider.id}/{model}"
                names.setdefault(name, ModelEntry(id=name, provider=connection.provider.id))
    return list(names.values())


chat = Endpoint(PROTOCOL, _chat)
embeddings = Endpoint(PROTOCOL, _embeddings)
models = Endpoint(PROTOCOL, _models, "GET")
model = Endpoint(PROTOCOL, _model, "GET")

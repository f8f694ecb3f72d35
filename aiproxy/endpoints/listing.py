"""The models that a token may call, as the lists of all dialects show them."""

from __future__ import annotations

from aiproxy.gateway import aliases, routing
from aiproxy.protocols.base import ModelEntry
from integrations import live
from integrations.tokens import Caller
from providers.catalogue.spec import ModelSpec


async def usable(caller: Caller) -> list[ModelEntry]:
    """Aliases that lead somewhere, and ``provider/model`` for all that the token may call, each once."""
    known = await live.connections(caller.user_id)
    allowed = [connection for connection in known if caller.may_use(connection.id)]
    named = (name for name in aliases.everything() if routing.of_alias(allowed, name))
    names = {name: ModelEntry(name, "alias") for name in named}
    for connection in allowed:
        provider = connection.provider
        if connection.enabled and provider.callable:
            for model in routing.models_of(connection):
                name = f"{provider.id}/{model}"
                names.setdefault(name, _entry(name, provider.id, provider.model(model)))
    return list(names.values())


def _entry(name: str, provider: str, known: ModelSpec | None) -> ModelEntry:
    if known is None:
        return ModelEntry(name, provider)
    return ModelEntry(
        name,
        provider,
        embeds=known.kind == "embedding",
        context=known.context,
        max_output=known.max_output,
    )

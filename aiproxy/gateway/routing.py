"""From the model a caller names to the integration that serves it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from uuid import UUID

from aiproxy.errors import NoRoute
from aiproxy.gateway import aliases
from aiproxy.gateway.call import Target
from integrations.errors import CredentialRequired, Disabled
from integrations.live import Connection
from integrations.tokens import Caller
from providers.adapters.base import Host
from providers.errors import InvalidRequest
from providers.registry import catalogue


def targets(
    connections: Sequence[Connection], caller: Caller, model: str, integration_id: UUID | None
) -> list[Target]:
    """Where ``model`` is to be asked for, among the connections the caller's token allows: the first place, and
    those to fall back to.

    An integration named by its id wins. Else an alias gives every place it leads to that can be used, in its own
    order, ``provider/model`` the provider's oldest enabled integration, and a bare model the only provider that
    has it. Raises NoRoute, InvalidRequest (ambiguous, no model named), Disabled or CredentialRequired.
    """
    allowed = [c for c in connections if caller.may_use(c.id)]
    if integration_id is not None:
        named = next((c for c in allowed if c.id == integration_id), None)
        if named is None:
            raise NoRoute(
                f"There is no integration {integration_id} that this token may use. "
                "Look up its id on the marketplace page.",
                param="X-Integration-Id",
            )
        return of_alias([named], model) or [_target(named, model)]
    if not model:
        raise InvalidRequest(
            "Name a model (for example sandbox/sandbox), or an integration with the X-Integration-Id header.",
            param="model",
        )
    if aliases.find(model) is not None:
        return _all_of_alias(allowed, model)
    return [_target(_by_model(allowed, model), model)]


def of_alias(allowed: Sequence[Connection], name: str) -> list[Target]:
    """Every place the alias ``name`` leads to that can be called now, in order; none for what is no alias."""
    found = []
    meaning = aliases.find(name)
    for step in meaning.steps if meaning else ():
        for connection in allowed:
            if step.integration_id == connection.id or step.provider == connection.provider.id:
                with suppress(InvalidRequest):
                    found.append(_target(connection, step.model))
    return found


def _all_of_alias(allowed: Sequence[Connection], name: str) -> list[Target]:
    if found := of_alias(allowed, name):
        return found
    meaning = aliases.find(name)
    places = ", ".join(map(str, meaning.steps)) if meaning else ""
    raise NoRoute(
        f"The alias {name!r} leads to {places}, and none of the integrations this token may use can be called "
        "for that. Connect one of these providers on the marketplace page, or use another model.",
        param="model",
    )


def serves(connection: Connection, model: str) -> bool:
    """Whether the catalogue or the integration's own list knows ``model`` there."""
    return (
        model == connection.model
        or model in connection.models
        or connection.provider.model(model) is not None
    )


def models_of(connection: Connection) -> list[str]:
    """Every model id known for the connection, its default first, without repetition."""
    known = [
        connection.model,
        *connection.models,
        *(model.id for model in connection.provider.models),
    ]
    return list(dict.fromkeys(filter(None, known)))


def _by_model(allowed: Sequence[Connection], model: str) -> Connection:
    prefix, slash, _ = model.partition("/")
    if slash:
        of_provider = [c for c in allowed if c.provider.id == prefix]
        if of_provider:
            return _first_usable(of_provider)
    having = [c for c in allowed if serves(c, model)]
    providers = sorted({c.provider.id for c in having if c.enabled})
    if len(providers) > 1:
        choices = ", ".join(f"{provider}/{model}" for provider in providers)
        raise InvalidRequest(
            f"Several of your providers have {model!r}. Say which: {choices}.", param="model"
        )
    if having:
        return _first_usable(having)
    raise NoRoute(
        f"None of the integrations this token may use is known to have the model {model!r}. "
        "Write it as provider/model, or name an integration with the X-Integration-Id header.",
        param="model",
    )


def _first_usable(connections: Sequence[Connection]) -> Connection:
    """The oldest enabled one; the oldest of all when none is enabled, whose error then says so."""
    return next((c for c in connections if c.enabled), connections[0])


def _target(connection: Connection, model: str) -> Target:
    provider = connection.provider
    if not provider.callable:
        raise InvalidRequest(f"{provider.name} is listed but cannot be called yet.", param="model")
    if not connection.enabled:
        raise Disabled(
            f"The integration {connection.name!r} is disabled. Enable it on the marketplace page."
        )
    if connection.broken or (connection.auth.type != "none" and not connection.has_key):
        raise CredentialRequired(
            f"The integration {connection.name!r} has no usable key. Enter one on the marketplace page."
        )
    name = _own_name(connection, model) or connection.model or provider.default_model
    if not name:
        raise InvalidRequest(
            f"Name a model: the integration {connection.name!r} has no default one.", param="model"
        )
    return Target(
        connection,
        name,
        catalogue().adapter(provider.id, name),
        Host(provider, provider.model(name), connection.mapping),
    )


def _own_name(connection: Connection, model: str) -> str:
    """``model`` without the provider's prefix, unless the provider itself calls it so (OpenRouter)."""
    if serves(connection, model):
        return model
    return model.removeprefix(f"{connection.provider.id}/")

"""From the model a caller names to the integrations that can serve it. Which goes first is for ``order``."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from aiproxy.errors import NoRoute
from aiproxy.gateway import aliases
from aiproxy.gateway.aliases import Meaning
from aiproxy.gateway.call import Call, Target
from aiproxy.models import Alias
from integrations.errors import CredentialRequired, Disabled
from integrations.live import Connection
from providers.adapters.base import Host
from providers.errors import CallError, InvalidRequest
from providers.registry import catalogue


@dataclass(frozen=True, slots=True)
class Place:
    """One answer to where a name leads, and the integrations that give it: the oldest first, never none."""

    targets: Sequence[Target]
    weight: int = 1


@dataclass(frozen=True, slots=True)
class Way:
    """Where one name leads. ``order.put`` decides which of its places is tried first, as ``strategy`` says."""

    by: Literal["model", "alias", "integration"]
    places: Sequence[Place]
    strategy: str = Alias.PRIORITY


def ways(connections: Sequence[Connection], call: Call) -> list[Way]:
    """Where the requested model leads, then where each of the call's fallbacks does, among the connections that the
    caller's token allows. Raises as ``way`` does, and InvalidRequest for a fallback that cannot be used.
    """
    allowed = [c for c in connections if call.caller.may_use(c.id)]
    found = [way(allowed, call.requested_model, call.integration_id)]
    for name in call.fallback:
        try:
            found.append(way(allowed, name))
        except CallError as error:
            raise InvalidRequest(
                f"The fallback {name[:200]!r} cannot be used. {error.message}", param="fallback"
            ) from None
    return found


def way(allowed: Sequence[Connection], model: str, integration_id: UUID | None = None) -> Way:
    """Where ``model`` is to be asked for.

    An integration named by its id wins. Else an alias gives every place it leads to that can be used,
    ``provider/model`` that provider's integrations, and a bare model those of the only provider that has it. Raises
    NoRoute, InvalidRequest (ambiguous, no model named), Disabled or CredentialRequired.
    """
    if integration_id is not None:
        named = next((c for c in allowed if c.id == integration_id), None)
        if named is None:
            raise NoRoute(
                f"There is no integration {integration_id} that this token may use. "
                "Look up its id on the marketplace page.",
                param="X-Integration-Id",
            )
        places = of_alias([named], model) or [Place([_target(named, model)])]
        return Way("integration", places)
    if not model:
        raise InvalidRequest(
            "Name a model (for example sandbox/sandbox), or an integration with the X-Integration-Id header.",
            param="model",
        )
    meaning = aliases.find(model)
    if meaning is not None:
        return Way("alias", _all_of_alias(allowed, model, meaning), meaning.strategy)
    return _of_one_provider(_by_model(allowed, model), model)


def of_alias(allowed: Sequence[Connection], name: str) -> list[Place]:
    """Every place the alias ``name`` leads to that can be called now, in its own order; none for what is no alias."""
    found = []
    meaning = aliases.find(name)
    for step in meaning.steps if meaning else ():
        there = [
            c for c in allowed if step.integration_id == c.id or step.provider == c.provider.id
        ]
        if usable := _usable(there, step.model):
            found.append(Place(usable, step.weight))
    return found


def _all_of_alias(allowed: Sequence[Connection], name: str, meaning: Meaning) -> list[Place]:
    if found := of_alias(allowed, name):
        return found
    places = ", ".join(map(str, meaning.steps))
    raise NoRoute(
        f"The alias {name!r} leads to {places}, and none of the integrations this token may use can be called "
        "for that. Connect one of these providers on the marketplace page, or use another model.",
        param="model",
    )


def _of_one_provider(connections: Sequence[Connection], model: str) -> Way:
    """The oldest enabled integration alone: a second key is often somebody else's money. Where their owner has set
    a priority or a weight, all of them.
    """
    ranked = len(connections) > 1 and any(c.policy.ranks for c in connections if c.enabled)
    if ranked and (usable := _usable(connections, model)):
        return Way("model", [Place(usable)], _strategy(usable))
    return Way("model", [Place([_target(_first_usable(connections), model)])])


def _strategy(targets: Sequence[Target]) -> str:
    """What putting integrations of one provider in order comes to: a draw, where several may go first."""
    drawn = [t.connection.policy.priority for t in targets if t.connection.policy.weight]
    return Alias.WEIGHTED if drawn.count(min(drawn, default=0)) > 1 else Alias.PRIORITY


def _usable(connections: Sequence[Connection], model: str) -> list[Target]:
    found = []
    for connection in connections:
        with suppress(InvalidRequest):
            found.append(_target(connection, model))
    return found


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


def _by_model(allowed: Sequence[Connection], model: str) -> list[Connection]:
    """The integrations that may have the model, all of one provider; never none."""
    prefix, slash, _ = model.partition("/")
    if slash:
        of_provider = [c for c in allowed if c.provider.id == prefix]
        if of_provider:
            return of_provider
    having = [c for c in allowed if serves(c, model)]
    providers = sorted({c.provider.id for c in having if c.enabled})
    if len(providers) > 1:
        choices = ", ".join(f"{provider}/{model}" for provider in providers)
        raise InvalidRequest(
            f"Several of your providers have {model!r}. Say which: {choices}.", param="model"
        )
    if having:
        return [c for c in having if c.provider.id in providers] or having
    raise NoRoute(
        f"None of the integrations this token may use is known to have the model {model!r}. "
        "Write it as provider/model, or name an integration with the X-Integration-Id header.",
        param="model",
    )


def _first_usable(connections: Sequence[Connection]) -> Connection:
    """The oldest enabled one; the oldest of all when none is enabled, whose error then says so."""
    return next((c for c in connections if c.enabled), connections[0])


def ready(connection: Connection) -> None:
    """Raises InvalidRequest, Disabled or CredentialRequired for one that cannot be called as it is."""
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


def _target(connection: Connection, model: str) -> Target:
    ready(connection)
    provider = connection.provider
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

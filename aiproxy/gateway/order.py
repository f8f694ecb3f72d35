"""In which order the places of a call are tried. Pure but for what it is given: chance, measurements, breakers."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from uuid import UUID

from aiproxy.gateway import billing
from aiproxy.gateway.call import Call, Route, Target
from aiproxy.gateway.latency import Latencies, key
from aiproxy.gateway.routing import Place, Way
from aiproxy.models import Alias
from providers.usage import Usage

Chance = Callable[[], float]
"""A number from 0 up to, but not including, 1."""

_UNPRICED = Decimal("Infinity")


@dataclass(slots=True)
class Facts:
    """What this process knows. ``paused`` tells for how many seconds a model of an integration is left alone."""

    paused: Callable[[UUID, str], float]
    latencies: Latencies = field(default_factory=Latencies)
    chance: Chance = random.random


def put(ways: Sequence[Way], call: Call, facts: Facts, size: Callable[[], Usage]) -> list[Target]:
    """All targets of ``ways`` in the order in which they are tried, each once; notes the route on ``call``.

    Who is left alone for now comes last. ``size`` estimates what the call will use; only prices ask for it.
    """
    found: dict[tuple[UUID, str], Target] = {}
    for way in ways:
        for place in _sorted(way, call, facts, size):
            for target in place.targets:
                found.setdefault((target.connection.id, target.model), target)
    targets, paused = list(found.values()), 0
    if len(targets) > 1:
        ready = [one for one in targets if not facts.paused(one.connection.id, one.model)]
        away = [one for one in targets if one not in ready] if len(ready) < len(targets) else []
        targets, paused = ready + away, len(away)
        if ways[0].strategy == Alias.FASTEST:
            facts.latencies.trying(key(call, targets[0]), time.monotonic())
    call.route = _route(ways, targets, paused)
    return targets


def _sorted(way: Way, call: Call, facts: Facts, size: Callable[[], Usage]) -> Sequence[Place]:
    """The way's places as its strategy has them, and each one's integrations as their owner has them."""
    places = [_spread(place, facts.chance) for place in way.places]
    if len(places) < 2:
        return places
    if way.strategy == Alias.WEIGHTED:
        return sorted(places, key=lambda place: race(place.weight, facts.chance))
    if way.strategy == Alias.CHEAPEST:
        usage = size()
        return sorted(places, key=lambda place: _price(place.targets[0], call, usage))
    if way.strategy == Alias.FASTEST:
        now, known = time.monotonic(), facts.latencies
        return sorted(places, key=lambda place: known.expected(key(call, place.targets[0]), now))
    return places


def _spread(place: Place, chance: Chance) -> Place:
    """Lower priorities first, those of one priority drawn by weight, and those that weigh nothing last."""
    if len(place.targets) < 2 or not any(t.connection.policy.ranks for t in place.targets):
        return place

    def rank(target: Target) -> tuple[bool, int, float]:
        policy = target.connection.policy
        return not policy.weight, policy.priority, race(policy.weight, chance)

    return Place(sorted(place.targets, key=rank), place.weight)


def race(weight: int, chance: Chance) -> float:
    """When somebody of this weight arrives. Each is the first of all as often as its share of the weights."""
    return -math.log(1 - chance()) / weight if weight else math.inf


def _price(target: Target, call: Call, usage: Usage) -> Decimal:
    cost, _ = billing.price(target, target.model, usage, call.at)
    return _UNPRICED if cost is None else cost


def _route(ways: Sequence[Way], targets: Sequence[Target], paused: int) -> Route:
    names = [f"{target.connection.provider.id}/{target.model}" for target in targets]
    strategy = ways[0].strategy if len(names) > 1 else ""
    return Route("fallback" if len(ways) > 1 else ways[0].by, strategy, names, paused)

"""How much of a limit is used, and whether one more call fits. Pure: the clock is given in, in Unix seconds.

    rate     a bucket: what is taken flows out again at ``limit`` a minute
    places   what is taken is held under a lease, until it is given back or the lease ends
    budget   what is taken is held under a lease until the call's real use replaces it; nothing flows out

A call asks several meters at once and gets all or nothing. ``redis.py`` says the same in Lua; a test compares them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

Kind = Literal["rate", "places", "budget"]

MINUTE = 60.0
LEASE_SECONDS = 60.0
"""How long what a dead worker held stays taken. A living one renews its leases."""

NOTHING = 1e-6
"""What rounding leaves of an empty bucket."""


class Meter(NamedTuple):
    """``key`` names its level, and the period too for a budget, whose period is over at ``ends``. Amounts are
    requests, tokens or nano-dollars: whole numbers.
    """

    key: str
    kind: Kind
    limit: float
    ends: float = math.inf


class Ask(NamedTuple):
    meter: Meter
    amount: int


class Lease(NamedTuple):
    amount: float
    until: float


@dataclass(slots=True)
class Level:
    """What is used of one meter: ``used`` is a bucket's content ``at`` that time, or what a budget has paid;
    ``held`` is the sum of ``leases``, of which the first ends at ``soonest``.
    """

    used: float = 0.0
    at: float = 0.0
    held: float = 0.0
    leases: dict[str, Lease] = field(default_factory=dict)
    soonest: float = math.inf


def used(level: Level, meter: Meter, now: float) -> float:
    """How much of the meter is used now. Leases that have ended are let go of."""
    if meter.kind == "rate":
        flown = max(0.0, now - level.at) * meter.limit / MINUTE
        return max(0.0, level.used - flown)
    if now >= level.soonest:
        _let_go(level, now)
    return level.used + level.held


def fits(ask: Ask, so_far: float) -> bool:
    """A call that is larger than a whole bucket may pass an empty one, and is paid off afterwards."""
    meter, amount = ask
    if meter.kind == "rate" and so_far <= NOTHING:
        return True
    return so_far + amount <= meter.limit + NOTHING


def wait(ask: Ask, so_far: float, now: float) -> float:
    """Seconds until it would fit if nothing else came; for places, which nobody can foretell, a second."""
    meter, amount = ask
    match meter.kind:
        case "rate":
            over = min(so_far, so_far + amount - meter.limit)
            return max(0.0, over) * MINUTE / meter.limit
        case "places":
            return 1.0
        case "budget":
            return max(0.0, meter.ends - now)


def take(
    levels: Sequence[Level], asks: Sequence[Ask], lease: str, now: float, until: float
) -> tuple[bool, list[float]]:
    """Whether all of ``asks`` fit and were taken, and how much was used of each before."""
    before = [used(level, ask.meter, now) for level, ask in zip(levels, asks, strict=True)]
    fit = all(map(fits, asks, before))
    if fit:
        for level, ask in zip(levels, asks, strict=True):
            put(level, ask, lease, now, until)
    return fit, before


def put(level: Level, ask: Ask, lease: str, now: float, until: float) -> None:
    """Take without asking whether it fits. The same lease again only makes it last longer."""
    if ask.meter.kind == "rate":
        level.used, level.at = used(level, ask.meter, now) + ask.amount, now
        return
    known = level.leases.get(lease)
    if known is None:
        level.held += ask.amount
    level.leases[lease] = Lease(known.amount if known else ask.amount, until)
    level.soonest = min(level.soonest, until)


def settle(level: Level, ask: Ask, lease: str, actual: int, now: float) -> None:
    """The call has ended, and used ``actual`` of what it took."""
    if ask.meter.kind == "rate":
        level.used, level.at = max(0.0, used(level, ask.meter, now) + actual - ask.amount), now
        return
    known = level.leases.pop(lease, None)
    if known is not None:
        level.held -= known.amount
    if ask.meter.kind == "budget":
        level.used += actual


def _let_go(level: Level, now: float) -> None:
    for name in [name for name, lease in level.leases.items() if lease.until <= now]:
        level.held -= level.leases.pop(name).amount
    level.soonest = min((lease.until for lease in level.leases.values()), default=math.inf)

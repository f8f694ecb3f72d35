"""Levels in the database, for workers that share nothing else: a short transaction locks the rows of a call's meters.

SQLite's transactions are IMMEDIATE and so come one after the other; PostgreSQL locks the rows, in the order of
their keys.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Concatenate, ParamSpec, TypeVar

import structlog
from django.db import InterfaceError, OperationalError, transaction

from aiproxy.metering import meters
from aiproxy.metering.meters import LEASE_SECONDS, MINUTE, Ask, Lease, Level, Meter
from aiproxy.metering.store import Taken
from aiproxy.models import LimitLevel
from aiproxy.state.redis import Unavailable
from aiproxy.state.thread import DatabaseThread

log = structlog.get_logger(__name__)

P = ParamSpec("P")
R = TypeVar("R")

GRACE_SECONDS = 3600.0
"""How long the row of a budget outlives its period: calls that began in it may still be under way."""


class DatabaseLevels:
    """A Store. ``now`` is for tests; without it this machine's clock holds."""

    def __init__(self, thread: DatabaseThread) -> None:
        self._thread = thread
        self.now: float | None = None

    async def take(self, asks: Sequence[Ask], lease: str, paid: Mapping[str, int]) -> Taken:
        return await self._run(_take, asks, lease, paid)

    async def settle(self, asks: Sequence[Ask], lease: str, actual: Sequence[int]) -> None:
        await self._run(_settle, asks, lease, actual)

    async def renew(self, asks: Sequence[Ask], lease: str) -> None:
        if held := [ask for ask in asks if ask.meter.kind != "rate"]:
            await self._run(_renew, held, lease)

    async def used(self, meters: Sequence[Meter]) -> list[float | None]:
        return await self._run(_used, meters)

    async def sweep(self) -> None:
        await self._run(_sweep)

    async def _run(
        self, function: Callable[Concatenate[float, P], R], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        now = time.time() if self.now is None else self.now
        try:
            return await self._thread.run(function, now, *args, **kwargs)
        except (OperationalError, InterfaceError) as error:
            log.warning("limits.database_unavailable", error=type(error).__name__)
            raise Unavailable from None


def _take(now: float, asks: Sequence[Ask], lease: str, paid: Mapping[str, int]) -> Taken:
    with transaction.atomic():
        levels = _locked(asks)
        missing = sorted(ask.meter for ask in asks if ask.meter.key not in levels)
        if any(meter.kind == "budget" and meter.key not in paid for meter in missing):
            return Taken(False, [], untold=True)
        if missing:  # written before it is locked: what does not exist cannot be
            new = [
                LimitLevel(key=meter.key, state=_state(Level()), over=_EVER) for meter in missing
            ]
            LimitLevel.objects.bulk_create(new, ignore_conflicts=True)
            levels = _locked(asks)
        for key in levels.keys() & paid.keys():
            levels[key].used = max(levels[key].used, paid[key])
        mine = [levels[ask.meter.key] for ask in asks]
        fit, before = meters.take(mine, asks, lease, now, now + LEASE_SECONDS)
        _write(levels, asks, now)
        return Taken(fit, before)


def _settle(now: float, asks: Sequence[Ask], lease: str, actual: Sequence[int]) -> None:
    with transaction.atomic():
        levels = _locked(asks)
        for ask, amount in zip(asks, actual, strict=True):
            if level := levels.get(ask.meter.key):
                meters.settle(level, ask, lease, amount, now)
        _write(levels, asks, now)


def _renew(now: float, asks: Sequence[Ask], lease: str) -> None:
    with transaction.atomic():
        levels = _locked(asks)
        for ask in asks:
            if level := levels.get(ask.meter.key):
                meters.put(level, ask, lease, now, now + LEASE_SECONDS)
        _write(levels, asks, now)


def _used(now: float, asked: Sequence[Meter]) -> list[float | None]:
    rows = LimitLevel.objects.filter(key__in=[meter.key for meter in asked])
    levels = {row.key: _read(row.state) for row in rows}
    nothing = {meter.key: None if meter.kind == "budget" else 0.0 for meter in asked}
    return [
        meters.used(levels[meter.key], meter, now) if meter.key in levels else nothing[meter.key]
        for meter in asked
    ]


def _sweep(now: float) -> None:
    LimitLevel.objects.filter(over__lt=_time(now)).delete()


def _locked(asks: Sequence[Ask]) -> dict[str, Level]:
    """The levels that exist, which nobody else changes until the transaction ends."""
    keys = {ask.meter.key for ask in asks}
    rows = LimitLevel.objects.select_for_update().filter(key__in=keys).order_by("key")
    return {row.key: _read(row.state) for row in rows}


def _write(levels: Mapping[str, Level], asks: Sequence[Ask], now: float) -> None:
    rows = [
        LimitLevel(key=key, state=_state(levels[key]), over=_over(levels[key], ask.meter, now))
        for ask in sorted(asks)
        if (key := ask.meter.key) in levels
    ]
    LimitLevel.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["key"], update_fields=["state", "over"]
    )


def _over(level: Level, meter: Meter, now: float) -> datetime:
    match meter.kind:
        case "rate":
            return _time(min(now + level.used / meter.limit * MINUTE, _LATE))
        case "places":
            return _time(now + 2 * LEASE_SECONDS)
        case "budget":
            return _time(max(now, meter.ends) + GRACE_SECONDS)


def _read(state: Mapping[str, Any]) -> Level:
    leases = {name: Lease(*lease) for name, lease in state["leases"].items()}
    soonest = min((lease.until for lease in leases.values()), default=float("inf"))
    held = sum(lease.amount for lease in leases.values())
    return Level(state["used"], state["at"], held, leases, soonest)


def _state(level: Level) -> dict[str, Any]:
    return {"used": level.used, "at": level.at, "leases": level.leases}


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


_EVER = datetime.max.replace(tzinfo=UTC)
_LATE = datetime(9000, 1, 1, tzinfo=UTC).timestamp()
"""Calls that were under way together may owe a small bucket more minutes than the calendar has."""

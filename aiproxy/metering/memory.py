"""The levels one process knows: exact where it is the only one, and what is left where the shared ones are away."""

from __future__ import annotations

import math
from collections.abc import Container, Sequence

from aiproxy.metering import meters
from aiproxy.metering.meters import Ask, Level, Meter


class Memory:
    """For one event loop; nothing here waits. Leases have no end: they die with the process."""

    def __init__(self) -> None:
        self._levels: dict[str, Level] = {}

    def take(self, asks: Sequence[Ask], lease: str, now: float) -> tuple[bool, list[float]]:
        """Whether all fit and were taken, and how much was used of each before."""
        return meters.take([self._of(ask.meter) for ask in asks], asks, lease, now, math.inf)

    def follow(
        self, asks: Sequence[Ask], lease: str, now: float, totals: Sequence[float | None]
    ) -> None:
        """Take what was let through elsewhere. A budget's total, as far as it is known there, is known here from now
        on; a bucket is never more than full, so that a busy worker is not locked out when it is left alone.
        """
        for ask, total in zip(asks, totals, strict=True):
            level = self._of(ask.meter)
            meters.put(level, ask, lease, now, math.inf)
            if ask.meter.kind == "rate":
                level.used = min(level.used, ask.meter.limit)
            elif ask.meter.kind == "budget" and total is not None:
                level.used = max(0.0, total - level.held)

    def settle(self, asks: Sequence[Ask], lease: str, actual: Sequence[int], now: float) -> None:
        for ask, amount in zip(asks, actual, strict=True):
            meters.settle(self._of(ask.meter), ask, lease, amount, now)

    def used(self, meter: Meter, now: float) -> float | None:
        """None for a budget that nobody has told yet."""
        level = self._levels.get(meter.key)
        if level is None:
            return None if meter.kind == "budget" else 0.0
        return meters.used(level, meter, now)

    def knows(self, meter: Meter) -> bool:
        return meter.key in self._levels

    def tell(self, meter: Meter, spent: int) -> None:
        """At least ``spent`` of a budget is paid."""
        level = self._of(meter)
        level.used = max(level.used, spent)

    def keep(self, keys: Container[str]) -> None:
        """Forget all others, but for what calls under way still hold."""
        self._levels = {
            key: level for key, level in self._levels.items() if level.leases or key in keys
        }

    def _of(self, meter: Meter) -> Level:
        level = self._levels.get(meter.key)
        if level is None:
            level = self._levels[meter.key] = Level()
        return level

"""Takes what calls ask of their limits, and gives it back: in this worker's memory, or in the store all workers share.

With a store the worker keeps its own levels warm beside it. When the store is away, each worker decides alone on its
part of what is allowed, and looks at the usage records for what budgets have paid; when it is back, it rules again.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import structlog
from django.db import DatabaseError, InterfaceError

from aiproxy.errors import BudgetUnknown
from aiproxy.gateway import limits
from aiproxy.gateway.refusals import Full
from aiproxy.gateway.ticket import Ticket
from aiproxy.metering import meters
from aiproxy.metering.memory import Memory
from aiproxy.metering.meters import LEASE_SECONDS, Ask, Meter
from aiproxy.metering.store import Store
from aiproxy.state.redis import Unavailable
from aiproxy.state.thread import DatabaseThread
from providers.usage import Usage

log = structlog.get_logger(__name__)

STALE_SECONDS = 5.0
"""How old what a worker knows of a budget may be while it is on its own."""

_UNKNOWN = (
    "The database does not tell what is left of a budget of this account, so nothing may be spent. "
    "The operator should look at it; then send the call again."
)


@dataclass(slots=True)
class Levels:
    """For one event loop. ``workers`` is how many share the limits; ``thread`` reads what budgets have paid."""

    thread: DatabaseThread = field(default_factory=lambda: DatabaseThread("limits"))
    store: Store | None = None
    workers: int = 1
    alone: bool = False
    """Whether the store was away when it was asked last."""
    _memory: Memory = field(default_factory=Memory)
    _open: dict[str, Ticket] = field(default_factory=dict)
    _told: dict[str, float] = field(default_factory=dict)
    """When what a budget has paid was last told to the store, by the key of its meter."""
    _learned: dict[str, float] = field(default_factory=dict)
    """The same for this worker's own memory."""
    _back_since: float = -math.inf
    _owed: deque[tuple[float, Ticket]] = field(default_factory=deque)
    """What has ended, and when, without the store's knowing."""
    _reading: asyncio.Lock = field(default_factory=asyncio.Lock)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def take(self, ticket: Ticket) -> Full | None:
        """None when all that the ticket asks was taken; else nothing was, and this is what refused most."""
        asks: Sequence[Ask] = ticket.asks
        before: Sequence[float]
        alone = False
        if self.store is None:
            await self._learn(ticket)
            fit, before = self._memory.take(asks, ticket.lease, time.time())
        else:
            parts = [self._part(ask) for ask in asks]
            try:
                fit, before = await self._take_shared(self.store, ticket, parts)
            except Unavailable:
                self.alone, asks, alone = True, parts, True
                await self._learn(ticket)
                fit, before = self._memory.take(asks, ticket.lease, time.time())
        if fit:
            self._open[ticket.lease] = ticket
            return None
        now = time.time()
        refusing = (
            Full(part, ask, used, meters.wait(ask, used, now), alone)
            for part, ask, used in zip(ticket.parts, asks, before, strict=True)
            if not meters.fits(ask, used)
        )
        return max(refusing, key=lambda full: full.weight)

    async def settle(self, ticket: Ticket, usage: Usage | None, cost: Decimal | None) -> None:
        """The call used this in the end. Done in the store too even when whoever waits for it leaves."""
        self._open.pop(ticket.lease, None)
        asks = ticket.asks if self.store is None else [self._part(ask) for ask in ticket.asks]
        actual = ticket.actual(usage, cost)
        self._memory.settle(asks, ticket.lease, actual, time.time())
        if self.store is not None:
            await asyncio.shield(self._spawn(self._settle_shared(self.store, ticket, actual)))

    def used(self, meter: Meter) -> float | None:
        """As this worker knows it; None for a budget that it has not needed yet."""
        return self._memory.used(meter, time.time())

    def measure(self, loop: asyncio.AbstractEventLoop) -> limits.Measure:
        """What ``limits.fills`` asks, from any other thread than that of ``loop``."""

        def ask(asked: Sequence[Meter]) -> Sequence[float | None]:
            if self.store is not None:
                future = asyncio.run_coroutine_threadsafe(self.store.used(asked), loop)
                with suppress(Unavailable, TimeoutError):
                    return future.result(1.0)
            return [self.used(meter) for meter in asked]

        return ask

    async def keep(self) -> None:
        """Runs beside the calls: renews what those under way hold, and forgets what is over."""
        while True:
            await asyncio.sleep(LEASE_SECONDS / 3)
            now = datetime.now(UTC)
            known = {g.meter.key for rule in limits.everything() for g in rule.gauges(now)}
            self._memory.keep(known)
            for seen in (self._told, self._learned):
                for key in seen.keys() - known:
                    del seen[key]
            if self.store is None:
                continue
            try:
                await self.renew(self.store)
            except Unavailable:
                continue  # calls find out for themselves
            except Exception as error:  # noqa: BLE001  # whatever it is, the next time may go well
                log.warning("limits.not_renewed", error=type(error).__name__)

    async def renew(self, store: Store) -> None:
        for ticket in list(self._open.values()):
            await store.renew(ticket.asks, ticket.lease)
            if (
                ticket.lease not in self._open
            ):  # it ended meanwhile, and must not hold what it gave back
                await self._let_go(store, ticket)
        await self._make_good(store)
        await store.sweep()

    async def close(self) -> None:
        """Wait for what is still being given back."""
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.thread.close()

    # --- With the store ---

    async def _take_shared(
        self, store: Store, ticket: Ticket, parts: Sequence[Ask]
    ) -> tuple[bool, Sequence[float]]:
        budgets = ticket.budgets
        if budgets and self.alone:
            await store.used(
                [budgets[0].gauge.meter]
            )  # is it back? Then it missed what was used meanwhile
            self.alone, self._back_since = False, time.monotonic()
        paid: dict[str, int] = {}
        if any(self._told.get(p.gauge.meter.key, 0.0) < self._back_since for p in budgets):
            paid = await self._paid(ticket)
        try:
            taken = await store.take(ticket.asks, ticket.lease, paid)
            if taken.untold:
                paid = await self._paid(ticket)
                taken = await store.take(ticket.asks, ticket.lease, paid)
        except asyncio.CancelledError:
            self._spawn(self._let_go(store, ticket))  # it may have been taken
            raise
        if taken.untold:
            raise Unavailable
        self.alone = False
        if self._owed:
            self._spawn(self._make_good(store))
        self._told |= dict.fromkeys(paid, time.monotonic())
        if taken.fit:
            totals = [b + ask.amount for b, ask in zip(taken.before, ticket.asks, strict=True)]
            self._memory.follow(parts, ticket.lease, time.time(), totals)
        return taken.fit, taken.before

    async def _let_go(self, store: Store, ticket: Ticket) -> None:
        with suppress(Unavailable):
            await store.settle(ticket.held, ticket.lease, [0] * len(ticket.held))

    async def _settle_shared(self, store: Store, ticket: Ticket, actual: Sequence[int]) -> None:
        try:
            await store.settle(ticket.asks, ticket.lease, actual)
        except Unavailable:
            self.alone = True
            if ticket.held:
                self._owed.append((time.monotonic(), ticket))
            self._forget_ended()

    async def _make_good(self, store: Store) -> None:
        """Let go in the store of what ended while it was away: else it held places for nobody until its leases end.
        What budgets have paid it is told by the records.
        """
        self._forget_ended()
        while self._owed:
            ended, ticket = self._owed.popleft()
            try:
                await store.settle(ticket.held, ticket.lease, [0] * len(ticket.held))
            except Unavailable:
                self._owed.appendleft((ended, ticket))
                return

    def _forget_ended(self) -> None:
        """Those whose leases have come to their end in the store too."""
        while self._owed and self._owed[0][0] < time.monotonic() - LEASE_SECONDS:
            self._owed.popleft()

    def _part(self, ask: Ask) -> Ask:
        """This worker's part of a rate or a number of places. A budget has no parts."""
        meter = ask.meter
        if meter.kind == "budget":
            return ask
        part = meter.limit / self.workers
        return Ask(
            meter._replace(limit=max(1.0, part) if meter.kind == "places" else part), ask.amount
        )

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    # --- What budgets have paid ---

    async def _learn(self, ticket: Ticket) -> None:
        """Let this worker's memory know the ticket's budgets: at first, and now and then while it is alone."""
        if not self._unsure(ticket):
            return
        async with self._reading:  # one reads, and those who waited find it known
            if not (unsure := self._unsure(ticket)):
                return
            try:
                paid = await self._paid(ticket)
            except BudgetUnknown:
                if all(map(self._memory.knows, unsure)):
                    return  # what is known is better than to stand still
                raise
            for part in ticket.budgets:
                self._memory.tell(part.gauge.meter, paid[part.gauge.meter.key])
            self._learned |= dict.fromkeys(paid, time.monotonic())

    def _unsure(self, ticket: Ticket) -> list[Meter]:
        stale = time.monotonic() - STALE_SECONDS if self.alone else -math.inf
        return [
            meter
            for meter in ticket.budget_meters
            if not self._memory.knows(meter) or self._learned.get(meter.key, -math.inf) < stale
        ]

    async def _paid(self, ticket: Ticket) -> dict[str, int]:
        try:
            return await self.thread.run(_paid, ticket)
        except (DatabaseError, InterfaceError) as error:
            log.warning("limits.budget_unknown", error=type(error).__name__)
            raise BudgetUnknown(_UNKNOWN) from None


def _paid(ticket: Ticket) -> dict[str, int]:
    """What the usage records say of the ticket's budgets, by the keys of their meters."""
    found: dict[str, int] = {}
    for rule in ticket.rules:
        keys = {p.gauge.name: p.gauge.meter.key for p in ticket.budgets if p.rule is rule}
        found |= {keys[name]: paid for name, paid in rule.paid(keys, ticket.at).items()}
    return found

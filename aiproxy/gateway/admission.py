"""Lets calls through as far as their limits allow, makes them wait where that helps, and settles what they used.

One worker decides in its own memory. Several ask the store that they share, and keep their own levels warm beside
it: when it is away, each decides alone on its part of what is allowed, until it is back.
"""

from __future__ import annotations

import asyncio
import itertools
import math
import secrets
import time
from collections.abc import Coroutine, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import structlog
from django.db import DatabaseError, InterfaceError

from aiproxy.errors import BudgetUnknown, Unpriced
from aiproxy.gateway import billing, limits, refusals
from aiproxy.gateway.call import Call, Target
from aiproxy.gateway.limits import Rule
from aiproxy.gateway.lines import LineFull, Lines
from aiproxy.gateway.refusals import Full
from aiproxy.gateway.ticket import Part, Ticket
from aiproxy.metering import meters
from aiproxy.metering.memory import Memory
from aiproxy.metering.meters import LEASE_SECONDS, Ask, Meter
from aiproxy.metering.store import Store
from aiproxy.state.redis import Unavailable
from aiproxy.state.thread import DatabaseThread
from providers.usage import Usage

log = structlog.get_logger(__name__)

LOOK_SECONDS = 0.2
"""How often the first of a line looks whether another worker gave something back."""

STALE_SECONDS = 5.0
"""How old what a worker knows of a budget may be while it is on its own."""

_PROCESS = secrets.token_hex(6)
_numbers = itertools.count()


@dataclass(slots=True)
class Admission:
    """For one event loop. ``workers`` is how many share the limits; ``thread`` reads what budgets have paid."""

    thread: DatabaseThread = field(default_factory=lambda: DatabaseThread("limits"))
    store: Store | None = None
    workers: int = 1
    alone: bool = False
    """Whether the store was away when it was asked last."""
    _memory: Memory = field(default_factory=Memory)
    _lines: Lines = field(default_factory=Lines)
    _open: dict[str, Ticket] = field(default_factory=dict)
    _told: dict[str, float] = field(default_factory=dict)
    """When what a budget has paid was last told to the store, by the key of its meter."""
    _learned: dict[str, float] = field(default_factory=dict)
    """The same for this worker's own memory."""
    _back_since: float = 0.0
    _reading: asyncio.Lock = field(default_factory=asyncio.Lock)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def caller(self, call: Call, targets: Sequence[Target]) -> None:
        """Take what the account and the token limit. Raises LimitReached or BudgetUsedUp."""
        rules = limits.of(call.caller.user_id)
        if rules is None:
            return
        if held := rules.of_caller(call.caller.token_id):
            costs = call.estimate is not None and any(rule.costs_money for rule in held)
            money = (
                max((_price(call, target) or 0 for target in targets), default=0) if costs else 0
            )
            call.ticket = await self._admit(call, held, money, None, patient=True)

    async def target(self, call: Call, target: Target, *, patient: bool) -> None:
        """Take what the target's provider and integration limit, and give back what the one before had.

        ``patient``: it is waited for where the limit says so. Raises TargetLimitReached, TargetBudgetUsedUp or
        Unpriced.
        """
        rules = limits.of(call.caller.user_id)
        if rules is None:
            return
        if call.target_ticket is not None:
            ticket, call.target_ticket = call.target_ticket, None
            await self._settle([ticket], None, None)
        provider = target.connection.provider
        held = rules.of_target(target.connection.id, provider.id)
        of_caller = rules.of_caller(call.caller.token_id)
        money = 0
        if call.estimate is not None and any(rule.costs_money for rule in (*held, *of_caller)):
            money = _known_price(call, target)
        if held:
            call.target_ticket = await self._admit(call, held, money, target, patient=patient)

    async def ended(self, call: Call) -> None:
        """However the call has ended: what it really used replaces what it took."""
        if call.ticket is None and call.target_ticket is None:
            return
        tickets = [ticket for ticket in (call.target_ticket, call.ticket) if ticket is not None]
        call.ticket = call.target_ticket = None
        await self._settle(tickets, call.usage, call.cost)

    async def close(self) -> None:
        """Wait for what is still being given back."""
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.thread.close()

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
            if self.store is not None:
                with suppress(Unavailable):
                    for ticket in list(self._open.values()):
                        await self.store.renew(ticket.asks, ticket.lease)
                    await self.store.sweep()

    def levels(self, loop: asyncio.AbstractEventLoop) -> limits.Levels:
        """What ``limits.fills`` asks, from any other thread than that of ``loop``."""

        def ask(asked: Sequence[Meter]) -> Sequence[float | None]:
            if self.store is not None:
                future = asyncio.run_coroutine_threadsafe(self.store.used(asked), loop)
                with suppress(Unavailable, TimeoutError):
                    return future.result(1.0)
            now = time.time()
            return [self._memory.used(meter, now) for meter in asked]

        return ask

    # --- Taking ---

    async def _admit(
        self, call: Call, rules: Iterable[Rule], money: int, target: Target | None, *, patient: bool
    ) -> Ticket | None:
        ticket = Ticket(f"{_PROCESS}{next(_numbers):x}", _parts(call, rules, money), call.at)
        if not ticket.parts:
            return None
        full: Full | None = None
        ahead = next((r for r in ticket.rules if self._lines.waiting(r.id)), None)
        if not patient or ahead is None:
            full = await self._take(ticket)
            if full is None:
                return ticket
            if not patient or not full.can_wait:
                raise refusals.error(full, target)
        began = time.monotonic()
        try:
            full = await self._wait(ticket, full.part.rule if full else ahead, full)
        finally:
            call.queued_ms += round((time.monotonic() - began) * 1000)
        if full is not None:
            raise refusals.error(full, target)
        return ticket

    async def _wait(self, ticket: Ticket, rule: Rule | None, full: Full | None) -> Full | None:
        """None when it was let through in the end, and what refused it otherwise."""
        assert rule is not None
        began = time.monotonic()
        while True:
            left = began + rule.queue_seconds - time.monotonic()
            try:
                full = await self._stand(ticket, rule, full, left)
            except LineFull:
                return full or self._peek(ticket, rule)
            if full is None or not full.can_wait or full.part.rule is rule:
                return full
            rule = full.part.rule  # another limit is what it must wait for

    async def _stand(
        self, ticket: Ticket, rule: Rule, full: Full | None, seconds: float
    ) -> Full | None:
        """In the line of ``rule``, until it is let through, another limit refuses, or the time is over."""
        end = time.monotonic() + seconds
        with self._lines.place(rule.id) as place:
            while True:
                pause = end - time.monotonic()
                if place.first:
                    full = await self._take(ticket)
                    if full is None or not full.can_wait or full.part.rule is not rule:
                        return full
                    if full.ask.meter.kind == "rate":
                        if full.wait > pause:
                            return full
                        pause = full.wait
                    elif self.store is not None:
                        pause = min(pause, LOOK_SECONDS)
                if end <= time.monotonic():
                    return full or self._peek(ticket, rule)
                await place.wait(pause)

    def _peek(self, ticket: Ticket, rule: Rule) -> Full:
        """What to tell a call that did not come to its turn."""
        now = time.time()
        found = []
        for part, ask in zip(ticket.parts, ticket.asks, strict=True):
            if part.rule is rule and ask.meter.kind != "budget":
                used = self._memory.used(ask.meter, now) or 0.0
                found.append(Full(part, ask, used, max(1.0, meters.wait(ask, used, now))))
        return max(found, key=lambda full: full.used / full.ask.meter.limit)

    async def _take(self, ticket: Ticket) -> Full | None:
        """None when all was taken."""
        asks, alone = ticket.asks, False
        if self.store is None:
            await self._learn(ticket)
            fit, before = self._memory.take(asks, ticket.lease, time.time())
        else:
            part = [self._part(ask) for ask in asks]
            try:
                fit, before = await self._take_shared(self.store, ticket, part)
            except Unavailable:
                self.alone, asks, alone = True, part, True
                await self._learn(ticket)
                fit, before = self._memory.take(asks, ticket.lease, time.time())
        if fit:
            self._open[ticket.lease] = ticket
            return None
        now = time.time()
        return max(
            (
                Full(part, ask, used, meters.wait(ask, used, now), alone)
                for part, ask, used in zip(ticket.parts, asks, before, strict=True)
                if not meters.fits(ask, used)
            ),
            key=lambda full: full.weight,
        )

    async def _take_shared(
        self, store: Store, ticket: Ticket, part: Sequence[Ask]
    ) -> tuple[bool, Sequence[float]]:
        budgets = ticket.budgets
        if budgets and self.alone:
            await store.used(
                []
            )  # whether it is back: then it may have missed what was used meanwhile
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
            nothing = [0] * len(ticket.asks)
            self._spawn(self._settle_shared(store, ticket, nothing))
            raise
        if taken.untold:
            raise Unavailable
        self.alone = False
        self._told |= dict.fromkeys(paid, time.monotonic())
        if taken.fit:
            totals = [b + ask.amount for b, ask in zip(taken.before, ticket.asks, strict=True)]
            self._memory.follow(part, ticket.lease, time.time(), totals)
        return taken.fit, taken.before

    def _part(self, ask: Ask) -> Ask:
        """This worker's part of a rate or a number of places. A budget has no parts."""
        meter = ask.meter
        if meter.kind == "budget":
            return ask
        part = meter.limit / self.workers
        return Ask(
            meter._replace(limit=max(1.0, part) if meter.kind == "places" else part), ask.amount
        )

    # --- What budgets have paid ---

    async def _learn(self, ticket: Ticket) -> None:
        """Let this worker's memory know of the ticket's budgets: at first, and now and then while it is alone."""
        if not self._unsure(ticket):
            return
        async with self._reading:  # one reads, and those who waited find it known
            if not (unsure := self._unsure(ticket)):
                return
            try:
                paid = await self.thread.run(_read, ticket)
            except (DatabaseError, InterfaceError):
                if all(map(self._memory.knows, unsure)):
                    return  # what is known is better than to stand still
                raise BudgetUnknown(_UNKNOWN) from None
            for part in ticket.budgets:
                self._memory.tell(part.gauge.meter, paid[part.gauge.meter.key])
            self._learned |= dict.fromkeys(paid, time.monotonic())

    def _unsure(self, ticket: Ticket) -> list[Meter]:
        stale = time.monotonic() - STALE_SECONDS if self.alone else -math.inf
        found = [part.gauge.meter for part in ticket.budgets]
        return [
            meter
            for meter in found
            if not self._memory.knows(meter) or self._learned.get(meter.key, -math.inf) < stale
        ]

    async def _paid(self, ticket: Ticket) -> dict[str, int]:
        try:
            return await self.thread.run(_read, ticket)
        except (DatabaseError, InterfaceError):
            raise BudgetUnknown(_UNKNOWN) from None

    # --- Giving back ---

    async def _settle(
        self, tickets: Sequence[Ticket], usage: Usage | None, cost: Decimal | None
    ) -> None:
        """At once in this worker's memory, and in the store even when the caller does not wait for it."""
        now = time.time()
        for ticket in tickets:
            self._open.pop(ticket.lease, None)
            asks = ticket.asks if self.store is None else [self._part(ask) for ask in ticket.asks]
            actual = ticket.actual(usage, cost)
            self._memory.settle(asks, ticket.lease, actual, now)
            self._lines.wake(rule.id for rule in ticket.rules)
        if self.store is not None:
            for ticket in tickets:
                actual = ticket.actual(usage, cost)
                task = self._spawn(self._settle_shared(self.store, ticket, actual))
                await asyncio.shield(task)

    async def _settle_shared(self, store: Store, ticket: Ticket, actual: Sequence[int]) -> None:
        try:
            await store.settle(ticket.asks, ticket.lease, actual)
        except Unavailable:
            self.alone = True
            return
        self._lines.wake(rule.id for rule in ticket.rules)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


_UNKNOWN = (
    "The database does not tell what is left of a budget of this account, so nothing may be spent. "
    "The operator should look at it; then send the call again."
)


def _parts(call: Call, rules: Iterable[Rule], money: int) -> list[Part]:
    """What the call asks of each field of ``rules``. Counting tokens uses none, so it is a request and no more."""
    estimate = call.estimate
    amounts = {"requests": 1}
    if estimate is not None:
        amounts |= {"tokens": estimate.total, "calls at once": 1, "dollars": money}
    return [
        Part(rule, gauge, amounts[gauge.what.unit])
        for rule in rules
        for gauge in rule.gauges(call.at)
        if gauge.what.unit in amounts
    ]


def _price(call: Call, target: Target) -> int | None:
    """What the call may cost there, in nano-dollars; None when nobody knows."""
    assert call.estimate is not None
    cost, _ = billing.price(target, "", Usage(*call.estimate), call.at)
    return None if cost is None else limits.nano(cost)


def _known_price(call: Call, target: Target) -> int:
    money = _price(call, target)
    if money is None:
        raise Unpriced(
            f"The price of {target.model} is not known, so it cannot be held to the budget in US dollars that "
            "limits this call. An administrator can enter the price under Added providers; or use a priced model.",
            provider=target.connection.provider.id,
        )
    return money


def _read(ticket: Ticket) -> dict[str, int]:
    """What the usage records say of the ticket's budgets, by the keys of their meters."""
    found: dict[str, int] = {}
    for rule in ticket.rules:
        keys = {p.gauge.name: p.gauge.meter.key for p in ticket.budgets if p.rule is rule}
        found |= {keys[name]: paid for name, paid in rule.paid(keys, ticket.at).items()}
    return found

"""Lets calls through as far as their limits allow, makes them wait where that helps, and settles what they used."""

from __future__ import annotations

import itertools
import secrets
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from aiproxy.errors import Unpriced
from aiproxy.gateway import billing, limits, refusals
from aiproxy.gateway.call import Call, Target
from aiproxy.gateway.levels import Levels
from aiproxy.gateway.limits import Rule
from aiproxy.gateway.lines import LineFull, Lines
from aiproxy.gateway.refusals import Full
from aiproxy.gateway.ticket import Part, Ticket
from aiproxy.metering import meters
from providers.usage import Usage

LOOK_SECONDS = 0.2
"""How often the first of a line looks whether another worker gave something back."""

_PROCESS = secrets.token_hex(6)
_numbers = itertools.count()


@dataclass(slots=True)
class Admission:
    """For one event loop."""

    levels: Levels = field(default_factory=Levels)
    _lines: Lines = field(default_factory=Lines)

    async def caller(
        self, call: Call, targets: Sequence[Target], most: Callable[[], Usage | None]
    ) -> None:
        """Take what the account and the token limit. ``most`` tells what the call may use; None is no tokens at all.
        Raises LimitReached or BudgetUsedUp.
        """
        rules = limits.of(call.caller.user_id)
        if rules is None:
            return
        call.estimate = most()
        held = rules.of_caller(call.caller.token_id)
        if held:
            money = 0
            if _costs(call, held):
                money = max((_price(call, target) or 0 for target in targets), default=0)
            call.ticket = await self._admit(call, held, money, None, patient=True)

    async def target(self, call: Call, target: Target, *, patient: bool) -> None:
        """Take what the target's provider and integration limit, and give back what the one before had.

        ``patient``: it is waited for where the limit says so. Raises TargetLimitReached, TargetBudgetUsedUp or
        Unpriced.
        """
        rules = limits.of(call.caller.user_id)
        if rules is None:
            return
        ticket, call.target_ticket = call.target_ticket, None
        if ticket is not None:
            await self._settle(ticket)
        held = rules.of_target(target.connection.id, target.connection.provider.id)
        money = 0
        if _costs(call, held + rules.of_caller(call.caller.token_id)):
            money = _known_price(call, target)
        if held:
            call.target_ticket = await self._admit(call, held, money, target, patient=patient)

    async def ended(self, call: Call) -> None:
        """However the call has ended: what it really used replaces what it took."""
        ticket, of_target = call.ticket, call.target_ticket
        call.ticket = call.target_ticket = None
        try:
            if of_target is not None:
                await self._settle(of_target, call)
        finally:
            if ticket is not None:
                await self._settle(ticket, call)

    async def _settle(self, ticket: Ticket, call: Call | None = None) -> None:
        """Without a call nothing was used."""
        try:
            usage, cost = (call.usage, call.cost) if call else (None, None)
            if call is not None and call.unread:
                usage = call.estimate
            await self.levels.settle(ticket, usage, cost)
        finally:
            self._lines.wake(rule.id for rule in ticket.rules)

    async def _admit(
        self, call: Call, rules: Iterable[Rule], money: int, target: Target | None, *, patient: bool
    ) -> Ticket | None:
        ticket = Ticket(f"{_PROCESS}{next(_numbers):x}", _parts(call, rules, money), call.at)
        if not ticket.parts:
            return None
        line = (
            next((r for r in ticket.rules if self._lines.waiting(r.id)), None) if patient else None
        )
        full = None
        if line is None:
            full = await self.levels.take(ticket)
            if full is None:
                return ticket
            if not patient or not full.can_wait:
                raise refusals.error(full, target)
            line = full.part.rule
        began = time.monotonic()
        try:
            full = await self._wait(ticket, line, full, call.until)
        finally:
            call.queued_ms += round((time.monotonic() - began) * 1000)
        if full is not None:
            raise refusals.error(full, target)
        return ticket

    async def _wait(
        self, ticket: Ticket, rule: Rule, full: Full | None, until: float
    ) -> Full | None:
        """None when it was let through in the end, and what refused it otherwise."""
        began = time.monotonic()
        while True:
            end = min(until, began + rule.queue_seconds)
            try:
                full = await self._stand(ticket, rule, full, end)
            except LineFull:
                return full or self._peek(ticket, rule)
            if full is None or not full.can_wait or full.part.rule is rule:
                return full
            rule = full.part.rule  # another limit is what it must wait for

    async def _stand(
        self, ticket: Ticket, rule: Rule, full: Full | None, end: float
    ) -> Full | None:
        """In the line of ``rule``, until it is let through, another limit refuses, or the time is over."""
        with self._lines.place(rule.id) as place:
            while True:
                pause = end - time.monotonic()
                if place.first:
                    full = await self.levels.take(ticket)
                    if full is None or not full.can_wait or full.part.rule is not rule:
                        return full
                    if full.ask.meter.kind == "rate":
                        if full.wait > pause:
                            return full
                        pause = full.wait
                    elif self.levels.store is not None:
                        pause = min(pause, LOOK_SECONDS)
                if time.monotonic() >= end:
                    return full or self._peek(ticket, rule)
                await place.wait(pause)

    def _peek(self, ticket: Ticket, rule: Rule) -> Full:
        """What to tell a call whose turn did not come."""
        now = time.time()
        found = []
        for part, ask in zip(ticket.parts, ticket.asks, strict=True):
            if part.rule is rule:
                used = self.levels.used(ask.meter) or 0.0
                found.append(Full(part, ask, used, max(1.0, meters.wait(ask, used, now))))
        return max(found, key=lambda full: (full.can_wait, full.used / full.ask.meter.limit))


def _parts(call: Call, rules: Iterable[Rule], money: int) -> list[Part]:
    """What the call asks of each field of ``rules``. Counting tokens uses none, so it is a request and no more."""
    amounts: dict[str, int] = {"requests": 1}
    if call.estimate is not None:
        tokens = call.estimate.total_tokens
        amounts |= {"tokens": tokens, "calls at once": 1, "dollars": money}
    return [
        Part(rule, gauge, amounts[gauge.what.unit])
        for rule in rules
        for gauge in rule.gauges(call.at)
        if gauge.what.unit in amounts
    ]


def _costs(call: Call, rules: Iterable[Rule]) -> bool:
    """Whether the call's price matters."""
    return call.estimate is not None and any(rule.costs_money for rule in rules)


def _price(call: Call, target: Target) -> int | None:
    """What the call may cost there, in nano-dollars; None when nobody knows."""
    assert call.estimate is not None
    cost, _ = billing.price(target, target.model, call.estimate, call.at)
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

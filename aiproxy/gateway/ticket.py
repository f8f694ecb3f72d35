"""What a call has taken of the limits that hold for it, until it ends."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from aiproxy.gateway.limits import Gauge, Rule, Unit, nano
from aiproxy.metering.meters import Ask, Meter
from providers.usage import Usage

MOST_OF_ONE = 10**9
"""Tokens. No call uses more, whatever its caller asks or its provider says, and no more money than MOST_MONEY: larger
numbers leave what the stores of limits can reckon with.
"""
MOST_MONEY = Decimal(10**6)


class Part(NamedTuple):
    """One field of one limit, and how much the call asks of it."""

    rule: Rule
    gauge: Gauge
    amount: int


class Ticket:
    """``lease`` is a name that no other ticket of any worker has; ``at`` is when the call came, in whose
    periods its budgets are."""

    def __init__(self, lease: str, parts: Sequence[Part], at: datetime) -> None:
        self.lease = lease
        self.parts = parts
        self.at = at
        self.asks = [Ask(part.gauge.meter, part.amount) for part in parts]

    @property
    def budgets(self) -> list[Part]:
        return [part for part in self.parts if part.gauge.what.kind == "budget"]

    @property
    def budget_meters(self) -> list[Meter]:
        return [ask.meter for ask in self.asks if ask.meter.kind == "budget"]

    @property
    def held(self) -> list[Ask]:
        """What ends with its lease, too."""
        return [ask for ask in self.asks if ask.meter.kind != "rate"]

    @property
    def rules(self) -> list[Rule]:
        """Each once."""
        return list({part.rule.id: part.rule for part in self.parts}.values())

    def actual(self, usage: Usage | None, cost: Decimal | None) -> list[int]:
        """What the call has used in the end, for each part. A cost that nobody knows is what was asked."""
        return [self._actual(part, usage, cost) for part in self.parts]

    @staticmethod
    def _actual(part: Part, usage: Usage | None, cost: Decimal | None) -> int:
        unit: Unit = part.gauge.what.unit
        if unit == "requests":
            return part.amount
        if usage is None or unit == "calls at once":
            return 0
        if unit == "tokens":
            return min(MOST_OF_ONE, usage.total_tokens)
        return part.amount if cost is None else nano(min(MOST_MONEY, cost))

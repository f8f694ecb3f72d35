"""What a refused call is told: which limit, how full it is, and when it frees."""

from __future__ import annotations

import math
from typing import NamedTuple

from aiproxy.errors import BudgetUsedUp, LimitReached, TargetBudgetUsedUp, TargetLimitReached
from aiproxy.gateway.call import Target
from aiproxy.gateway.limits import NANO, counted
from aiproxy.gateway.ticket import Part
from aiproxy.metering.meters import Ask
from providers.errors import CallError


class Full(NamedTuple):
    """The meter that refused, of which ``used`` was used. ``wait`` is in seconds. ``alone``: the workers could not
    reach what they share, so ``ask`` is of this one's part of the limit.
    """

    part: Part
    ask: Ask
    used: float
    wait: float
    alone: bool = False

    @property
    def can_wait(self) -> bool:
        """Whether the limit lets calls wait, and it is of a kind that frees soon."""
        return self.part.gauge.what.kind != "budget" and self.part.rule.queue_seconds > 0

    @property
    def weight(self) -> tuple[bool, bool, float]:
        """Of several that refuse, the heaviest decides: a budget, then what cannot be waited for, then the longest."""
        return self.part.gauge.what.kind == "budget", not self.can_wait, self.wait


def error(full: Full, target: Target | None) -> CallError:
    """``target`` is whose limit it is, None for the account's and the token's."""
    provider = target.connection.provider.id if target else None
    told = f"{_fullness(full)} It frees in {_time(full.wait)}.{_note(full)}"
    if full.part.gauge.what.kind == "budget":
        budget = TargetBudgetUsedUp if target else BudgetUsedUp
        return budget(told, retry_after=math.ceil(full.wait), provider=provider)
    limit = TargetLimitReached if target else LimitReached
    return limit(told, retry_after=math.ceil(full.wait), provider=provider)


def _fullness(full: Full) -> str:
    rule, what = full.part.rule, full.part.gauge.what
    limit = _amount(full, full.ask.meter.limit)
    name = f"{limit} {_unit(full)}{f' a {what.period}' if what.period else ''} for {rule.label}"
    used = f"{_amount(full, full.used)} of {limit}"
    if what.kind == "places":
        return f"The limit of {name} is reached: {used} are under way."
    if what.kind == "rate":
        return f"The limit of {name} is reached: {used} are used."
    return (
        f"The budget of {name} has no room for this call: {used} are used or held for calls under way, and this one "
        f"may need {_amount(full, full.ask.amount)}."
    )


def _note(full: Full) -> str:
    notes = []
    if full.part.gauge.what.kind == "budget":
        notes.append(" A smaller max_tokens needs less.")
    if full.part.rule.by_operator:
        notes.append(" An administrator of this server has set it.")
    if full.alone:
        notes.append(
            " The workers of this server cannot reach what they share at the moment, so each allows its part only."
        )
    return "".join(notes)


def _unit(full: Full) -> str:
    unit = full.part.gauge.what.unit
    if unit == "dollars":
        return "US dollars"
    return _ONE[unit] if _amount(full, full.ask.meter.limit) == "1" else unit


_ONE = {"requests": "request", "tokens": "token", "calls at once": "call at once"}


def _amount(full: Full, amount: float) -> str:
    shown = counted(full.part.gauge.what, amount)
    if isinstance(shown, int):
        return f"{shown:,}"
    text = f"{shown:,.9f}".rstrip("0")
    whole, _, cents = text.partition(".")
    return f"{whole}.{cents:0<2}" if amount >= 1 / NANO else "0.00"


def _time(seconds: float) -> str:
    for size, name in ((86_400, "days"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{round(seconds / size)} {name}"
    return f"{max(1, round(seconds))} s"

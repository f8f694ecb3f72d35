"""One call's attempts: each target behind its breaker, tried again where that is safe, then the next target."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from aiproxy.errors import BreakerOpen
from aiproxy.gateway import retry
from aiproxy.gateway.breaker import Breakers, verdict
from aiproxy.gateway.call import Call, Target
from providers.errors import CallError

T = TypeVar("T")
Once = Callable[[Target], Awaitable[T]]


@dataclass(slots=True)
class Guards:
    """What keeps a provider's trouble from becoming worse; shared by all calls of one process."""

    breakers: Breakers = field(default_factory=Breakers)
    budget: retry.Budget = field(default_factory=retry.Budget)
    policy: retry.Policy = field(default_factory=retry.Policy)


async def first_good(guards: Guards, call: Call, targets: Sequence[Target], once: Once[T]) -> T:
    """What ``once`` gives for the first of ``targets`` that answers, each noted on ``call`` as it is tried.

    Where there is another target to go to, none is waited for. Raises the last error, and at once one that no
    other provider would spare the caller.
    """
    impatient = replace(guards.policy, attempts=1)
    for target in targets[:-1]:
        try:
            return await _at(guards, call, target, once, impatient)
        except CallError as error:
            if not error.fall_back:
                raise
    return await _at(guards, call, targets[-1], once, guards.policy)


async def _at(guards: Guards, call: Call, target: Target, once: Once[T], policy: retry.Policy) -> T:
    call.target = target
    breaker = guards.breakers.of(target.connection.id)
    if not breaker.allows(time.monotonic()):
        wait = breaker.wait(time.monotonic())
        raise BreakerOpen(
            f"The integration {target.connection.name!r} failed several times in a row and is left alone for "
            f"{wait:.0f} s. Try again then, or name another one.",
            retry_after=wait,
            provider=target.connection.provider.id,
        )
    before, call.spent = call.spent, True
    try:
        return await retry.attempt(lambda: once(target), policy, guards.budget)
    except BaseException as error:
        call.spent = before or retry.may_have_run(error)
        verdict(breaker, error, time.monotonic())
        raise

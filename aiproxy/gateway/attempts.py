"""One call's attempts: each target behind its breaker, tried again where that is safe, then the next target."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from aiproxy.errors import BreakerOpen, Paused
from aiproxy.gateway import retry
from aiproxy.gateway.admission import Admission
from aiproxy.gateway.breaker import Breakers, verdict
from aiproxy.gateway.call import Attempt, Call, Target
from integrations import policy
from integrations.policy import CallPolicy
from providers.errors import CallError, RateLimited

T = TypeVar("T")
Once = Callable[[Target], Awaitable[T]]


@dataclass(slots=True)
class Guards:
    """What keeps a provider's trouble from becoming worse; shared by all calls of one process. ``policy`` holds for
    integrations whose owner has set none.
    """

    breakers: Breakers = field(default_factory=Breakers)
    budget: retry.Budget = field(default_factory=retry.Budget)
    policy: CallPolicy = policy.USUAL
    limits: Admission = field(default_factory=Admission)

    def policy_of(self, target: Target) -> CallPolicy:
        own = target.connection.policy
        return self.policy if own is policy.USUAL else own

    def may_call(self, target: Target) -> bool:
        return not self.breakers.paused(target.connection.id, target.model)


async def first_good(
    guards: Guards, call: Call, targets: Sequence[Target], once: Once[T], *, again: bool = True
) -> T:
    """What ``once`` gives for the first of ``targets`` that answers, each noted on ``call`` as it is tried.

    Where there is another target to go to, none is waited for; without ``again`` none is asked twice in any case.
    No attempt begins when ``call.until`` has come.
    Raises the last error, and at once one that no other provider would spare the caller.
    """
    failure: CallError | None = None
    for place, target in enumerate(targets, 1):
        if failure is not None and not _worth_trying(guards, call, target):
            continue
        call.place = place
        elsewhere = any(guards.may_call(other) for other in targets[place:])
        attempts = 1 if elsewhere or not again else None
        try:
            return await _at(guards, call, target, once, attempts, patient=not elsewhere)
        except CallError as error:
            if not error.fall_back:
                raise
            failure, call.fell = error, error.code
    assert failure is not None
    raise failure


def _worth_trying(guards: Guards, call: Call, target: Target) -> bool:
    """Of one that is left alone, only the first says so: an error that came of a call tells more."""
    return time.monotonic() < call.until and guards.may_call(target)


async def _at(
    guards: Guards,
    call: Call,
    target: Target,
    once: Once[T],
    attempts: int | None,
    *,
    patient: bool,
) -> T:
    call.target = target
    _check_rest(guards, target)
    breaker = guards.breakers.of(target.connection.id)
    if not breaker.wait(time.monotonic()):
        await guards.limits.target(call, target, patient=patient)
    if not breaker.allows(time.monotonic()):
        wait = breaker.wait(time.monotonic())
        raise BreakerOpen(
            f"The integration {target.connection.name!r} failed several times in a row and is left alone for "
            f"{wait:.0f} s. Try again then, or name another one.",
            retry_after=wait,
            provider=target.connection.provider.id,
        )
    before, call.spent = call.spent, True

    async def noted() -> T:
        began = time.monotonic()
        try:
            answer = await once(target)
        except BaseException as error:
            call.tried.append(Attempt(target, began, time.monotonic(), error))
            raise
        call.tried.append(Attempt(target, began, time.monotonic()))
        return answer

    try:
        return await retry.attempt(
            noted,
            guards.policy_of(target),
            guards.budget,
            attempts=attempts,
            until=call.until,
        )
    except BaseException as error:
        call.spent = before or retry.may_have_run(error)
        verdict(breaker, error, time.monotonic())
        if isinstance(error, RateLimited):
            _rest(guards, target, error.retry_after or 0.0)
        raise


def _rest(guards: Guards, target: Target, seconds: float) -> None:
    """What the provider asks for, unless it is so little that a retry waits for it."""
    if seconds > guards.policy_of(target).max_wait:
        guards.breakers.rest(target.connection.id, target.model, seconds)


def _check_rest(guards: Guards, target: Target) -> None:
    """Raises Paused while the provider does not want to hear of this integration."""
    if rest := guards.breakers.resting(target.connection.id, target.model):
        raise Paused(
            f"The provider of the integration {target.connection.name!r} has asked for fewer calls of {target.model!r} "
            f"and is left alone with it for {rest:.0f} s. Try again then, or name another model or integration.",
            retry_after=rest,
            provider=target.connection.provider.id,
        )

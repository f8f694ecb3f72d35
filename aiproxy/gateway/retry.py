"""Which failed attempt is tried again, how often and after how long. Pure, but for the tenacity loop itself.

Never one whose answer may be lost: a request that was sent over a connection that then broke, or timed out, may
have been carried out and billed. A provider's refusal (429, 5xx) proves that nothing came of it.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from tenacity import AsyncRetrying, RetryCallState

from integrations.policy import CallPolicy
from providers.errors import (
    CallError,
    CallTimeout,
    ContentBlocked,
    NetworkError,
    Overloaded,
    RateLimited,
    ServerError,
)

T = TypeVar("T")


class Budget:
    """Limits retries to a share of the calls, so that a provider's bad minute is not made worse.

    Each call earns ``share`` of a retry; ``least`` of them are always there, for a server with few calls.
    """

    def __init__(self, share: float = 0.2, least: float = 3.0, most: float = 100.0) -> None:
        self.share = share
        self.most = most
        self.saved = least

    def earn(self) -> None:
        self.saved = min(self.most, self.saved + self.share)

    def spend(self) -> bool:
        """Whether one more retry may be made; if so it is counted."""
        if self.saved < 1:
            return False
        self.saved -= 1
        return True


def is_safe(error: BaseException) -> bool:
    """Whether the same request may be sent again without doing or billing the work twice."""
    match error:
        case NetworkError() | CallTimeout():
            return error.retryable and not error.sent
        case RateLimited() | Overloaded():
            return True
        case ServerError():  # an answer of 200 that is nonsense may have been worked for, and billed
            return error.retryable and (error.upstream_status or 0) >= 500
        case _:
            return False


def may_have_run(error: BaseException) -> bool:
    """Whether a provider may have done the work of a call that ended so. Most refusals prove that it has not."""
    if not isinstance(error, CallError):
        return True
    return error.sent and (error.status >= 500 or isinstance(error, ContentBlocked))


def worth_it(error: BaseException, policy: CallPolicy) -> bool:
    """Whether to try again: it is safe, the integration's owner wants it, and the provider does not want us to wait
    longer than we would.
    """
    if not isinstance(error, CallError) or not is_safe(error):
        return False
    return error.code in policy.retry_on and (error.retry_after or 0) <= policy.max_wait


def pause(error: BaseException, number: int, policy: CallPolicy, chance: float) -> float:
    """Seconds to wait after the ``number``-th attempt (from 1), with ``chance`` between 0 and 1: full jitter, but
    never less than the provider asked for.
    """
    backoff = chance * min(policy.max_wait, policy.multiplier * 2.0**number)
    return max(backoff, getattr(error, "retry_after", None) or 0.0)


async def attempt(
    once: Callable[[], Awaitable[T]],
    policy: CallPolicy,
    budget: Budget,
    *,
    attempts: int | None = None,
    until: float = math.inf,
) -> T:
    """What ``once`` gives, tried again where that is right: up to ``attempts`` times, as ``policy`` says where that
    is None, and none begun after ``until``. Raises its last error.

    The first attempt goes without tenacity, whose loop costs as much as a tenth of a call.
    """
    most = policy.attempts if attempts is None else attempts
    budget.earn()
    try:
        return await once()
    except CallError as error:
        if most < 2 or not worth_it(error, policy):
            raise
        failed: CallError | None = error

    async def again() -> T:
        """The first time it fails as the attempt already made did, so that the loop counts and waits from there."""
        nonlocal failed
        if failed is not None:
            error, failed = failed, None
            raise error
        return await once()

    def go_on(state: RetryCallState) -> bool:
        error = _error(state)
        if error is None or state.attempt_number >= most:
            return False
        return worth_it(error, policy) and budget.spend()

    def wait(state: RetryCallState) -> float:
        error = _error(state)
        return pause(error, state.attempt_number, policy, random.random()) if error else 0.0

    def too_late(state: RetryCallState) -> bool:
        return time.monotonic() + state.upcoming_sleep >= until

    return await AsyncRetrying(retry=go_on, wait=wait, stop=too_late, reraise=True)(again)


def _error(state: RetryCallState) -> BaseException | None:
    return state.outcome.exception() if state.outcome else None

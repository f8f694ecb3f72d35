from __future__ import annotations

import pytest

from aiproxy.gateway.retry import Budget, attempt, is_safe, may_have_run, pause, worth_it
from integrations.policy import CallPolicy
from providers.errors import (
    AuthFailed,
    CallError,
    CallTimeout,
    ConnectFailed,
    ConnectTimedOut,
    ContentBlocked,
    InvalidRequest,
    NetworkError,
    Overloaded,
    QuotaExceeded,
    RateLimited,
    ServerError,
    StreamCut,
)

QUICK = CallPolicy(attempts=3, multiplier=0.0001, max_wait=0.01)


class Attempts:
    """Fails with the given errors one after the other, then succeeds."""

    def __init__(self, *errors: CallError) -> None:
        self.errors = list(errors)
        self.made = 0

    async def __call__(self) -> str:
        self.made += 1
        if self.errors:
            raise self.errors.pop(0)
        return "answer"


@pytest.mark.parametrize("error", [RateLimited, Overloaded, ConnectFailed, ConnectTimedOut])
def test_what_proves_that_nothing_ran_may_be_repeated(error):
    assert is_safe(error("x"))


def test_a_refusal_by_status_may_be_repeated_but_nonsense_with_200_not():
    assert is_safe(ServerError("x", upstream_status=500))
    assert not is_safe(ServerError("x", upstream_status=200))
    assert not is_safe(ServerError("x"))


@pytest.mark.parametrize("error", [NetworkError, StreamCut, CallTimeout])
def test_a_request_whose_answer_may_be_lost_is_not_repeated(error):
    assert not is_safe(error("x"))


@pytest.mark.parametrize("error", [AuthFailed, InvalidRequest, QuotaExceeded])
def test_what_would_fail_again_is_not_repeated(error):
    assert not is_safe(error("x"))


def test_a_fault_of_ours_is_not_repeated():
    assert not is_safe(RuntimeError())


@pytest.mark.parametrize(
    "error",
    [
        NetworkError("x"),
        CallTimeout("x"),
        StreamCut("x"),
        ServerError("x"),
        ContentBlocked("x"),
        RuntimeError(),
    ],
)
def test_what_may_have_been_carried_out_is_known(error):
    assert may_have_run(error)


@pytest.mark.parametrize(
    "error",
    [ConnectFailed, ConnectTimedOut, AuthFailed, RateLimited, QuotaExceeded, InvalidRequest],
)
def test_what_was_refused_or_never_sent_was_not_carried_out(error):
    assert not may_have_run(error("x"))


def test_a_provider_that_wants_a_long_wait_is_not_waited_for():
    assert worth_it(RateLimited("x", retry_after=8), CallPolicy())
    assert not worth_it(RateLimited("x", retry_after=20), CallPolicy())


def test_the_wait_doubles_up_to_its_limit_and_never_undercuts_the_provider():
    waits = [
        pause(ServerError("x"), n, CallPolicy(multiplier=1, max_wait=5), 1.0) for n in (1, 2, 3)
    ]
    assert waits == [2, 4, 5]
    assert pause(RateLimited("x", retry_after=3), 1, CallPolicy(multiplier=1), 0.0) == 3


async def test_a_failed_attempt_is_made_again():
    once = Attempts(Overloaded("x"), RateLimited("y"))
    assert await attempt(once, QUICK, Budget()) == "answer"
    assert once.made == 3


async def test_the_last_error_comes_out_when_the_attempts_are_used_up():
    once = Attempts(*(RateLimited(str(n)) for n in range(5)))
    with pytest.raises(RateLimited, match="2"):
        await attempt(once, QUICK, Budget())
    assert once.made == 3


async def test_a_second_error_that_is_not_safe_ends_it():
    once = Attempts(Overloaded("x"), AuthFailed("y"))
    with pytest.raises(AuthFailed):
        await attempt(once, QUICK, Budget())
    assert once.made == 2


async def test_one_attempt_means_no_second():
    once = Attempts(Overloaded("x"))
    with pytest.raises(ServerError):
        await attempt(once, CallPolicy(attempts=1), Budget())


async def test_retries_stay_within_their_share_of_the_calls():
    budget = Budget(share=0.2, least=3)
    made = 0
    for _ in range(100):
        once = Attempts(*(Overloaded("x") for _ in range(3)))
        with pytest.raises(ServerError):
            await attempt(once, QUICK, budget)
        made += once.made
    assert made <= 100 + 100 * 0.2 + 3

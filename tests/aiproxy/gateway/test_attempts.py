"""From one target to the next, with targets that do what they are told and no network."""

from __future__ import annotations

import time
from typing import Any

import pytest

from aiproxy.errors import BreakerOpen, OutOfTime
from aiproxy.gateway.attempts import Guards, first_good
from integrations.policy import CallPolicy
from providers.errors import AuthFailed, CallError, InvalidRequest, RateLimited, ServerError
from tests.aiproxy.gateway.test_order import make_target

QUICK: dict[str, Any] = {"multiplier": 0.0001, "max_wait": 0.01}


def broken(message: str = "x") -> ServerError:
    return ServerError(message, upstream_status=500)


class Upstreams:
    """What the providers do, by name: an error is raised, all else is answered. ``asked`` is who was, in order."""

    def __init__(self, **answers: CallError | None) -> None:
        self.answers = answers
        self.asked: list[str] = []

    async def __call__(self, target) -> str:
        name = target.connection.provider.id
        self.asked.append(name)
        if error := self.answers.get(name):
            raise error
        return name


def targets(*names: str, **policy):
    return [make_target(name, **(QUICK | policy)) for name in names]


@pytest.fixture
def guards():
    return Guards(policy=CallPolicy(**QUICK))


async def test_only_the_last_target_is_tried_again(guards, call):
    upstreams = Upstreams(a=broken(), b=broken())
    with pytest.raises(ServerError):
        await first_good(guards, call, targets("a", "b"), upstreams)
    assert upstreams.asked == ["a", "b", "b", "b"]


async def test_the_call_knows_who_answered_and_what_led_there(guards, call):
    upstreams = Upstreams(a=RateLimited("x"), b=AuthFailed("x"))
    assert await first_good(guards, call, targets(*"abc"), upstreams) == "c"
    assert (call.place, call.fell, call.target.connection.provider.id) == (3, "auth_failed", "c")


async def test_what_no_other_would_do_better_is_told_at_once(guards, call):
    upstreams = Upstreams(a=InvalidRequest("x"))
    with pytest.raises(InvalidRequest):
        await first_good(guards, call, targets("a", "b"), upstreams)
    assert upstreams.asked == ["a"]


async def test_owner_decides_how_often_is_tried(guards, call):
    upstreams = Upstreams(a=broken())
    with pytest.raises(ServerError):
        await first_good(guards, call, targets("a", attempts=2), upstreams)
    assert upstreams.asked == ["a", "a"]


@pytest.mark.parametrize(("error", "attempts"), [(broken(), 1), (RateLimited("x"), 3)])
async def test_owner_decides_what_is_tried_again(guards, call, error, attempts):
    upstreams = Upstreams(a=error)
    only = targets("a", retry_on=frozenset({"rate_limit"}))
    with pytest.raises(type(error)):
        await first_good(guards, call, only, upstreams)
    assert len(upstreams.asked) == attempts


async def test_owner_decides_for_how_long_a_provider_is_waited_for(guards, call):
    upstreams = Upstreams(a=RateLimited("x", retry_after=0.02))
    with pytest.raises(RateLimited):
        await first_good(guards, call, targets("a", max_wait=0.01), upstreams)
    assert upstreams.asked == ["a"]


async def test_no_attempt_begins_when_the_calls_time_is_over(guards, call):
    call.until = time.monotonic()
    upstreams = Upstreams(a=broken(), b=None)
    with pytest.raises(ServerError):
        await first_good(guards, call, targets("a", "b"), upstreams)
    assert upstreams.asked == ["a"]


async def test_no_retry_is_waited_for_past_the_end_of_the_calls_time(guards, call):
    call.until = time.monotonic() + 5
    upstreams = Upstreams(a=RateLimited("x", retry_after=20))
    with pytest.raises(RateLimited):
        await first_good(guards, call, targets("a", max_wait=30), upstreams)
    assert upstreams.asked == ["a"]


async def test_an_error_that_came_of_a_call_tells_more_than_one_left_alone(guards, call):
    failing, away = targets("a", "b")
    for _ in range(5):
        guards.breakers.of(away.connection.id).failed(time.monotonic())
    upstreams = Upstreams(a=RateLimited("x"))
    with pytest.raises(RateLimited):
        await first_good(guards, call, [failing, away], upstreams)
    assert upstreams.asked == ["a", "a", "a"]
    assert call.target is failing


async def test_when_all_are_left_alone_the_first_says_so(guards, call):
    away = targets("a", "b")
    for target in away:
        for _ in range(5):
            guards.breakers.of(target.connection.id).failed(time.monotonic())
    upstreams = Upstreams()
    with pytest.raises(BreakerOpen):
        await first_good(guards, call, away, upstreams)
    assert upstreams.asked == []
    assert call.target is away[0]


async def test_running_out_of_time_blames_nobody(guards, call):
    (target,) = targets("a")
    for _ in range(6):
        with pytest.raises(OutOfTime):
            await first_good(guards, call, [target], Upstreams(a=OutOfTime("x")))
    assert guards.breakers.of(target.connection.id).failures == 0

from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest

from aiproxy.gateway.breaker import Breaker, Breakers, verdict
from providers.errors import (
    AddressRefused,
    AuthFailed,
    CallTimeout,
    InvalidRequest,
    NetworkError,
    RateLimited,
    ServerError,
)


@pytest.fixture
def tripped():
    breaker = Breaker()
    for _ in range(5):
        breaker.failed(100.0)
    return breaker


def test_five_failures_in_a_row_open_it(tripped):
    assert tripped.state(100.0) == "open"
    assert not tripped.allows(129.9)
    assert tripped.wait(110.0) == 20.0


def test_calls_that_end_after_it_opened_change_nothing(tripped):
    for _ in range(50):
        tripped.failed(101.0)
    assert tripped.wait(101.0) == 29.0
    tripped.succeeded()
    assert tripped.state(101.0) == "open"


def test_a_success_in_between_begins_the_count_anew():
    breaker = Breaker()
    for _ in range(4):
        breaker.failed(0)
    breaker.succeeded()
    breaker.failed(0)
    assert breaker.state(0) == "closed"


def test_half_open_lets_one_probe_through(tripped):
    assert tripped.state(130.0) == "half-open"
    assert tripped.allows(130.0)
    assert not tripped.allows(130.1)


def test_a_good_probe_closes_it(tripped):
    tripped.allows(130.0)
    tripped.succeeded()
    assert tripped.state(130.0) == "closed"


def test_a_failed_probe_opens_it_for_longer_up_to_five_minutes(tripped):
    waits, now = [], 130.0
    for _ in range(11):
        assert tripped.allows(now)
        tripped.failed(now)
        waits.append(tripped.wait(now))
        now += waits[-1]
    assert waits[:3] == [60.0, 90.0, 120.0]
    assert waits[-1] == 300.0


def test_a_probe_whose_caller_left_lets_the_next_one_try(tripped):
    tripped.allows(130.0)
    verdict(tripped, asyncio.CancelledError(), 131.0)
    assert tripped.allows(131.0)


def test_a_probe_that_never_comes_back_is_forgotten(tripped):
    tripped.allows(130.0)
    assert tripped.allows(130.0 + 300.0)


@pytest.mark.parametrize("error", [ServerError, NetworkError, CallTimeout])
def test_trouble_of_the_provider_counts(error):
    breaker = Breaker()
    verdict(breaker, error("x"), 0.0)
    assert breaker.failures == 1


@pytest.mark.parametrize("error", [AuthFailed, InvalidRequest, RateLimited, AddressRefused])
def test_a_refusal_shows_that_the_provider_is_there(error):
    breaker = Breaker(failures=4)
    verdict(breaker, error("x"), 0.0)
    assert breaker.failures == 0


def test_a_model_that_a_provider_wants_less_of_is_no_failure_of_its_integration():
    breakers, integration = Breakers(), uuid4()
    breakers.rest(integration, "busy", 20.0)
    assert breakers.paused(integration, "busy") > 0
    assert breakers.paused(integration, "other") == breakers.paused(integration) == 0

"""What is remembered of how long models took."""

from __future__ import annotations

import math
import time
import uuid

import pytest

from aiproxy.gateway.latency import FAILED_SECONDS, Latencies, Measuring, key
from providers.errors import CallError, ContextTooLong, RateLimited
from tests.aiproxy.gateway.test_order import make_target

KEY = (uuid.uuid4(), "m", False)


@pytest.fixture
def known():
    return Latencies()


def test_what_was_never_measured_is_expected_at_once(known):
    assert known.expected(KEY, 0.0) == 0.0


def test_newer_measurements_count_more(known):
    for seconds in (1.0, 1.0, 1.0, 3.0, 3.0, 3.0):
        known.note(KEY, seconds, 10.0)
    assert 2.0 < known.expected(KEY, 10.0) < 3.0


def test_what_nobody_renewed_is_measured_again_by_one_call(known):
    known.note(KEY, 9.0, 0.0)
    assert known.expected(KEY, 300.0) == 9.0
    assert known.expected(KEY, 301.0) == 0.0
    known.trying(KEY, 301.0)
    assert known.expected(KEY, 302.0) == math.inf
    known.note(KEY, 1.0, 303.0)
    assert known.expected(KEY, 303.0) == 1.0


def test_a_trial_that_never_comes_back_is_made_again(known):
    known.trying(KEY, 0.0)
    assert known.expected(KEY, 30.0) == math.inf
    assert known.expected(KEY, 31.0) == 0.0


@pytest.mark.parametrize(
    ("error", "expected"), [(RateLimited("x"), FAILED_SECONDS), (ContextTooLong("x"), 0.0)]
)
def test_a_failure_counts_as_a_very_long_answer_unless_the_request_is_to_blame(
    known, call, error, expected
):
    target = make_target("a")
    with pytest.raises(CallError), Measuring(known, call, target):
        raise error
    assert known.expected(key(call, target), time.monotonic()) == expected


def test_an_answer_is_measured(known, call):
    target = make_target("a")
    with Measuring(known, call, target):
        time.sleep(0.001)
    assert 0 < known.expected(key(call, target), time.monotonic()) < FAILED_SECONDS


def test_counting_tokens_tells_nothing_about_speed(known, call):
    call.operation = "count"
    target = make_target("a")
    with Measuring(known, call, target):
        time.sleep(0.001)
    assert known.expected(key(call, target), time.monotonic()) == 0.0

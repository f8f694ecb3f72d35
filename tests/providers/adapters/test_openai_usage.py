from decimal import Decimal

import pytest

from providers.adapters.openai_usage import read_usage
from providers.usage import Usage


def known(said):
    usage = read_usage(said)
    assert usage is not None
    return usage


@pytest.mark.parametrize(
    "said", [None, {}, [], "x", {"prompt_tokens": None}, {"queue_time": 0.1}, {"cost": 1}]
)
def test_what_counts_no_tokens_says_nothing(said):
    assert read_usage(said) is None


def test_zeroes_are_said():
    assert read_usage({"prompt_tokens": 0, "completion_tokens": 0}) == Usage()


def test_openai_counts_cached_and_reasoning_inside():
    said = {
        "prompt_tokens": 100,
        "completion_tokens": 50,
        "total_tokens": 150,
        "prompt_tokens_details": {"cached_tokens": 60},
        "completion_tokens_details": {"reasoning_tokens": 20},
    }
    assert read_usage(said) == Usage(100, 50, 60, 0, 20)


def test_xai_counts_reasoning_beside_the_completion():
    said = {
        "prompt_tokens": 10,
        "completion_tokens": 5,
        "total_tokens": 45,
        "completion_tokens_details": {"reasoning_tokens": 30},
    }
    assert read_usage(said) == Usage(10, 35, reasoning_tokens=30)


@pytest.mark.parametrize(
    "cached",
    [
        {"prompt_cache_hit_tokens": 7},
        {"cache_read_input_tokens": 7},
        {"cached_tokens": 7},
        {"prompt_tokens_details": None, "cached_tokens": 7},
        {"input_tokens_details": {"cached_tokens": 7}},
    ],
)
def test_cached_tokens_have_many_names(cached):
    assert known({"prompt_tokens": 10, "completion_tokens": 1, **cached}).cached_tokens == 7


@pytest.mark.parametrize(
    "written",
    [{"prompt_tokens_details": {"cache_write_tokens": 7}}, {"cache_creation_input_tokens": 7}],
)
def test_written_tokens_have_many_names(written):
    said = {"prompt_tokens": 10, "completion_tokens": 1, **written}
    assert known(said).cache_write_tokens == 7


def test_input_and_output_are_names_too():
    assert read_usage({"input_tokens": 3, "output_tokens": 4}) == Usage(3, 4)


def test_voyage_tells_only_a_total():
    assert read_usage({"total_tokens": 9}) == Usage(9)


@pytest.mark.parametrize(
    ("said", "cost"),
    [
        (0.00042, Decimal("0.00042")),
        (0, Decimal(0)),
        ("0.1", Decimal("0.1")),
        ({"total_cost": 0.006}, Decimal("0.006")),
        (-1, None),
        (True, None),
        ("free", None),
        (None, None),
        ("NaN", None),
        (1e300, None),
        ([1], None),
    ],
)
def test_cost_is_what_the_provider_says(said, cost):
    assert known({"prompt_tokens": 1, "completion_tokens": 1, "cost": said}).cost == cost


def test_counts_that_nothing_could_count_say_nothing():
    assert read_usage({"prompt_tokens": 10**15, "completion_tokens": 10**15}) is None

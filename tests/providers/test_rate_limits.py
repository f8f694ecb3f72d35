from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.rate_limits import Allowance, RateLimitState, read

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def later(**parts):
    return NOW + timedelta(**parts)


HOSTS = {
    "openai": (
        {
            "x-ratelimit-limit-requests": "30000",
            "x-ratelimit-remaining-requests": "29999",
            "x-ratelimit-reset-requests": "2ms",
            "x-ratelimit-limit-tokens": "180000000",
            "x-ratelimit-remaining-tokens": "179999790",
            "x-ratelimit-reset-tokens": "0s",
            "x-ratelimit-limit-project-tokens": "150000000",
            "x-ratelimit-limit-tokens_usage_based": "250000",
        },
        Allowance(30000, 29999, later(milliseconds=2)),
        Allowance(180000000, 179999790, NOW),
    ),
    "anthropic": (
        {
            "anthropic-ratelimit-requests-limit": "4000",
            "anthropic-ratelimit-requests-remaining": "3999",
            "anthropic-ratelimit-requests-reset": "2026-11-20T12:00:51Z",
            "anthropic-ratelimit-input-tokens-limit": "2000000",
            "anthropic-ratelimit-tokens-limit": "2400000",
            "anthropic-ratelimit-tokens-remaining": "2400000",
            "anthropic-ratelimit-tokens-reset": "2026-11-20T12:00:51Z",
            "retry-after": "24",
        },
        Allowance(4000, 3999, later(seconds=51)),
        Allowance(2400000, 2400000, later(seconds=51)),
    ),
    "mistral": (
        {
            "x-ratelimit-limit-req-minute": "360",
            "x-ratelimit-remaining-req-minute": "359",
            "x-ratelimit-limit-tokens-minute": "200000",
            "x-ratelimit-remaining-tokens-minute": "199743",
            "x-ratelimit-tokens-query-cost": "257",
            "x-ratelimitbysize-limit-minute": "500000",
        },
        Allowance(360, 359),
        Allowance(200000, 199743),
    ),
    "openrouter": (
        {
            "x-ratelimit-limit": "1",
            "x-ratelimit-remaining": "0",
            "x-ratelimit-reset": "1795176060000",
        },
        Allowance(1, 0, datetime.fromtimestamp(1795176060, UTC)),
        None,
    ),
    "together": (
        {
            "x-ratelimit": "false",
            "x-ratelimit-limit": "30",
            "x-ratelimit-remaining": "59",
            "x-ratelimit-reset": "2",
            "x-tokenlimit-limit": "3000",
            "x-tokenlimit-remaining": "2000",
        },
        Allowance(30, 59, later(seconds=2)),
        Allowance(3000, 2000),
    ),
    "azure": (
        {
            "x-ratelimit-key": "gpt-5-nano",
            "x-ratelimit-limit-requests": "250",
            "x-ratelimit-remaining-requests": "249",
            "x-ratelimit-reset-requests": "0",
            "x-ratelimit-abusepenalty-active": "False",
        },
        Allowance(250, 249, NOW),
        None,
    ),
    "hugging face": (
        {"ratelimit": '"api";r=499;t=56', "ratelimit-policy": '"fixed window";"api";q=500;w=300'},
        Allowance(500, 499, later(seconds=56)),
        None,
    ),
    "cohere": (
        {"x-trial-endpoint-call-limit": "40", "x-trial-endpoint-call-remaining": "39"},
        Allowance(40, 39),
        None,
    ),
    "litellm": (
        {"llm_provider-x-ratelimit-limit-requests": "15000"},
        Allowance(15000),
        None,
    ),
    "cerebras": (
        {
            "x-ratelimit-limit-requests-day": "14400",
            "x-ratelimit-remaining-requests-day": "14399",
            "x-ratelimit-reset-requests-day": "33011.38",
        },
        Allowance(14400, 14399, later(seconds=33011.38)),
        None,
    ),
}


@pytest.mark.parametrize(("headers", "requests", "tokens"), HOSTS.values(), ids=HOSTS)
def test_headers_of_this_host_are_read(headers, requests, tokens):
    assert read(headers, NOW) == RateLimitState(NOW, requests, tokens)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("6ms", {"milliseconds": 6}),
        ("13.065s", {"seconds": 13.065}),
        ("1m30s", {"seconds": 90}),
        ("2h3m4.5s", {"hours": 2, "minutes": 3, "seconds": 4.5}),
        ("1d", {"days": 1}),
        ("60", {"seconds": 60}),
        ("1795176060", {"seconds": 1795176060 - NOW.timestamp()}),
    ],
)
def test_reset_is_read_however_it_is_said(text, parts):
    state = read({"x-ratelimit-limit-requests": "1", "x-ratelimit-reset-requests": text}, NOW)
    assert state
    assert state.requests == Allowance(1, None, later(**parts))


def test_answer_without_such_headers_says_nothing():
    assert read({"content-type": "application/json", "retry-after": "2"}, NOW) is None


def test_what_is_no_number_is_not_known():
    headers = {"x-ratelimit-limit-requests": "REDACTED", "x-ratelimit-remaining-requests": "-1"}
    assert read(headers, NOW) is None


@given(
    st.dictionaries(
        st.sampled_from([name for host in HOSTS.values() for name in host[0]]), st.text()
    )
)
def test_no_value_makes_it_fail(headers):
    read(headers, NOW)


@given(st.floats(), st.sampled_from(["", "s", "ms", "d"]))
def test_no_reset_makes_it_fail(number, unit):
    read({"x-ratelimit-limit": "1", "x-ratelimit-reset": f"{number}{unit}"}, NOW)


@pytest.mark.parametrize(("headers", "requests", "tokens"), HOSTS.values(), ids=HOSTS)
def test_state_survives_json(headers, requests, tokens):
    state = RateLimitState(NOW, requests, tokens)
    assert RateLimitState.from_json(state.to_json()) == state

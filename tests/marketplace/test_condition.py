from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from aiproxy.usage.analytics import Health
from integrations.models import Integration
from marketplace import condition
from marketplace.condition import Left
from providers.rate_limits import Allowance, RateLimitState

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
STATE = RateLimitState(
    NOW, Allowance(30_000, 29_999, NOW + timedelta(seconds=2)), Allowance(remaining=5)
)


@pytest.mark.parametrize(
    ("health", "said"),
    [
        ([], ""),
        ([Health(20, 0, "", 100)], ""),
        ([Health(20, 3, "rate_limit", 100)], "3 of 20 calls failed since 11:00 UTC: rate limit"),
        (
            [Health(2000, 1, "timeout", 1), Health(10, 4, "auth_failed", None)],
            "5 of 2,010 calls failed since 11:00 UTC: auth failed",
        ),
    ],
)
def test_trouble_is_told_with_its_share_and_reason(health, said, monkeypatch):
    monkeypatch.setattr("django.utils.timezone.now", lambda: NOW.replace(minute=59))
    assert condition.trouble(health) == said


def test_what_is_left_is_told_with_when_it_is_full_again():
    assert condition.left(STATE, NOW) == [
        Left("Requests left", "29,999", "of 30,000", "full again in 2 s"),
        Left("Tokens left", "5", "", ""),
    ]


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (-1, "full again since"),
        (0.002, "full again in 1 s"),
        (170, "full again in 3 min"),
        (7200, "full again in 2 h"),
        (200_000, "full again in 2 d"),
    ],
)
def test_reset_is_told_as_a_distance(seconds, said):
    state = RateLimitState(NOW, Allowance(60, 1, NOW + timedelta(seconds=seconds)))
    assert condition.left(state, NOW)[0].reset == said


def test_limit_without_what_is_left_is_told_too():
    state = RateLimitState(NOW, Allowance(60))
    assert condition.left(state, NOW) == [Left("Requests left", "unknown", "of 60", "")]


def test_provider_without_limits_is_told_nothing_about():
    assert condition.left(None, NOW) == []


def test_tooltip_names_the_integrations_when_there_are_several():
    one = Integration(name="Work", rate_limit=STATE.to_json())
    other = Integration(name="Home")
    line = "Requests left: 29,999 of 30,000 (full again in 2 s)"
    assert condition.tooltip([one], NOW) == f"{line}\nTokens left: 5"
    assert condition.tooltip([one, other], NOW) == f"Work: {line}\nWork: Tokens left: 5"


def test_a_connection_that_is_left_alone_says_for_how_long():
    assert "30 s" in condition.resting(29.2)
    assert condition.resting(0) == ""

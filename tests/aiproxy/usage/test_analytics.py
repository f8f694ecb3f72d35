from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from aiproxy.usage import analytics
from tests.factories import make_call as add
from tests.factories import make_integration

pytestmark = pytest.mark.django_db


def test_a_summary_counts_tokens_cost_and_successes(alice):
    add(alice, input_tokens=10, output_tokens=5, cost=Decimal("0.25"), latency_ms=100)
    add(alice, outcome="rate_limit", usage_source="none", latency_ms=300)
    summary = analytics.summary(alice)
    assert (summary.calls, summary.ok, summary.success_rate) == (2, 1, 0.5)
    assert (summary.input_tokens, summary.output_tokens, summary.total_tokens) == (10, 5, 15)
    assert (summary.cost, summary.unpriced_calls) == (Decimal("0.25"), 0)
    assert summary.average_latency_ms == 200


def test_unpriced_calls_are_told_and_not_counted_as_free(alice):
    add(alice, input_tokens=10)
    summary = analytics.summary(alice)
    assert summary.cost is None
    assert summary.unpriced_calls == 1


def test_without_calls_there_is_no_rate_and_no_latency(alice):
    summary = analytics.summary(alice)
    assert (summary.calls, summary.success_rate, summary.average_latency_ms) == (0, None, None)


def test_a_summary_can_be_limited_to_an_integration_and_a_time(alice):
    integration = make_integration(alice)
    add(alice, integration=integration)
    add(alice, integration=integration, at=timezone.now() - timedelta(days=40))
    add(alice)
    since = timezone.now() - timedelta(days=30)
    assert analytics.summary(alice, integration, since).calls == 1


def test_calls_of_another_person_are_not_counted(alice, bob):
    add(bob)
    assert analytics.summary(alice).calls == 0
    assert not analytics.calls(alice).exists()


def test_calls_come_newest_first(alice):
    old, new = add(alice, at=timezone.now() - timedelta(hours=1)), add(alice)
    assert list(analytics.calls(alice)) == [new, old]


def test_health_tells_how_many_calls_failed_lately_and_why(alice):
    integration = make_integration(alice)
    ago = analytics.lately()
    add(alice, integration=integration, latency_ms=100)
    add(alice, integration=integration, latency_ms=300)
    add(alice, integration=integration, outcome="timeout", at=ago)
    add(alice, integration=integration, outcome="rate_limit")
    assert analytics.health(alice) == {integration.pk: analytics.Health(4, 2, "rate_limit", 200)}


def test_mistakes_of_the_caller_do_not_speak_against_the_connection(alice):
    integration = make_integration(alice)
    add(alice, integration=integration, outcome="invalid_request")
    add(alice, integration=integration, outcome="content_filter")
    add(alice, integration=integration, outcome="cancelled")
    assert analytics.health(alice) == {integration.pk: analytics.Health(2, 0, "", None)}


def test_health_forgets_what_is_older_than_the_last_full_hour_or_never_left(alice):
    integration = make_integration(alice)
    old = analytics.lately() - timedelta(seconds=1)
    add(alice, integration=integration, outcome="timeout", at=old)
    add(alice, integration=integration, outcome="auth_failed", attempts=0)
    assert analytics.health(alice) == {}


def test_health_of_all_integrations_is_one_query(alice, bob, django_assert_num_queries):
    first, second = make_integration(alice), make_integration(alice)
    for user, one in ((alice, first), (alice, second), (bob, make_integration(bob))):
        add(user, integration=one)
    with django_assert_num_queries(1):
        assert set(analytics.health(alice)) == {first.pk, second.pk}

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from decimal import Decimal

from aiproxy.gateway import billing
from aiproxy.gateway.call import Target
from providers.errors import RateLimited
from providers.registry import catalogue
from providers.usage import Usage
from providers.wire import WireRequest
from tests.aiproxy.gateway.conftest import make_connection

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def target(provider_id: str, model: str) -> Target:
    return Target(
        make_connection(provider_id),
        model,
        catalogue().adapter(provider_id),
        catalogue().host(provider_id, model),
    )


def test_the_providers_own_cost_wins():
    cost, source = billing.price(
        target("openrouter", "x"), "x", Usage(10, 10, cost=Decimal("0.5")), NOW
    )
    assert (cost, source) == (Decimal("0.5"), "reported by OpenRouter")


def test_a_local_provider_costs_nothing_and_that_is_known():
    assert billing.price(target("ollama", "llama"), "llama", Usage(10, 10), NOW)[0] == 0


def test_an_unknown_price_is_none():
    found = billing.price(target("openai", "no-such-model"), "no-such-model", Usage(10, 10), NOW)
    assert found == (None, "")


def test_a_known_price_names_its_source_and_date():
    spec = next(model for model in catalogue()["openai"].models if model.price)
    cost, source = billing.price(target("openai", spec.id), spec.id, Usage(1000, 0), NOW)
    assert spec.price
    assert cost == Decimal(spec.price.input) / 1000
    assert spec.price.checked.isoformat() in source


def test_the_price_is_that_of_the_day_of_the_call():
    place, usage = target("google", "gemini-3.8-flash"), Usage(1_000_000, 0)
    this_year, next_year = (
        billing.price(place, "gemini-3.8-flash", usage, when)[0]
        for when in (NOW, datetime(2027, 1, 1, tzinfo=UTC))
    )
    assert (this_year, next_year) == (Decimal("0.75"), Decimal("1.5"))


def test_without_the_providers_count_usage_is_estimated_and_says_so(call):
    call.target, call.sent = target("ollama", "llama"), WireRequest("POST", "/", {"a": "b" * 392})
    billing.charge(call, None, received=10)
    assert (call.usage, call.usage_source) == (Usage(100, 3), "estimated")


def test_a_count_that_stops_before_the_answer_does_is_completed_by_an_estimate(call):
    """Anthropic tells the input with the first event and the output with the last."""
    call.target = target("ollama", "llama")
    billing.charge(call, Usage(500, 1), received=400, counted=False)
    assert (call.usage, call.usage_source) == (Usage(500, 100), "estimated")


def test_a_count_that_is_ahead_of_what_was_seen_stays(call):
    call.target = target("ollama", "llama")
    billing.charge(call, Usage(500, 200, reasoning_tokens=150), received=400, counted=False)
    assert (call.usage, call.usage_source) == (Usage(500, 200, reasoning_tokens=150), "provider")


def test_a_call_that_brought_nothing_back_used_nothing(call):
    billing.charge(call, None)
    assert (call.usage, call.usage_source) == (None, "none")


def test_a_failed_call_is_recorded_with_its_code_and_our_words(call):
    record = billing.record(call, RateLimited("Wait a little.", detail="provider's own words"))
    assert (record.outcome, record.http_status, record.message) == (
        "rate_limit",
        429,
        "Wait a little.",
    )


def test_a_caller_that_left_is_recorded_as_cancelled(call):
    assert billing.record(call, asyncio.CancelledError()).outcome == "cancelled"


def test_a_fault_of_ours_is_recorded_without_its_text(call):
    record = billing.record(call, RuntimeError("sk-secret"))
    assert record.outcome == "server_error"
    assert "sk-secret" not in record.message

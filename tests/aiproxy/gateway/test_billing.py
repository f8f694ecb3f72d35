from __future__ import annotations

import asyncio
from decimal import Decimal

from aiproxy.gateway import billing
from aiproxy.gateway.call import Target
from providers.errors import RateLimited
from providers.registry import catalogue
from providers.usage import Usage
from providers.wire import WireRequest
from tests.aiproxy.gateway.conftest import make_connection


def target(provider_id: str, model: str) -> Target:
    return Target(
        make_connection(provider_id),
        model,
        catalogue().adapter(provider_id),
        catalogue().host(provider_id, model),
    )


def test_the_providers_own_cost_wins():
    cost, source = billing.price(target("openrouter", "x"), "x", Usage(10, 10, cost=Decimal("0.5")))
    assert (cost, source) == (Decimal("0.5"), "reported by OpenRouter")


def test_a_local_provider_costs_nothing_and_that_is_known():
    assert billing.price(target("ollama", "llama"), "llama", Usage(10, 10))[0] == 0


def test_an_unknown_price_is_none():
    assert billing.price(target("openai", "no-such-model"), "no-such-model", Usage(10, 10)) == (
        None,
        "",
    )


def test_a_known_price_names_its_source_and_date():
    spec = next(model for model in catalogue()["openai"].models if model.price)
    cost, source = billing.price(target("openai", spec.id), spec.id, Usage(1000, 0))
    assert spec.price
    assert cost == Decimal(spec.price.input) / 1000
    assert spec.price.checked.isoformat() in source


def test_without_the_providers_count_usage_is_estimated_and_says_so(call):
    call.target, call.sent = target("ollama", "llama"), WireRequest("POST", "/", {"a": "b" * 392})
    billing.charge(call, None, received=10)
    assert (call.usage, call.usage_source) == (Usage(100, 3), "estimated")


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

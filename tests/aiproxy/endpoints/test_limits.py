"""What a caller meets where calls are limited: refused, made to wait, sent elsewhere; and what its calls leave used."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from decimal import Decimal
from typing import Any

import httpx
import pytest

from aiproxy.actions import LimitInput, set_limit
from aiproxy.app import application
from aiproxy.gateway import aliases, limits, lines
from aiproxy.models import Alias, LimitLevel, UsageRecord
from integrations.audit import SYSTEM
from tests.aiproxy.cors.conftest import Provider
from tests.factories import make_user
from tests.fakes import Fake, serve
from tests.servers import valkey
from tests.waiting import eventually

MESSAGES = [{"role": "user", "content": "Say hello."}]
MODEL = "openai-compatible/fake-model"
PRICED = "openai/gpt-4o-mini"
CHAT, MESSAGE = "/v1/chat/completions", "/v1/messages"


def body(model: str = MODEL, **more: Any) -> dict[str, Any]:
    return {"model": model, "messages": MESSAGES, "max_tokens": 100, **more}


def limit(machine: Any, *, by: Any = None, **values: Any) -> None:
    set_limit(SYSTEM, by or machine.user, LimitInput(**values), machine.user)


def used(machine: Any) -> dict[str, int | Decimal]:
    """What is used of the machine's limits, by the name of the field."""
    fills = limits.fills(machine.user.pk).values()
    return {fill.name: fill.used for some in fills for fill in some}


@pytest.fixture
def four_workers(settings) -> None:
    """The server shares its limits in the database. Stands before ``machine``, which reads it."""
    settings.AIM_WORKERS = 4


@pytest.fixture
def redis(settings) -> Iterator[Callable[[], None]]:
    """The server, one of four workers, shares its limits in Redis. Calling it stops Redis."""
    settings.AIM_WORKERS = 4
    with ExitStack() as stack:
        settings.REDIS_URL = stack.enter_context(valkey())
        yield stack.close


@pytest.fixture
def shared(request) -> None:
    """The fixture that a parameter names, if any. Stands before ``machine`` too."""
    if request.param:
        request.getfixturevalue(request.param)


@pytest.fixture
def chain(machine):
    """An alias of two integrations of the fake provider, which are returned."""
    places = [machine.connect(name=f"place {number}") for number in (1, 2)]
    steps = [{"integrationId": str(place.pk), "model": "fake-model"} for place in places]
    Alias.objects.create(name="chain", targets=steps)
    aliases.reload()
    return places


# --- Refusals ---


def test_a_full_rate_says_which_how_full_and_when_it_frees(machine):
    machine.connect()
    limit(machine, requests_per_minute=2)
    for _ in range(2):
        assert machine.post(CHAT, body()).status_code == 200
    refused = machine.post(CHAT, body())
    assert refused.status_code == 429
    assert 0 < int(refused.headers["retry-after"]) <= 30
    assert refused.headers["x-should-retry"] == "true"
    error = refused.json()["error"]
    assert error["code"] == "rate_limit"
    assert "limit of 2 requests a minute for this account is reached: 2 of 2" in error["message"]
    assert len(machine.fake.requests) == 2


def test_a_refusal_speaks_the_dialect_of_anthropic(machine):
    machine.connect()
    limit(machine, requests_per_minute=1)
    machine.post(MESSAGE, body())
    refused = machine.post(MESSAGE, body())
    assert refused.status_code == 429
    assert "retry-after" in refused.headers
    assert refused.json()["type"] == "error"
    assert refused.json()["error"]["type"] == "rate_limit_error"


def test_a_budget_without_room_is_not_to_be_tried_again_and_again(machine):
    machine.connect()
    limit(machine, tokens_per_day=50)
    refused = machine.post(CHAT, body())
    assert refused.status_code == 402
    assert refused.headers["x-should-retry"] == "false"
    assert int(refused.headers["retry-after"]) > 0
    error = refused.json()["error"]
    assert error["code"] == "quota_exceeded"
    assert "budget of 50 tokens a day for this account" in error["message"]
    assert UsageRecord.objects.get().outcome == "quota_exceeded"
    assert machine.fake.requests == []


def test_whose_limit_it_is_is_told(machine, alice):
    integration, other = machine.connect(), make_user(is_superuser=True)
    for about, label in (
        ({"kind": "integration", "integration_id": integration.pk}, "the integration"),
        ({"kind": "provider", "provider_id": "openai-compatible"}, "the provider"),
        ({"by_operator": True, "by": other}, "An administrator"),
    ):
        limit(machine, tokens_per_month=1, **about)
        assert label in machine.post(CHAT, body()).json()["error"]["message"]
        alice.limits.all().delete()


def test_a_limit_of_one_token_leaves_the_others_alone(machine):
    machine.connect()
    token, text = machine.issue()
    limit(machine, kind="token", token_id=token.pk, requests_per_minute=1)
    assert [machine.post(CHAT, body(), token=text).status_code for _ in "ab"] == [200, 429]
    assert machine.post(CHAT, body()).status_code == 200


def test_another_accounts_limits_are_not_mine(machine, bob):
    machine.connect()
    set_limit(SYSTEM, bob, LimitInput(requests_per_minute=1))
    assert [machine.post(CHAT, body()).status_code for _ in "ab"] == [200, 200]


# --- Exact, however calls come and end ---


async def at_once(machine: Any, count: int, done: int, waiting: int = 0) -> list[int]:
    """``count`` calls at once to a provider that never answers; their statuses when ``done`` have ended and the
    others, but for those ``waiting`` here, have reached the provider. Their callers then leave.
    """
    pool, there = httpx.Limits(max_connections=None), count - done - waiting
    async with httpx.AsyncClient(timeout=30, trust_env=False, limits=pool) as client:
        headers = {"authorization": f"Bearer {machine.token}"}
        model = body("openai-compatible/fake-silence", max_tokens=8)
        tasks = {
            asyncio.create_task(client.post(machine.url + CHAT, json=model, headers=headers))
            for _ in range(count)
        }
        ended: set[asyncio.Task[httpx.Response]] = set()
        while len(ended) < done:
            some, tasks = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            ended |= some
        await asyncio.to_thread(eventually, lambda: len(machine.fake.requests) == there)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return [task.result().status_code for task in ended]


def test_of_two_hundred_calls_at_once_a_budget_for_fifty_admits_fifty(machine):
    machine.connect()
    limit(machine, tokens_per_day=50 * 10)  # "Say hello." is two tokens, and eight may come back
    statuses = asyncio.run(at_once(machine, 200, 150))
    assert statuses == [402] * 150
    eventually(lambda: used(machine) == {"tokens_per_day": 0})


def test_a_caller_that_leaves_gives_its_place_back(machine):
    machine.connect()
    limit(machine, concurrent=1)
    assert asyncio.run(at_once(machine, 2, 1)) == [429]
    eventually(lambda: used(machine) == {"concurrent": 0})
    assert machine.post(CHAT, body()).status_code == 200


@pytest.mark.parametrize("stream", [False, True])
def test_what_was_really_used_settles_the_budget(machine, stream):
    machine.connect()
    limit(machine, tokens_per_day=10_000, tokens_per_minute=10_000, concurrent=5)
    assert machine.post(CHAT, body(stream=stream)).status_code == 200
    total = UsageRecord.objects.get().total_tokens
    assert 0 < total < 100
    found = used(machine)
    assert (found["tokens_per_day"], found["concurrent"]) == (total, 0)
    assert 0 <= found["tokens_per_minute"] <= total


def test_a_stream_that_breaks_off_settles_what_it_used(machine):
    machine.connect()
    limit(machine, tokens_per_day=10_000, concurrent=1)
    machine.post(CHAT, body("openai-compatible/fake-cut-2", stream=True))
    record = UsageRecord.objects.get()
    assert record.outcome == "network_error"
    assert used(machine) == {"tokens_per_day": record.total_tokens, "concurrent": 0}


@pytest.mark.parametrize("fault", ["error-400", "error-401", "garbage", "cut"])
def test_a_call_that_failed_leaves_nothing_reserved(machine, fault):
    machine.connect()
    limit(machine, tokens_per_day=10_000, concurrent=1, requests_per_minute=10)
    machine.post(CHAT, body(f"openai-compatible/fake-{fault}"))
    found = used(machine)
    assert (found["tokens_per_day"], found["concurrent"]) == (0, 0)
    assert found["requests_per_minute"] == 1


def test_embeddings_are_held_to_token_budgets(machine):
    machine.connect()
    limit(machine, tokens_per_day=100)
    call = {"model": "openai-compatible/fake-embedding", "input": "one two three four"}
    assert machine.post("/v1/embeddings", call).status_code == 200
    assert used(machine)["tokens_per_day"] == UsageRecord.objects.get().total_tokens > 0
    assert machine.post("/v1/embeddings", {**call, "input": "x" * 1_000}).status_code == 402


def test_counting_tokens_is_a_request_and_uses_none(machine):
    machine.connect()
    limit(machine, requests_per_minute=5, tokens_per_day=1, concurrent=1)
    call = {"model": MODEL, "messages": MESSAGES}
    assert machine.post(MESSAGE + "/count_tokens", call).status_code == 200
    assert used(machine) == {"requests_per_minute": 1, "tokens_per_day": 0, "concurrent": 0}


# --- Money ---


def test_money_is_settled_with_what_the_call_cost(machine):
    machine.connect("openai")
    limit(machine, money_per_day=Decimal(1), money_per_month=Decimal(2))
    assert machine.post(CHAT, body(PRICED)).status_code == 200
    cost = UsageRecord.objects.get().cost
    assert cost
    found = used(machine)
    assert found["money_per_day"] == found["money_per_month"]
    assert abs(found["money_per_day"] - cost) < Decimal("0.00000001")


def test_a_call_that_may_cost_more_than_is_left_is_refused(machine):
    machine.connect("openai")
    limit(machine, money_per_day=Decimal("0.00001"))
    refused = machine.post(CHAT, body(PRICED, max_tokens=10_000))
    assert refused.status_code == 402
    assert "budget of 0.00001 US dollars a day" in refused.json()["error"]["message"]


def test_a_model_without_a_price_is_not_called_on_a_budget_in_money(machine):
    machine.connect()
    limit(machine, money_per_month=Decimal(100))
    refused = machine.post(CHAT, body())
    assert refused.status_code == 402
    assert "price of fake-model is not known" in refused.json()["error"]["message"]
    assert machine.fake.requests == []
    assert used(machine) == {"money_per_month": 0}


def test_what_is_free_is_called_on_any_budget_in_money(machine):
    limit(machine, money_per_day=Decimal("0.000001"))
    assert machine.post(CHAT, body("sandbox/sandbox")).status_code == 200


# --- Elsewhere, or later ---


def test_an_alias_goes_past_an_integration_that_is_full(machine, chain):
    limit(machine, kind="integration", integration_id=chain[0].pk, requests_per_minute=1)
    asked = [machine.post(CHAT, body("chain")).headers["x-aim-integration"] for _ in "abc"]
    assert asked == [str(chain[place].pk) for place in (0, 1, 1)]


def test_an_alias_is_no_way_past_the_accounts_own_limit(machine, chain):
    limit(machine, requests_per_minute=1)
    assert [machine.post(CHAT, body("chain")).status_code for _ in "ab"] == [200, 429]


def test_a_place_that_failed_has_given_back_what_it_took(machine, chain):
    Alias.objects.update(
        targets=[
            {"integrationId": str(chain[0].pk), "model": "fake-error-500"},
            {"integrationId": str(chain[1].pk), "model": "fake-model"},
        ]
    )
    aliases.reload()
    limit(machine, kind="integration", integration_id=chain[0].pk, tokens_per_day=1_000)
    assert machine.post(CHAT, body("chain")).status_code == 200
    assert used(machine) == {"tokens_per_day": 0}


def test_a_call_waits_for_a_place_and_tells_how_long(machine):
    machine.connect()
    limit(machine, concurrent=1, queue_seconds=20)
    with ThreadPoolExecutor() as both:
        slow = body("openai-compatible/fake-slow-300")
        answers = list(both.map(lambda _: machine.post(CHAT, slow), "ab"))
    assert [answer.status_code for answer in answers] == [200, 200]
    waited = [int(answer.headers.get("x-aim-queued-ms", 0)) for answer in answers]
    assert min(waited) == 0
    assert max(waited) > 0
    recorded = UsageRecord.objects.values_list("queued_ms", flat=True)
    assert sorted(recorded) == sorted(waited)


def test_a_call_waits_no_longer_than_the_limit_lets_it(machine):
    machine.connect()
    limit(machine, concurrent=1, queue_seconds=1)
    assert asyncio.run(at_once(machine, 2, 1)) == [429]
    queued = UsageRecord.objects.get(outcome="rate_limit").queued_ms
    assert queued >= 900


def test_a_call_that_leaves_the_line_lets_the_next_one_through(machine):
    machine.connect()
    limit(machine, concurrent=1, queue_seconds=20)
    assert asyncio.run(at_once(machine, 3, 0, waiting=2)) == []
    assert machine.post(CHAT, body()).status_code == 200


def test_when_the_line_is_full_the_next_call_is_refused_at_once(machine, monkeypatch):
    monkeypatch.setattr(lines, "LONGEST", 1)
    machine.connect()
    limit(machine, concurrent=1, queue_seconds=20)
    assert asyncio.run(at_once(machine, 3, 1, waiting=1)) == [429]


def test_a_wait_that_cannot_be_long_enough_is_refused_at_once(machine):
    machine.connect()
    limit(machine, requests_per_minute=1, queue_seconds=5)
    assert [machine.post(CHAT, body()).status_code for _ in "ab"] == [200, 429]
    assert UsageRecord.objects.filter(queued_ms__gt=1_000).count() == 0


def test_a_budget_is_never_waited_for(machine):
    machine.connect()
    limit(machine, tokens_per_day=10, concurrent=1, queue_seconds=20)
    assert machine.post(CHAT, body()).status_code == 402
    assert UsageRecord.objects.get().queued_ms < 1_000


# --- In steady state ---


def test_limits_cost_no_query_once_they_are_known(machine, queries_of_server):
    machine.connect()
    limit(
        machine,
        requests_per_minute=100,
        tokens_per_minute=100_000,
        concurrent=10,
        tokens_per_day=100_000,
        tokens_per_month=100_000,
    )
    machine.post(CHAT, body())
    with queries_of_server() as queries:
        for _ in range(3):
            assert machine.post(CHAT, body()).status_code == 200
    assert not [query for query in queries if query.startswith("SELECT")]


# --- Several workers ---


def test_workers_without_redis_share_limits_in_the_database(four_workers, machine):
    machine.connect()
    limit(machine, requests_per_minute=2, tokens_per_day=10_000, concurrent=1)
    assert [machine.post(CHAT, body()).status_code for _ in "abc"] == [200, 200, 429]
    assert LimitLevel.objects.count() == 3
    total = sum(record.total_tokens for record in UsageRecord.objects.all())
    found = used(machine)
    assert (found["tokens_per_day"], found["concurrent"]) == (total, 0)


def test_workers_share_limits_in_redis_and_go_on_without_it(redis, machine):
    machine.connect()
    limit(machine, requests_per_minute=8, tokens_per_day=10_000, concurrent=4)
    assert machine.post(CHAT, body()).status_code == 200
    total = UsageRecord.objects.get().total_tokens
    assert used(machine)["tokens_per_day"] == total > 0
    assert not LimitLevel.objects.exists()
    redis()
    statuses = [machine.post(CHAT, body()).status_code for _ in "abc"]
    assert statuses == [200, 429, 429]  # its part is two, of which one is used
    assert used(machine)["tokens_per_day"] == 2 * total


# --- The provider's own limits ---


def test_a_provider_that_asks_for_a_long_wait_is_left_alone_as_long(machine):
    integration, other = machine.connect(), machine.connect(name="other")
    _, manager = machine.issue("integrations:write")
    header = {"X-Integration-Id": str(integration.pk)}
    refused = body("fake-error-429-retry-20")
    first = machine.post(CHAT, refused, headers=header)
    assert first.headers["retry-after"] == "20"
    again = machine.post(CHAT, refused, headers=header)
    assert (again.status_code, again.json()["error"]["code"]) == (429, "rate_limit")
    assert 10 < int(again.headers["retry-after"]) <= 20
    assert len(machine.fake.requests) == 1
    elsewhere = {"X-Integration-Id": str(other.pk)}
    machine.post(CHAT, refused, headers=elsewhere)
    assert len(machine.fake.requests) == 2
    machine.post(f"/api/integrations/{integration.pk}/test", token=manager)
    asked = len(machine.fake.requests)
    machine.post(CHAT, refused, headers=header)
    assert len(machine.fake.requests) == asked + 1


def test_another_model_of_the_same_key_is_not_left_alone_with_it(machine):
    machine.connect()
    machine.post(CHAT, body("openai-compatible/fake-error-429-retry-20"))
    assert machine.post(CHAT, body("openai-compatible/fake-model")).status_code == 200


def test_a_short_wait_leaves_nobody_alone(machine):
    machine.connect()
    machine.post(CHAT, body("openai-compatible/fake-error-429-retry-0"))
    assert machine.post(CHAT, body()).status_code == 200


# --- The server's own ---


def test_more_calls_than_the_server_takes_are_turned_away_at_once(machine, settings, fake: Fake):
    machine.connect()
    settings.AIM_MAX_CALLS = 1
    assert asyncio.run(at_once(machine, 3, 2)) == [503, 503]
    eventually(lambda: fake.disconnects == 1)
    assert machine.post(CHAT, body()).status_code == 200


@pytest.mark.parametrize("shared", ["", "four_workers", "redis"], indirect=True)
def test_an_answer_that_may_be_endless_is_still_reckoned_with(shared, machine):
    machine.connect()
    limit(machine, tokens_per_minute=1_000)
    assert machine.post(CHAT, body(max_tokens=10**30)).status_code == 200
    assert used(machine)["tokens_per_minute"] < 100
    assert not away()


@pytest.mark.parametrize("shared", ["", "four_workers", "redis"], indirect=True)
def test_a_provider_that_counts_nonsense_does_not_drive_the_store_away(
    shared, machine, allow_private
):
    limit(machine, tokens_per_minute=1, money_per_day=Decimal(1))
    usage = b'{"prompt_tokens": 900719925474, "completion_tokens": 900719925474}'
    message = b'{"role": "assistant", "content": "Hi"}'
    provider = Provider()
    provider.answer(
        b'{"model": "x", "choices": [{"message": %b, "finish_reason": "stop"}], "usage": %b}'
        % (message, usage)
    )
    with serve(provider, lifespan="off") as provider.port:
        allow_private(f"127.0.0.1:{provider.port}")
        machine.connect("openai", base_url=f"{provider.url}/v1")
        machine.post(CHAT, body(PRICED))
    assert used(machine)["tokens_per_minute"] == 10**9
    assert 0 < used(machine)["money_per_day"] <= 10**6
    assert not away()


@pytest.mark.parametrize("shared", ["", "four_workers", "redis"], indirect=True)
def test_a_call_that_asks_for_nothing_of_a_budget_is_let_go_of_like_any_other(shared, machine):
    machine.connect()
    limit(machine, tokens_per_day=1_000, concurrent=1)
    short = {"model": "openai-compatible/fake-embedding", "input": "x"}
    answers = [machine.post("/v1/embeddings", short) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert used(machine)["concurrent"] == 0
    assert not away()


def away() -> bool:
    """Whether the limits' store did not answer."""
    assert application.gateway
    return application.gateway.guards.limits.levels.alone

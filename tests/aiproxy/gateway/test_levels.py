"""Several workers on one Valkey: what they share, what each does while it is away, and what holds when it is back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest
from asgiref.sync import sync_to_async

from aiproxy.errors import BudgetUnknown
from aiproxy.gateway import levels as module
from aiproxy.gateway.levels import Levels
from aiproxy.gateway.limits import Rule
from aiproxy.gateway.refusals import Full
from aiproxy.gateway.ticket import Part, Ticket
from aiproxy.metering import meters
from aiproxy.metering.shared_memory import SharedMemory
from aiproxy.state.redis import Redis, Unavailable
from providers.usage import Usage
from tests.factories import make_call
from tests.fakes import closed_port
from tests.servers import valkey

WORKERS = 4
NOW = datetime.now(UTC)


class Valkey:
    """One that can be stopped, and started again with nothing in it."""

    def __init__(self) -> None:
        self.port = closed_port()
        self._stack = ExitStack()
        self.url = ""

    def start(self) -> None:
        self.url = self._stack.enter_context(valkey(self.port))

    def stop(self) -> None:
        self._stack.close()


class Hung(SharedMemory):
    """A store that does not answer for a while."""

    def __init__(self) -> None:
        """Needs nothing."""

    async def settle(self, *args: Any) -> None:
        raise Unavailable


@pytest.fixture
def server() -> Iterator[Valkey]:
    server = Valkey()
    server.start()
    yield server
    server.stop()


@pytest.fixture
async def workers(server: Valkey, transactional_db: None) -> AsyncIterator[list[Levels]]:
    """Two of four."""
    redises = [Redis(server.url, budget=2.0, rest=0.0) for _ in "ab"]
    found = [Levels(store=SharedMemory(redis), workers=WORKERS) for redis in redises]
    yield found
    for levels, redis in zip(found, redises, strict=True):
        await levels.close()
        await redis.close()


def rule(owner_id: UUID, **limits: int) -> Rule:
    return Rule(uuid4(), owner_id, "user", None, "this account", False, limits, 0)


_names = iter(range(1_000_000))


def ticket(of: Rule, **amounts: int) -> Ticket:
    parts = [Part(of, gauge, amounts.get(gauge.name, 1)) for gauge in of.gauges(NOW)]
    return Ticket(f"t{next(_names)}", parts, NOW)


async def admitted(levels: Levels, of: Rule, tries: int, **amounts: int) -> int:
    takes = [await levels.take(ticket(of, **amounts)) for _ in range(tries)]
    return sum(full is None for full in takes)


async def spend(owner: Any, tokens: int) -> None:
    await sync_to_async(make_call)(owner, at=NOW, input_tokens=tokens)


async def test_workers_share_one_limit(workers):
    of = rule(uuid4(), concurrent=8, tokens_per_minute=1_000)
    assert await admitted(workers[0], of, 5) == 5
    assert await admitted(workers[1], of, 5) == 3


async def test_while_it_is_away_each_worker_allows_its_part(workers, server):
    of = rule(uuid4(), requests_per_minute=40)
    assert await admitted(workers[0], of, 4) == 4
    server.stop()
    assert await admitted(workers[0], of, 20) == 40 // WORKERS - 4
    assert await admitted(workers[1], of, 20) == 40 // WORKERS
    full = await workers[0].take(ticket(of))
    assert isinstance(full, Full)
    assert full.alone


async def test_a_limit_of_one_place_lets_one_through_even_then(workers, server):
    of = rule(uuid4(), concurrent=1)
    server.stop()
    assert await admitted(workers[0], of, 3) == 1


async def test_when_it_is_back_it_rules_again(workers, server):
    of = rule(uuid4(), requests_per_minute=40)
    server.stop()
    await admitted(workers[0], of, 1)
    server.start()
    assert await admitted(workers[0], of, 60) == 40
    assert not workers[0].alone


async def test_what_a_call_gives_back_frees_all_workers(workers):
    of = rule(uuid4(), concurrent=1, tokens_per_day=1_000)
    first = ticket(of, tokens_per_day=900)
    assert await workers[0].take(first) is None
    assert await admitted(workers[1], of, 1) == 0
    await workers[0].settle(first, Usage(30, 10), None)
    assert await admitted(workers[1], of, 1, tokens_per_day=960) == 1


async def test_a_restart_that_forgets_everything_does_not_give_a_budget_back(workers, server, bob):
    of = rule(bob.pk, tokens_per_day=100)
    await spend(bob, 60)
    assert await admitted(workers[0], of, 1, tokens_per_day=30) == 1
    server.stop()
    server.start()
    assert await admitted(workers[1], of, 2, tokens_per_day=30) == 1


async def test_what_was_spent_while_it_was_away_counts_when_it_is_back(workers, server, bob):
    """Its own memory of the budget is kept; what was settled meanwhile it learns from the records."""
    of = rule(bob.pk, tokens_per_day=100)
    store = workers[0].store
    assert await admitted(workers[0], of, 1, tokens_per_day=10) == 1
    server.stop()
    called = ticket(of, tokens_per_day=50)
    assert await workers[0].take(called) is None
    await spend(bob, 80)
    await workers[0].settle(called, Usage(80, 0), None)
    server.start()
    await store.take(called.asks, "before the crash", {called.budget_meters[0].key: 5})
    assert await admitted(workers[0], of, 1, tokens_per_day=30) == 0


async def test_a_worker_on_its_own_knows_what_others_had_used_of_a_budget(workers, server):
    of = rule(uuid4(), tokens_per_day=100)
    assert await admitted(workers[1], of, 1, tokens_per_day=70) == 1
    assert await admitted(workers[0], of, 1, tokens_per_day=10) == 1
    server.stop()
    assert await admitted(workers[0], of, 1, tokens_per_day=30) == 0
    assert await admitted(workers[0], of, 1, tokens_per_day=20) == 1


async def test_a_worker_on_its_own_learns_what_others_spend(workers, server, bob, monkeypatch):
    monkeypatch.setattr(module, "STALE_SECONDS", 0.0)
    of = rule(bob.pk, tokens_per_day=100)
    server.stop()
    assert await admitted(workers[0], of, 1, tokens_per_day=10) == 1
    await spend(bob, 85)
    assert await admitted(workers[0], of, 1, tokens_per_day=10) == 0


async def test_what_a_living_worker_holds_outlives_its_lease(workers):
    of, store = rule(uuid4(), concurrent=1), workers[0].store
    store.now = workers[1].store.now = 1_800_000_000.0
    assert await admitted(workers[0], of, 1) == 1
    store.now += meters.LEASE_SECONDS - 1
    await workers[0].renew(store)
    workers[1].store.now += meters.LEASE_SECONDS + 1
    assert await admitted(workers[1], of, 1) == 0
    workers[1].store.now += meters.LEASE_SECONDS
    assert await admitted(workers[1], of, 1) == 1


async def test_what_ended_while_it_did_not_answer_holds_no_place_when_it_is_back(workers, bob):
    of = rule(bob.pk, concurrent=1)
    ended = ticket(of)
    assert await workers[0].take(ended) is None
    workers[0].store, store = Hung(), workers[0].store
    await workers[0].settle(ended, None, None)
    workers[0].store = store
    assert await workers[0].take(ticket(of)) is not None  # so it hears that the store is back
    await asyncio.gather(*workers[0]._tasks)
    assert await workers[1].take(ticket(of)) is None


async def test_a_caller_that_leaves_while_the_store_is_asked_leaves_nothing_behind(workers):
    of = rule(uuid4(), concurrent=1)
    task = asyncio.create_task(workers[0].take(ticket(of)))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    while await admitted(workers[1], of, 1) == 0:  # noqa: ASYNC110  # nobody tells when the store has let go
        await asyncio.sleep(0.01)


# --- One worker ---


async def test_a_budget_begins_with_what_the_records_say_and_is_read_once(
    transactional_db, bob, queries_of_server
):
    await spend(bob, 60)
    levels, of = Levels(), rule(bob.pk, tokens_per_day=100)
    with queries_of_server() as queries:
        takes = [levels.take(ticket(of, tokens_per_day=10)) for _ in range(20)]
        refused = [full for full in await asyncio.gather(*takes) if full is not None]
    assert len(refused) == 16
    assert len(queries) == 1
    await levels.close()


async def test_without_what_was_spent_nothing_may_be_spent(transactional_db, bob, monkeypatch):
    from django.db import OperationalError

    def away(*args: Any, **kwargs: Any) -> None:
        raise OperationalError

    monkeypatch.setattr("aiproxy.gateway.limits.spent", away)
    levels = Levels()
    with pytest.raises(BudgetUnknown):
        await levels.take(ticket(rule(bob.pk, tokens_per_day=100)))
    await levels.close()


async def test_of_several_that_refuse_the_one_that_frees_last_is_told():
    levels, of = Levels(), rule(uuid4(), requests_per_minute=1, concurrent=1)
    await levels.take(ticket(of))
    full = await levels.take(ticket(of))
    assert full is not None
    assert full.part.gauge.name == "requests_per_minute"
    assert Decimal(round(full.wait)) == 60
    await levels.close()

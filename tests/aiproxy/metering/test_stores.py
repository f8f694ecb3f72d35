"""The stores do what the arithmetic says, step by step; and two processes that share one admit no call too many."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aiproxy.metering import meters
from aiproxy.metering.database import DatabaseLevels
from aiproxy.metering.meters import Ask, Level, Meter
from aiproxy.metering.shared_memory import SharedMemory
from aiproxy.metering.store import Store, Taken
from aiproxy.models import LimitLevel
from aiproxy.state.redis import Redis
from aiproxy.state.thread import DatabaseThread
from tests.servers import postgres, valkey

ROOT = Path(__file__).parents[3]
START = 1_800_000_000.0
METERS = [
    Meter("rate", "rate", 10),
    Meter("places", "places", 3),
    Meter("budget", "budget", 50, ends=START + 10_000),
]

asks = st.lists(
    st.builds(Ask, st.sampled_from(METERS), st.integers(0, 20)),
    min_size=1,
    max_size=3,
    unique_by=lambda ask: ask.meter,
)
leases = st.sampled_from("abcdef")
steps = st.lists(
    st.one_of(
        st.tuples(st.just("take"), asks, leases),
        st.tuples(st.just("settle"), leases, st.integers(0, 30)),
        st.tuples(st.just("renew"), leases),
        st.tuples(st.just("later"), st.floats(0.01, 70)),
    ),
    max_size=25,
)


class Reference:
    """The arithmetic itself."""

    def __init__(self) -> None:
        self.levels = {meter.key: Level() for meter in METERS}

    def take(self, asks: list[Ask], lease: str, now: float) -> tuple[bool, list[float]]:
        levels = [self.levels[ask.meter.key] for ask in asks]
        return meters.take(levels, asks, lease, now, now + meters.LEASE_SECONDS)

    def settle(self, asks: list[Ask], lease: str, actual: list[int], now: float) -> None:
        for ask, amount in zip(asks, actual, strict=True):
            meters.settle(self.levels[ask.meter.key], ask, lease, amount, now)

    def renew(self, asks: list[Ask], lease: str, now: float) -> None:
        for ask in asks:
            if ask.meter.kind != "rate":
                level = self.levels[ask.meter.key]
                meters.used(level, ask.meter, now)
                meters.put(level, ask, lease, now, now + meters.LEASE_SECONDS)

    def used(self, now: float) -> list[float]:
        return [meters.used(self.levels[meter.key], meter, now) for meter in METERS]


async def compare(store: Any, steps: list[tuple[Any, ...]]) -> None:
    reference, now, taken = Reference(), START, dict[str, list[Ask]]()
    for step in steps:
        store.now = now
        match step:
            case ("later", seconds):
                now += seconds
            case ("take", asks, lease) if lease not in taken:
                expected, before = reference.take(asks, lease, now)
                found = await store.take(asks, lease, {"budget": 0})
                assert found == (expected, pytest.approx(before, abs=1e-4), False)
                if expected:
                    taken[lease] = asks
            case ("settle", lease, amount) if lease in taken:
                asks = taken.pop(lease)
                actual = [0 if ask.meter.kind == "places" else amount for ask in asks]
                reference.settle(asks, lease, actual, now)
                await store.settle(asks, lease, actual)
            case ("renew", lease) if lease in taken:
                reference.renew(taken[lease], lease, now)
                await store.renew(taken[lease], lease)
    store.now = now
    await store.take([Ask(METERS[2], 1_000)], "last", {"budget": 0})  # so that it is known
    assert await store.used(METERS) == pytest.approx(reference.used(now), abs=1e-4)


@pytest.fixture(scope="module")
def valkey_url() -> Iterator[str]:
    with valkey() as url:
        yield url


@given(steps)
@settings(max_examples=60, deadline=None)
def test_redis_does_what_the_arithmetic_says(valkey_url, steps):
    async def run() -> None:
        redis = Redis(valkey_url, budget=5.0)
        await redis.do("FLUSHALL")
        try:
            await compare(SharedMemory(redis), steps)
        finally:
            await redis.close()

    asyncio.run(run())


@given(steps)
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_the_database_does_what_the_arithmetic_says(transactional_db, steps):
    async def run() -> None:
        thread = DatabaseThread("test")
        try:
            await compare(DatabaseLevels(thread), steps)
        finally:
            await thread.close()

    LimitLevel.objects.all().delete()
    asyncio.run(run())


@pytest.fixture(params=["valkey", "database"])
async def store(request: Any, valkey_url: str, transactional_db: None) -> AsyncIterator[Store]:
    thread, redis = DatabaseThread("test"), Redis(valkey_url, budget=5.0)
    await redis.do("FLUSHALL")
    yield SharedMemory(redis) if request.param == "valkey" else DatabaseLevels(thread)
    await redis.close()
    await thread.close()


async def test_a_budget_nobody_has_told_is_not_taken_from(store):
    ask = Ask(METERS[2], 1)
    assert await store.take([ask], "a", {}) == Taken(False, [], untold=True)
    assert await store.used([ask.meter]) == [None]
    assert await store.take([ask], "a", {"budget": 49}) == Taken(True, [49])
    assert await store.take([ask], "b", {}) == Taken(False, [50])
    assert await store.used([ask.meter]) == [50]


async def test_telling_again_never_lowers_a_budget(store):
    ask = Ask(METERS[2], 1)
    await store.take([ask], "a", {"budget": 40})
    assert (await store.take([ask], "b", {"budget": 10})).before == [41]
    assert (await store.take([ask], "c", {"budget": 45})).before == [47]


async def test_what_is_over_leaves_no_rows(transactional_db):
    thread = DatabaseThread("test")
    store = DatabaseLevels(thread)
    store.now = START
    await store.take([Ask(meter, 1) for meter in METERS], "a", {"budget": 0})
    store.now = START + 20_000
    await store.sweep()
    assert not await LimitLevel.objects.aexists()
    await thread.close()


# --- Two processes ---

CONTEND = """
import asyncio, sys, django
django.setup()
from django.db import connection
from aiproxy.metering.database import DatabaseLevels
from aiproxy.metering.meters import Ask, Meter
from aiproxy.metering.shared_memory import SharedMemory
from aiproxy.models import LimitLevel
from aiproxy.state.redis import Redis
from aiproxy.state.thread import DatabaseThread

METER = Meter("contended", "budget", 50, ends=4e9)

def create():
    with connection.schema_editor() as editor:
        editor.create_model(LimitLevel)

async def main(name, url):
    thread, redis = DatabaseThread("contend"), Redis(url or "redis://none", budget=20)
    store = SharedMemory(redis) if url else DatabaseLevels(thread)
    print("ready", flush=True)
    while sys.stdin.readline().strip() == "create":
        await thread.run(create)
        print("created", flush=True)
    takes = [store.take([Ask(METER, 1)], f"{name}{n}", {"contended": 0}) for n in range(100)]
    print(sum(taken.fit for taken in await asyncio.gather(*takes)), flush=True)
    await redis.close()
    await thread.close()

asyncio.run(main(*sys.argv[1:]))
"""


def answer(process: subprocess.Popen[str], word: str = "") -> str:
    """The process's next line, after ``word`` if one is given."""
    assert process.stdin
    assert process.stdout
    if word:
        process.stdin.write(f"{word}\n")
        process.stdin.flush()
    return process.stdout.readline().strip()


@pytest.mark.parametrize("shared", ["valkey", "postgres", "sqlite"])
def test_two_processes_admit_fifty_of_two_hundred(shared, tmp_path, request):
    environment = {
        "PATH": os.environ["PATH"],
        "AIM_DATA_DIR": str(tmp_path),
        "DJANGO_SETTINGS_MODULE": "marketplace.settings",
        "PYTHONPATH": str(ROOT),
    }
    with ExitStack() as stack:
        url = request.getfixturevalue("valkey_url") if shared == "valkey" else ""
        if shared == "postgres":
            environment["DATABASE_URL"] = stack.enter_context(postgres())
        processes = [
            subprocess.Popen(
                [sys.executable, "-c", CONTEND, name, url],
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for name in "ab"
        ]
        assert [answer(process) for process in processes] == ["ready", "ready"]
        if not url:
            assert answer(processes[0], "create") == "created"
        with ThreadPoolExecutor() as both:
            admitted = list(
                both.map(lambda process: int(process.communicate("go\n")[0]), processes)
            )
    assert sum(admitted) == 50

"""Redis under a budget, against a real Valkey on a line that can be slow."""

from __future__ import annotations

import asyncio

import pytest
from structlog.testing import capture_logs

from aiproxy.state.redis import CONNECTIONS, Redis, Unavailable
from tests.fakes import closed_port
from tests.servers import slow_line, valkey

COUNT = "return redis.call('INCR', KEYS[1]) + ARGV[1]"


@pytest.fixture(scope="module")
def url():
    with valkey() as url:
        yield url


@pytest.fixture
def line(url):
    with slow_line(url) as line:
        yield line


@pytest.fixture
async def redis(line):
    """Looks again at once after a failure, and waits longer than a busy machine lets a test wait."""
    redis = Redis(line.url, budget=1.0, rest=0.0)
    await redis.do("FLUSHALL")
    yield redis
    await redis.close()


async def late(redis: Redis, *command: str) -> None:
    with pytest.raises(Unavailable):
        await redis.do(*command)


async def test_a_script_is_run_with_prefixed_keys(redis):
    assert await redis.run(COUNT, ["n"], [10]) == 11
    assert await redis.do("GET", "aim:n") == b"1"


async def test_a_restarted_server_is_sent_the_script_again(redis):
    await redis.run(COUNT, ["n"], [10])
    await redis.do("SCRIPT", "FLUSH")
    assert await redis.run(COUNT, ["n"], [10]) == 12


async def test_what_comes_too_late_is_no_later_callers_answer(redis, line):
    for n in range(30):
        await redis.do("SET", f"k{n}", f"v{n}")
    redis._budget = 0.02
    line.seconds = 0.03
    await asyncio.gather(*(late(redis, "GET", f"k{n}") for n in range(30)))
    line.seconds, redis._budget = 0.0, 1.0
    answers = await asyncio.gather(*(redis.do("GET", f"k{n}") for n in range(30)))
    assert answers == [f"v{n}".encode() for n in range(30)]


async def test_a_caller_that_leaves_leaves_no_answer_behind(redis, line):
    await redis.do("SET", "secret", "another's")
    line.seconds = 0.05
    gone = [asyncio.create_task(redis.do("GET", "secret")) for _ in range(CONNECTIONS)]
    await asyncio.sleep(0.02)
    for task in gone:
        task.cancel()
    await asyncio.gather(*gone, return_exceptions=True)
    await asyncio.sleep(0.1)
    line.seconds = 0.0
    assert await redis.do("GET", "mine") is None
    assert not redis.degraded


async def test_many_at_once_share_a_few_connections(redis, url):
    await asyncio.gather(*(redis.do("INCR", "n") for _ in range(500)))
    assert await redis.do("GET", "n") == b"500"
    clients = await redis.do("CLIENT", "LIST")
    assert len(clients.splitlines()) <= CONNECTIONS + 1


async def test_while_it_rests_nobody_waits_for_it(line):
    redis = Redis(line.url, budget=0.05, rest=60.0)
    line.seconds = 2.0
    await late(redis, "PING")
    async with asyncio.timeout(1.0):  # a hundred budgets would be five seconds
        await asyncio.gather(*(late(redis, "PING") for _ in range(100)))
        for _ in range(100):
            await late(redis, "PING")
    await redis.close()


async def test_after_the_rest_one_call_looks_and_the_others_go_on(line):
    redis = Redis(line.url, budget=0.3, rest=0.01)
    line.seconds = 2.0
    await late(redis, "PING")
    redis._rest = 60.0
    await asyncio.sleep(0.02)
    looking = asyncio.create_task(redis.do("PING"))
    await asyncio.sleep(0)
    async with asyncio.timeout(0.25):
        await late(redis, "PING")
    assert not looking.done()
    with pytest.raises(Unavailable):
        await looking
    await redis.close()


async def test_a_server_that_is_not_there_is_said_once_and_so_is_its_return():
    port = closed_port()
    redis = Redis(f"redis://127.0.0.1:{port}/0", budget=1.0, rest=0.0)
    with capture_logs() as lines:
        await late(redis, "PING")
        await late(redis, "PING")
        assert redis.degraded
        with valkey(port):
            assert await redis.run(COUNT, ["n"], [1]) == 2
        await late(redis, "PING")
        with valkey(port):
            assert await redis.run(COUNT, ["n"], [1]) == 2
    await redis.close()
    assert not redis.degraded
    said = [line["event"] for line in lines]
    assert said == ["redis.unavailable", "redis.back"] * 2


async def test_a_server_that_refuses_is_as_good_as_away(redis):
    with capture_logs() as lines:
        await late(redis, "NO-SUCH-COMMAND", "canary")
    assert [line["event"] for line in lines] == ["redis.refused"]
    assert "canary" not in str(lines)

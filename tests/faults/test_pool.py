"""R18: calls that end at the moment a connection is handed to them take nothing away from the pool."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest

from aiproxy.upstream import transport
from aiproxy.upstream.client import Upstream
from aiproxy.upstream.send import Timeouts, send
from providers.wire import WireRequest
from tests.aiproxy.connections import LoopbackAllowed, connect

CHAT = {"model": "fake-fast", "messages": [{"role": "user", "content": "Hello"}]}
REQUEST = WireRequest("POST", "/chat/completions", CHAT)
PATIENT = Timeouts(connect=5, first_byte=20, idle=20, total=20)


@pytest.mark.parametrize("calls", [500, pytest.param(10_000, marks=pytest.mark.full)])
@pytest.mark.timeout(300)
async def test_cancelled_calls_leave_the_pool_empty_and_whole(fake, monkeypatch, calls):
    monkeypatch.setattr(transport, "CONNECTIONS", 4)
    random.seed(18)
    async with Upstream(LoopbackAllowed()) as upstream:
        connection = connect(fake.url + "/v1")

        async def call() -> int:
            return (await send(upstream, connection, REQUEST, PATIENT)).status

        for _ in range(calls // 50):
            batch = [asyncio.create_task(call()) for _ in range(50)]
            for one in batch:
                await asyncio.sleep(random.choice((0, 0, 0.001)))
                one.cancel()
            await asyncio.gather(*batch, return_exceptions=True)
        assert await asyncio.gather(*(call() for _ in range(100))) == [200] * 100
        guarded: Any = upstream._transport
        assert not guarded._session.connector._acquired

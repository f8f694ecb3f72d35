from __future__ import annotations

import asyncio

import httpx
import pytest

from aiproxy.upstream.client import Upstream, at_hand, shared
from tests.fakes import serve_raw


async def test_it_cannot_be_used_before_it_is_open():
    with pytest.raises(RuntimeError):
        await Upstream().exchange(httpx.Request("GET", "https://api.example/"))


async def test_the_settings_say_what_private_may_be_called(allow_private):
    async def ok(line) -> None:
        await line.send(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")

    with serve_raw(ok) as server:
        async with Upstream() as upstream:
            allow_private(f"127.0.0.1:{server.port}")  # after it was opened: settings hold at once
            response = await upstream.exchange(httpx.Request("GET", server.url))
    assert response.status_code == 200


async def test_the_servers_own_is_at_hand_where_it_is_open():
    async with shared(), at_hand() as upstream:
        assert upstream is shared()


async def test_elsewhere_one_for_the_moment_is_at_hand():
    async with at_hand() as upstream:
        assert upstream is not shared()
        assert upstream.is_open_here
    assert not upstream.is_open_here


async def test_another_loops_client_is_not_at_hand():
    async def is_shared() -> bool:
        async with at_hand() as upstream:
            return upstream is shared()

    async with shared():
        assert not await asyncio.to_thread(asyncio.run, is_shared())


async def test_it_can_be_closed_twice_and_opened_again():
    upstream = Upstream()
    for _ in range(2):
        await upstream.open()
        assert upstream.is_open_here
        await upstream.close()
        await upstream.close()

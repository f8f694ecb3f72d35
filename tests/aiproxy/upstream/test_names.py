"""Looking up names: one that hangs is its own affair."""

from __future__ import annotations

import asyncio
import socket
import threading

import pytest

from aiproxy.upstream import names
from aiproxy.upstream.names import LookUps

GOOD = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.1", 443))]


@pytest.fixture
def server(monkeypatch):
    """A name server that keeps silent about every name with "slow" in it until it is ``woken``."""
    woken = threading.Event()
    asked: list[str] = []

    def getaddrinfo(host, port, family, kind):
        asked.append(host)
        if "slow" in host:
            woken.wait(30)
        if "absent" in host:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return GOOD

    monkeypatch.setattr(names, "getaddrinfo", getaddrinfo)
    yield asked, woken
    woken.set()


async def waiting(look_ups: LookUps, name: str) -> asyncio.Task:
    task = asyncio.create_task(look_ups.addresses(name, 443, 0))
    await asyncio.sleep(0)
    return task


async def end(*tasks: asyncio.Task) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_many_silent_names_hold_up_no_other(server):
    look_ups = LookUps()
    stuck = [await waiting(look_ups, f"slow-{number}.example") for number in range(40)]
    assert await look_ups.addresses("quick.example", 443, 0) == GOOD
    await end(*stuck)


async def test_a_name_that_is_being_asked_for_is_not_asked_for_again(server):
    asked, woken = server
    look_ups = LookUps()
    first = await waiting(look_ups, "slow.example")
    await end(first)  # its thread goes on waiting
    second = await waiting(look_ups, "slow.example")
    woken.set()
    assert await second == GOOD
    assert asked == ["slow.example"]


async def test_there_is_a_most_of_look_ups(server, monkeypatch):
    monkeypatch.setattr(names, "MOST", 2)
    look_ups = LookUps()
    stuck = [await waiting(look_ups, f"slow-{number}.example") for number in range(2)]
    with pytest.raises(OSError, match="too many names"):
        await look_ups.addresses("quick.example", 443, 0)
    await end(*stuck)


async def test_a_name_that_failed_is_asked_for_anew(server):
    asked, _ = server
    look_ups = LookUps()
    for _ in range(2):
        with pytest.raises(socket.gaierror):
            await look_ups.addresses("absent.example", 443, 0)
    assert len(asked) == 2

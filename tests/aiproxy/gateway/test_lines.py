"""Waiting in line: in order, woken when something is given back, and never more than can be let through."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest

from aiproxy.gateway.lines import LONGEST, LineFull, Lines

LIMIT = uuid4()


async def test_each_is_first_in_the_order_of_coming():
    lines, order = Lines(), []

    async def wait(name: str) -> None:
        with lines.place(LIMIT) as place:
            while not place.first:
                await place.wait(10)
            order.append(name)
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as group:
        for name in "abcd":
            group.create_task(wait(name))
    assert order == list("abcd")
    assert lines.waiting(LIMIT) == 0


async def test_whoever_leaves_makes_room_for_the_next():
    lines = Lines()
    with lines.place(LIMIT) as first, lines.place(LIMIT) as second:
        with lines.place(LIMIT) as third:
            assert [place.first for place in (first, second, third)] == [True, False, False]
        assert not second.first
    with lines.place(LIMIT) as alone:
        assert alone.first


async def test_the_first_is_woken_when_something_is_given_back():
    lines = Lines()
    with lines.place(LIMIT) as place:
        waiting = asyncio.create_task(place.wait(60))
        await asyncio.sleep(0)
        lines.wake([uuid4()])
        await asyncio.sleep(0)
        assert not waiting.done()
        lines.wake([LIMIT])
        await waiting


async def test_a_line_is_only_so_long():
    lines = Lines()
    places = [lines.place(LIMIT) for _ in range(LONGEST)]
    for place in places:
        place.__enter__()
    with pytest.raises(LineFull), lines.place(LIMIT):
        pass
    places[0].__exit__(None, None, None)
    with lines.place(LIMIT) as last:
        assert not last.first

from __future__ import annotations

import asyncio
import time

import pytest

from aiproxy.fake.sandbox import PACE_SECONDS, Exchange
from providers.wire import WireRequest


def chat(**body: object) -> WireRequest:
    whole = {"model": "sandbox", "messages": [{"role": "user", "content": "Hello"}], **body}
    return WireRequest("POST", "/chat/completions", whole, stream=bool(body.get("stream")))


async def rest(exchange: Exchange) -> list[bytes]:
    pieces = []
    while piece := await exchange.read():
        pieces.append(piece)
    await exchange.aclose()
    return pieces


async def test_an_answer_comes_whole_and_at_once():
    exchange = Exchange(chat())
    assert (exchange.status, exchange.headers["content-type"]) == (200, "application/json")
    assert len(await rest(exchange)) == 1


async def test_a_stream_comes_word_by_word_and_not_all_at_once():
    started = time.monotonic()
    pieces = await rest(Exchange(chat(stream=True)))
    assert len(pieces) > 8
    assert time.monotonic() - started >= PACE_SECONDS * (len(pieces) - 1)


async def test_faults_work_here_too():
    assert Exchange(chat(model="fake-error-503")).status == 503
    started = time.monotonic()
    await rest(Exchange(chat(model="fake-slow-50")))
    assert time.monotonic() - started >= 0.05


async def test_a_cut_stream_just_ends():
    assert len(await rest(Exchange(chat(model="fake-cut-2", stream=True)))) == 2


async def test_silence_lasts():
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await Exchange(chat(model="fake-silence")).read()


async def test_reading_after_the_end_gives_nothing():
    exchange = Exchange(chat())
    await rest(exchange)
    assert await exchange.read() == b""

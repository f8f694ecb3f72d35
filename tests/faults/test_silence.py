"""R3–R5: providers that say nothing, or nothing that is whole; and callers that are told to go on waiting."""

from __future__ import annotations

import asyncio

import pytest

from aiproxy.models import UsageRecord
from tests.faults.dialects import ALL, ANTHROPIC, GEMINI, GEMINI_ARRAY, NATIVE, OPENAI, RESPONSES
from tests.faults.test_cut_streams import CHUNKED, chunk, said
from tests.waiting import eventually

COMMENT = ": keep-alive\n\n"
PING = 'event: ping\ndata: {"type":"ping"}\n\n'
ALIVE = ((NATIVE, COMMENT), (OPENAI, COMMENT), (RESPONSES, COMMENT), (ANTHROPIC, PING))


@pytest.fixture
def quick_pulse(settings):
    settings.AIM_KEEPALIVE_SECONDS = 0.1


@pytest.fixture
def short_idle(settings):
    settings.AIM_FIRST_TOKEN_TIMEOUT = settings.AIM_IDLE_TIMEOUT = 0.4


@pytest.fixture
def short_total(settings):
    settings.AIM_TOTAL_TIMEOUT = 1.5


def read(machine, dialect, model: str):
    path, body = dialect.ask(f"openai-compatible/{model}")
    with machine.stream(path, body) as response:
        return response, response.read().decode()


# --- Keep-alive ---


@pytest.mark.parametrize(("dialect", "sign"), ALIVE, ids=[one.name for one, _ in ALIVE])
def test_a_silent_stream_says_that_it_is_alive(quick_pulse, machine, dialect, sign):
    machine.connect()
    _, text = read(machine, dialect, "fake-pace-250-chunks-3")
    assert text.count(sign) >= 2
    assert dialect.end in text


@pytest.mark.parametrize(("dialect", "sign"), ALIVE, ids=[one.name for one, _ in ALIVE])
def test_a_caller_that_waits_for_the_first_word_hears_that_it_will_come(
    quick_pulse, machine, dialect, sign
):
    machine.connect()
    response, text = read(machine, dialect, "fake-slow-300")
    assert text.startswith(sign)
    assert dialect.end in text
    assert response.headers["content-type"] == "text/event-stream; charset=utf-8"


@pytest.mark.parametrize("dialect", [GEMINI, GEMINI_ARRAY], ids=lambda one: one.name)
def test_googles_clients_hear_nothing_they_would_not_understand(quick_pulse, machine, dialect):
    machine.connect()
    _, text = read(machine, dialect, "fake-slow-300-pace-250-chunks-3")
    assert "keep-alive" not in text
    assert dialect.end in text


def test_a_lively_stream_is_not_interrupted(machine):
    machine.connect()
    assert "keep-alive" not in read(machine, OPENAI, "fake-pace-10-chunks-5")[1]


@pytest.mark.parametrize(("dialect", "sign"), ALIVE, ids=[one.name for one, _ in ALIVE])
def test_a_failure_after_the_first_sign_of_life_is_an_event(
    quick_pulse, short_idle, machine, dialect, sign
):
    machine.connect()
    response, text = read(machine, dialect, "fake-silence")
    assert response.status_code == 200
    assert text.startswith(sign)
    assert dialect.error(text)
    assert dialect.end not in text


def test_a_failure_after_it_is_still_tried_again(quick_pulse, machine, provider):
    """Nothing of an answer has left, so nothing can come twice."""
    refused: list[object] = []

    async def script(line) -> None:
        if not refused:
            refused.append(line)
            await asyncio.sleep(0.3)
            await line.send(b"HTTP/1.1 503 Busy\r\ncontent-length: 0\r\nretry-after: 0\r\n\r\n")
        else:
            words = said(content="Hello") + said("stop") + b"data: [DONE]\n\n"
            await line.send(CHUNKED + chunk(words) + b"0\r\n\r\n")

    server = provider(script)
    _, text = read(machine, OPENAI, "m")
    assert text.startswith(COMMENT)
    assert "Hello" in text and OPENAI.end in text
    assert server.connections == 2


# --- Deadlines ---


@pytest.mark.parametrize("dialect", ALL, ids=lambda one: one.name)
def test_a_provider_that_accepts_and_keeps_silent_is_a_504(short_timeouts, machine, dialect):
    machine.connect()
    response, _ = read(machine, dialect, "fake-silence")
    assert response.status_code == 504
    eventually(lambda: machine.fake.disconnects == 1)


def test_endless_continues_are_a_504(short_timeouts, machine, provider):
    async def script(line) -> None:
        while True:
            await line.send(b"HTTP/1.1 100 Continue\r\n\r\n")
            await asyncio.sleep(0.01)

    server = provider(script)
    assert read(machine, OPENAI, "m")[0].status_code == 504
    eventually(lambda: server.closed == 1)


def drip(data: bytes):
    async def script(line) -> None:
        await line.send(CHUNKED + chunk(said(content="Hello")))
        while True:
            for byte in data:
                await line.send(chunk(bytes([byte])))
                await asyncio.sleep(0.02)

    return script


def test_bytes_that_become_no_event_are_cut_by_the_idle_limit(short_idle, machine, provider):
    """R4. The total limit is minutes away, so only the idle limit can have ended it."""
    server = provider(drip(b"x"))
    _, text = read(machine, OPENAI, "m")
    assert OPENAI.error(text)
    assert UsageRecord.objects.get().outcome == "timeout"
    eventually(lambda: server.closed == 1)


@pytest.mark.parametrize(
    ("provider_id", "model"),
    [("openai-compatible", "fake-ping-50"), ("anthropic-compatible", "fake-ping-50")],
)
def test_pings_keep_a_stream_alive_until_the_total_limit(
    short_idle, short_total, machine, provider_id, model
):
    """R34. What ends it is told by how long it was alive: several times the idle limit."""
    machine.connect(provider_id)
    path, body = OPENAI.ask(f"{provider_id}/{model}")
    with machine.stream(path, body) as response:
        assert OPENAI.error(response.read().decode())
    record = UsageRecord.objects.get()
    assert record.outcome == "timeout"
    assert record.latency_ms >= 1400

"""R6–R8, R34: a stream that breaks off ends in an error event of the caller's dialect, never in a false end."""

from __future__ import annotations

import asyncio
import json

import pytest

from aiproxy.models import UsageRecord
from tests.faults.dialects import ALL, OPENAI, Dialect

CHUNKED = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
)
UNTIL_CLOSE = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"


def said(finish: str | None = None, **delta: str) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return b"data: " + json.dumps({"id": "c", "model": "m", "choices": [choice]}).encode() + b"\n\n"


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


WORDS = said(role="assistant", content="Hello ") + said(content="there")


async def cut_chunks(line) -> None:
    await line.send(CHUNKED + chunk(WORDS))


async def cut_between(line) -> None:
    """A body without a length just ends: nothing tells the HTTP client that it is not all."""
    await line.send(UNTIL_CLOSE + WORDS)


async def reset(line) -> None:
    await line.send(CHUNKED + chunk(WORDS))
    await asyncio.sleep(0.05)  # what is sent is read before the reset throws it away
    line.reset()


async def error_within(line) -> None:
    error = {"error": {"message": "Overloaded", "type": "overloaded_error", "code": 529}}
    await line.send(UNTIL_CLOSE + WORDS + b"data: " + json.dumps(error).encode() + b"\n\n")


def read(machine, dialect: Dialect, model: str = "openai-compatible/m") -> str:
    path, body = dialect.ask(model)
    with machine.stream(path, body) as response:
        assert response.status_code == 200
        text: str = response.read().decode()
    return text


@pytest.mark.parametrize("dialect", ALL, ids=lambda one: one.name)
@pytest.mark.parametrize("script", [cut_chunks, cut_between, reset, error_within])
def test_a_broken_stream_ends_in_an_error_and_in_no_false_end(machine, provider, script, dialect):
    provider(script)
    text = read(machine, dialect)
    assert "there" in text
    assert dialect.error(text)
    assert dialect.end not in text


@pytest.mark.parametrize("script", [cut_chunks, cut_between, reset])
def test_what_was_seen_of_a_broken_stream_is_billed(machine, provider, script):
    provider(script)
    read(machine, OPENAI)
    record = UsageRecord.objects.get()
    assert (record.outcome, record.usage_source) == ("network_error", "estimated")
    assert record.output_tokens == 3  # "Hello there", four characters each


async def finished_and_gone(line) -> None:
    await line.send(UNTIL_CLOSE + WORDS + said("stop"))


def test_a_stream_that_ends_after_its_finish_reason_is_complete(machine, provider):
    """The provider has said that this was all; only its count is missing, so that is estimated. Some hosts never
    send more than this.
    """
    provider(finished_and_gone)
    text = read(machine, OPENAI)
    assert OPENAI.end in text
    record = UsageRecord.objects.get()
    assert (record.outcome, record.finish, record.usage_source) == ("ok", "stop", "estimated")


async def finished_and_reset(line) -> None:
    await line.send(CHUNKED + chunk(WORDS + said("stop")))


def test_a_connection_that_breaks_after_the_finish_reason_is_an_error_all_the_same(
    machine, provider
):
    """Whether more was on its way (another choice, the count) nobody can tell."""
    provider(finished_and_reset)
    text = read(machine, OPENAI)
    assert OPENAI.error(text)
    assert OPENAI.end not in text


def test_an_error_before_the_first_word_still_has_its_status(machine):
    """R34: nothing has left yet, so it is tried again, and then told as what it is."""
    machine.connect()
    path, body = OPENAI.ask("openai-compatible/fake-fail-0")
    response = machine.post(path, body)
    assert response.status_code == 502
    assert "error" in response.json()


def test_errors_within_streams_count_against_the_provider(machine):
    machine.connect()
    for _ in range(5):
        assert OPENAI.error(read(machine, OPENAI, "openai-compatible/fake-fail-1"))
    path, body = OPENAI.ask("openai-compatible/fake-model")
    assert "left alone" in machine.post(path, body).json()["error"]["message"]

"""Lines on their way out: in order, without waiting, and honest about those that were lost."""

from __future__ import annotations

import logging
import os

import pytest

from marketplace import log_lines
from marketplace.log_lines import LineHandler
from tests.waiting import eventually


@pytest.fixture
def pipe():
    """(handler, read): what the handler writes can be read; until then it is stuck as soon as the pipe is full."""
    reading, writing = os.pipe()
    handler = LineHandler(writing)
    yield handler, lambda: os.read(reading, 1 << 20)
    os.close(reading)
    os.close(writing)


def say(handler: LineHandler, text: str) -> None:
    handler.handle(logging.makeLogRecord({"msg": text, "levelno": logging.INFO}))


def test_lines_come_in_order_and_flush_waits_for_them(pipe):
    handler, read = pipe
    for number in range(100):
        say(handler, f"line {number}")
    handler.flush()
    assert read().decode().splitlines() == [f"line {number}" for number in range(100)]


def test_lines_beyond_the_most_are_dropped_and_it_is_told_how_many(pipe, monkeypatch):
    monkeypatch.setattr(log_lines, "MOST", 5)
    handler, read = pipe
    long = "x" * 70_000  # more than a pipe holds
    say(handler, long)
    eventually(lambda: handler._waiting.qsize() == 0)  # the thread is stuck with it
    for number in range(8):
        say(handler, f"line {number}")
    assert handler.dropped == 3
    handler.setFormatter(logging.Formatter("%(message)s %(lines)s", defaults={"lines": ""}))
    seen = b""
    while b"line 4" not in seen:
        seen += read()
    assert b"log.lines_dropped 3\n" in seen
    assert b"line 5" not in seen
    assert handler.dropped == 0


def test_a_flush_does_not_wait_for_a_sink_that_is_stuck(pipe, monkeypatch):
    monkeypatch.setattr(log_lines, "FLUSH_SECONDS", 0.05)
    handler, read = pipe
    say(handler, "x" * 70_000)
    handler.flush()
    read()


def test_a_sink_that_is_gone_stops_nobody():
    reading, writing = os.pipe()
    os.close(reading)
    handler = LineHandler(writing)
    say(handler, "into the void")
    handler.flush()
    assert handler.dropped == 1
    os.close(writing)


def test_a_line_that_cannot_be_made_is_left_out(pipe, monkeypatch):
    monkeypatch.setattr(logging, "raiseExceptions", False)
    handler, read = pipe
    handler.handle(logging.makeLogRecord({"msg": "%d", "args": ("no number",)}))
    say(handler, "the next")
    handler.flush()
    assert read() == b"the next\n"

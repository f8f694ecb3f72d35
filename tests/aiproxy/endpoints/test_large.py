"""Bodies that would hold up every other call while they are read."""

from __future__ import annotations

import asyncio
import threading

import pytest

from aiproxy.endpoints import large
from aiproxy.endpoints.body import parse
from aiproxy.protocols.openai import PROTOCOL
from providers.errors import InvalidRequest

FILLER = " " * large.LARGE
CHAT = {"model": "sandbox/sandbox", "messages": [{"role": "user", "content": "Say hello."}]}


def test_a_large_body_is_read_beside_the_event_loop(machine, monkeypatch):
    """The gateway's reading is the first: the fake provider reads in the same format."""
    threads = []

    def parse(self, body):
        threads.append(threading.get_ident())
        return original(self, body)

    original = type(PROTOCOL).parse_request
    monkeypatch.setattr(type(PROTOCOL), "parse_request", parse)
    long = {"role": "user", "content": "Say hello." + FILLER}
    for messages in (CHAT["messages"], [long]):
        response = machine.post("/v1/chat/completions", CHAT | {"messages": messages})
        assert response.status_code == 200
    loop, *_ = threads
    beside = threads[len(threads) // 2]
    assert beside != loop


@pytest.mark.parametrize(
    "crowd",
    [b"[" + b"1," * large.MOST_VALUES + b"1]", b"[" + b"[]," * large.MOST_BRACKETS + b"[]]"],
    ids=["values", "brackets"],
)
def test_a_body_of_too_many_values_is_refused(crowd):
    with pytest.raises(InvalidRequest, match="too many values"):
        asyncio.run(large.decoded(b'{"messages":' + crowd + b"}", parse))


def test_long_texts_are_no_crowd():
    body = b'{"text":"' + b"a, b: c; " * 500_000 + b'"}'
    assert asyncio.run(large.decoded(body, parse))["text"].startswith("a, b")

"""A caller that leaves stops the provider's call, and what it used is still recorded."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from aiproxy.endpoints.exchange import Endpoint
from aiproxy.models import UsageRecord
from aiproxy.protocols.native import PROTOCOL
from tests.waiting import eventually

MESSAGES = [{"role": "user", "content": "Say hello."}]


@pytest.mark.parametrize("stream", [False, True])
def test_leaving_before_the_first_byte_ends_the_providers_call(machine, stream):
    machine.connect()
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(
            machine.url + "/v1/chat/completions",
            json={
                "model": "openai-compatible/fake-silence",
                "messages": MESSAGES,
                "stream": stream,
            },
            headers={"authorization": f"Bearer {machine.token}"},
            timeout=0.5,
        )
    eventually(lambda: machine.fake.disconnects == 1)
    eventually(lambda: UsageRecord.objects.filter(outcome="cancelled").count() == 1)


def test_leaving_within_a_stream_ends_the_providers_call_and_bills_what_was_seen(machine):
    machine.connect()
    with machine.stream(
        "/v1/chat/completions",
        {"model": "openai-compatible/fake-stall", "messages": MESSAGES, "stream": True},
    ) as response:
        next(response.iter_lines())
    eventually(lambda: machine.fake.disconnects == 1)
    eventually(lambda: UsageRecord.objects.filter(outcome="cancelled").count() == 1)
    record = UsageRecord.objects.get()
    assert record.usage_source == "estimated"
    assert record.output_tokens > 0


def test_a_call_that_the_shutdown_ends_is_answered_and_raises_nothing(monkeypatch):
    """What it raised, the server would log with a traceback for each open call."""
    sent: list[dict[str, Any]] = []

    async def nobody(headers, address):
        return None

    async def receive():
        if not sent:
            sent.append({"type": "received"})
            return {"type": "http.request", "body": b"{}", "more_body": False}
        await asyncio.sleep(60)

    async def send(message):
        sent.append(message)

    async def wait(exchange):
        await asyncio.sleep(60)

    async def run():
        gateway = SimpleNamespace(calls=set(), database_away=False)
        scope = {"method": "POST", "headers": [], "aim.gateway": gateway}
        call = asyncio.create_task(Endpoint(PROTOCOL, wait)(scope, receive, send))
        await asyncio.sleep(0.05)
        call.cancel()
        await call

    monkeypatch.setattr("aiproxy.endpoints.exchange.caller_of", nobody)
    asyncio.run(run())
    assert sent[1]["status"] == 503
    assert b"shutting down" in sent[2]["body"]

"""A caller that leaves stops the provider's call, and what it used is still recorded."""

from __future__ import annotations

import httpx
import pytest

from aiproxy.models import UsageRecord
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

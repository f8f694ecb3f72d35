"""What a call's record tells about its way."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from aiproxy.actions import LimitInput, set_limit
from aiproxy.models import UsageRecord
from integrations.audit import SYSTEM

BODY = {"model": "openai-compatible/fake-fast", "messages": [{"role": "user", "content": "hello"}]}


def the_record() -> UsageRecord:
    return UsageRecord.objects.get()


def names(record: UsageRecord) -> list[str]:
    return [name for name, _ in record.journey["steps"]]


@pytest.mark.parametrize("stream", [False, True])
def test_each_step_of_a_call_has_its_time(machine, stream):
    machine.connect()
    machine.post("/v1/chat/completions", {**BODY, "stream": stream})
    record = the_record()
    wanted = ["authenticated", "read", "routed", "sent", "first event", "answered"]
    assert [name for name in wanted if name in names(record)] == [
        name for name in wanted if stream or name != "first event"
    ]
    times = [at for _, at in record.journey["steps"]]
    assert times == sorted(times) and times[0] >= 0 and times[-1] <= record.latency_ms + 1


def test_the_way_and_the_one_attempt_are_told(machine):
    machine.connect(name="Mine")
    machine.post("/v1/chat/completions", BODY)
    journey = the_record().journey
    assert journey["route"]["by"] == "model"
    assert journey["route"]["targets"] == ["openai-compatible/fake-fast"]
    (attempt,) = journey["attempts"]
    assert attempt["integration"] == "Mine" and attempt["outcome"] == "ok"
    assert "waited" not in attempt


def test_every_attempt_tells_how_it_failed_and_how_long_the_next_one_waited(machine):
    machine.connect()
    body = {**BODY, "model": "openai-compatible/fake-error-503"}
    machine.post("/v1/chat/completions", body)
    attempts = the_record().journey["attempts"]
    assert [attempt["outcome"] for attempt in attempts] == ["server_error"] * 3
    assert [attempt["status"] for attempt in attempts] == [503] * 3
    assert [("waited" in attempt) for attempt in attempts] == [False, True, True]


def test_a_call_that_goes_nowhere_tells_only_its_steps(machine):
    machine.post("/v1/chat/completions", {**BODY, "model": "nobody/knows"})
    journey = the_record().journey
    assert "attempts" not in journey and "route" not in journey
    assert names(the_record()) == ["authenticated", "read"]


def test_nothing_that_a_provider_said_stands_in_it(machine):
    machine.connect()
    machine.post("/v1/chat/completions", {**BODY, "model": "openai-compatible/fake-error-401"})
    (attempt,) = the_record().journey["attempts"]
    assert attempt["message"] == the_record().message


def test_a_place_that_a_limit_closed_is_told_and_is_no_attempt(machine):
    first, _ = (machine.connect(name=name) for name in ("Full", "Open"))
    limit = LimitInput(kind="integration", integration_id=first.pk, tokens_per_day=1)
    set_limit(SYSTEM, machine.user, limit, machine.user)
    machine.post("/v1/chat/completions", {**BODY, "model": "openai-compatible/fake-fast"})
    record = the_record()
    assert "attempts" not in record.journey
    (passed,) = record.journey["passed"]
    assert (passed["integration"], passed["outcome"]) == ("Full", "quota_exceeded")
    assert passed["message"] == record.message


def test_the_end_of_a_wait_for_a_limit_has_its_time(machine):
    mine = machine.connect()
    limit = LimitInput(kind="integration", integration_id=mine.pk, concurrent=1, queue_seconds=20)
    set_limit(SYSTEM, machine.user, limit, machine.user)
    slow = {**BODY, "model": "openai-compatible/fake-slow-200"}
    with ThreadPoolExecutor() as both:
        list(both.map(lambda _: machine.post("/v1/chat/completions", slow), "ab"))
    quick, held = UsageRecord.objects.order_by("queued_ms")
    assert "waited" not in names(quick)
    assert names(held).index("admitted") < names(held).index("waited") < names(held).index("sent")

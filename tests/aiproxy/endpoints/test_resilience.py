"""Retry, fallback and breaker through the running server: what the provider sees, what the caller gets."""

from __future__ import annotations

import pytest

from aiproxy.gateway import aliases
from aiproxy.models import Alias, UsageRecord
from tests.sse import frames

MESSAGES = [{"role": "user", "content": "Say hello."}]


def body(model: str, **more: object) -> dict[str, object]:
    return {"model": model, "messages": MESSAGES, **more}


@pytest.fixture
def chain(machine):
    """``chain(model, …)`` makes the alias ``chain`` of models at as many integrations of the fake provider."""

    def make(*models: str) -> None:
        steps = []
        for number, model in enumerate(models):
            integration = machine.connect(name=f"place {number}")
            steps.append({"integrationId": str(integration.pk), "model": model})
        Alias.objects.create(name="chain", targets=steps)
        aliases.reload()

    yield make
    Alias.objects.all().delete()
    aliases.reload()


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("status", [429, 500, 503, 529])
def test_a_refusal_is_tried_three_times(machine, status, stream):
    machine.connect()
    model = f"openai-compatible/fake-error-{status}-retry-0"
    machine.post("/v1/chat/completions", body(model, stream=stream))
    assert len(machine.fake.requests) == 3
    assert UsageRecord.objects.get().attempts == 3


@pytest.mark.parametrize("model", ["fake-error-400", "fake-error-401", "fake-garbage", "fake-html"])
def test_what_would_fail_again_or_be_billed_twice_is_tried_once(machine, model):
    machine.connect()
    machine.post("/v1/chat/completions", body(f"openai-compatible/{model}"))
    assert len(machine.fake.requests) == 1


def test_an_answer_that_was_lost_is_not_asked_for_again(machine):
    machine.connect()
    machine.post("/v1/chat/completions", body("openai-compatible/fake-cut"))
    assert len(machine.fake.requests) == 1


def test_a_provider_that_asks_for_a_long_wait_is_not_waited_for(machine):
    machine.connect()
    response = machine.post(
        "/v1/chat/completions", body("openai-compatible/fake-error-429-retry-60")
    )
    assert response.headers["retry-after"] == "60"
    assert len(machine.fake.requests) == 1


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("first", ["fake-error-500", "fake-error-401", "fake-error-429-retry-60"])
def test_an_alias_falls_back_to_its_next_place(machine, chain, first, stream):
    chain(first, "fake-model")
    response = machine.post("/v1/chat/completions", body("chain", stream=stream))
    assert response.status_code == 200
    assert response.headers["x-aim-model"] == "fake-model"
    record = UsageRecord.objects.get()
    assert (record.outcome, record.integration_name) == ("ok", "place 1")


def test_a_request_that_is_wrong_falls_back_nowhere(machine, chain):
    chain("fake-error-400", "fake-model")
    assert machine.post("/v1/chat/completions", body("chain")).status_code == 400
    assert len(machine.fake.requests) == 1


def test_when_every_place_fails_the_last_error_is_told(machine, chain):
    chain("fake-error-500", "fake-error-401")
    assert machine.post("/v1/chat/completions", body("chain")).status_code == 401


def test_once_an_event_has_left_there_is_no_second_attempt(machine, chain):
    chain("fake-cut-2", "fake-model")
    with machine.stream("/v1/chat/completions", body("chain", stream=True)) as response:
        events = frames(response.read())
    assert "error" in events[-1][1]
    assert len(machine.fake.requests) == 1


def test_five_failures_leave_an_integration_alone_until_a_test_reaches_it(machine):
    integration = machine.connect()
    _, manager = machine.issue("integrations:write")
    call = body("openai-compatible/fake-error-500")
    for _ in range(5):
        machine.post("/v1/chat/completions", call)
    seen = len(machine.fake.requests)
    response = machine.post("/v1/chat/completions", call)
    assert response.status_code == 503
    assert int(response.headers["retry-after"]) > 20
    assert "left alone" in response.json()["error"]["message"]
    assert len(machine.fake.requests) == seen
    machine.post(f"/api/integrations/{integration.pk}/test", token=manager)
    call = body("openai-compatible/fake-model")
    assert machine.post("/v1/chat/completions", call).status_code == 200


def test_streams_that_break_off_do_not_make_it_leave_the_provider_alone(machine):
    machine.connect()
    for _ in range(6):
        machine.post("/v1/chat/completions", body("openai-compatible/fake-cut-2", stream=True))
    response = machine.post("/v1/chat/completions", body("openai-compatible/fake-model"))
    assert response.status_code == 200


def test_a_place_of_an_alias_is_not_waited_for_when_there_is_another(machine, chain):
    chain("fake-error-429-retry-0", "fake-model")
    assert machine.post("/v1/chat/completions", body("chain")).status_code == 200
    assert len(machine.fake.requests) == 2

"""Retry, fallback and breaker through the running server: what the provider sees, what the caller gets."""

from __future__ import annotations

import pytest

from aiproxy.app import application
from aiproxy.gateway import aliases
from aiproxy.models import Alias, UsageRecord
from integrations.models import Integration
from tests.sse import frames

MESSAGES = [{"role": "user", "content": "Say hello."}]


def body(model: str, **more: object) -> dict[str, object]:
    return {"model": model, "messages": MESSAGES, **more}


@pytest.fixture
def chain(machine):
    """``chain(model, …)`` makes the alias ``chain`` of models at as many integrations of the fake provider. Made
    again, it changes the models at the same integrations.
    """

    places: list[Integration] = []

    def make(*models: str, strategy: str = "priority") -> list[Integration]:
        while len(places) < len(models):
            places.append(machine.connect(name=f"place {len(places)}"))
        steps = [
            {"integrationId": str(place.pk), "model": model}
            for place, model in zip(places, models, strict=True)
        ]
        Alias.objects.update_or_create(
            name="chain", defaults={"targets": steps, "strategy": strategy}
        )
        aliases.reload()
        return places

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


@pytest.fixture
def breaker_of(machine):
    """The breaker of an integration in the running server."""
    gateway = application.gateway
    assert gateway

    def find(integration):
        return gateway.guards.breakers.of(integration.pk)

    return find


# R35: the upstream answers nothing but 500.


def test_a_provider_that_always_fails_is_not_asked_much_more_than_the_callers_ask(
    machine, breaker_of
):
    """The breaker is kept from helping, so that this is the retry budget's doing alone."""
    integration, requests = machine.connect(), 50
    for _ in range(requests):
        before = len(machine.fake.requests)
        machine.post("/v1/chat/completions", body("openai-compatible/fake-error-500"))
        assert len(machine.fake.requests) - before <= 3
        breaker_of(integration).succeeded()
    assert requests < len(machine.fake.requests) <= 1.2 * requests + 3


# R34: the status says 200, and then the stream says that it failed.


@pytest.mark.parametrize(
    ("provider", "error", "status"), [("anthropic", 529, 503), ("openai-compatible", 429, 429)]
)
def test_a_stream_that_begins_with_a_refusal_is_tried_again(machine, provider, error, status):
    machine.connect(provider)
    call = body(f"{provider}/fake-fail-0-error-{error}", stream=True)
    assert machine.post("/v1/chat/completions", call).status_code == status
    assert len(machine.fake.requests) == 3


@pytest.mark.parametrize("provider", ["openai-compatible", "anthropic"])
def test_a_stream_that_begins_with_an_error_counts_as_a_failure(machine, breaker_of, provider):
    integration = machine.connect(provider)
    call = body(f"{provider}/fake-fail-0-error-500", stream=True)
    assert machine.post("/v1/chat/completions", call).status_code == 502
    assert breaker_of(integration).failures == 1


@pytest.mark.parametrize("provider", ["openai-compatible", "anthropic"])
def test_a_stream_that_fails_after_it_gave_something_is_not_tried_again(machine, provider):
    machine.connect(provider)
    model = f"{provider}/fake-chunks-20-fail-4-error-529"
    with machine.stream("/v1/chat/completions", body(model, stream=True)) as response:
        events = frames(response.read())
    assert "error" in events[-1][1]
    assert len(machine.fake.requests) == 1


# R36: one of three fails.


def test_one_of_three_that_fails_is_left_out_after_five_and_back_after_a_good_probe(
    machine, chain, breaker_of
):
    failing, *_ = chain("fake-error-500", "fake-second", "fake-third")

    def answered_by() -> str:
        response = machine.post("/v1/chat/completions", body("chain"))
        assert response.status_code == 200
        return response.headers["x-aim-model"]

    def asked() -> int:
        return sum(b"fake-error-500" in request.body for request in machine.fake.requests)

    def later() -> None:
        breaker_of(failing).open_until -= 60

    assert {answered_by() for _ in range(8)} == {"fake-second"}  # nobody noticed
    assert asked() == 5
    later()
    assert [answered_by(), answered_by()] == [
        "fake-second"
    ] * 2  # the probe failed: away for longer
    assert asked() == 6
    chain("fake-mended", "fake-second", "fake-third")
    later()
    assert [answered_by(), answered_by()] == ["fake-mended"] * 2


# One deadline for the whole call.


def test_a_call_takes_no_longer_than_its_caller_wants_and_nobody_is_blamed(machine, breaker_of):
    integration = machine.connect()
    call = body("openai-compatible/fake-silence")
    for stream in (False, True):
        response = machine.post(
            "/v1/chat/completions",
            call | {"stream": stream},
            headers={"X-Aim-Timeout": "0.2"},
        )
        assert response.status_code == 504
        assert "The time for the call was over" in response.json()["error"]["message"]
    assert breaker_of(integration).failures == 0


def test_a_caller_in_a_hurry_gets_no_fallback_when_its_time_is_over(machine, chain):
    chain("fake-silence", "fake-model")
    response = machine.post("/v1/chat/completions", body("chain"), headers={"X-Aim-Timeout": "0.2"})
    assert response.status_code == 504
    assert len(machine.fake.requests) == 1


def test_a_stream_ends_when_the_callers_time_is_over(machine):
    machine.connect()
    call = body("openai-compatible/fake-chunks-50-pace-50", stream=True)
    headers = {"X-Aim-Timeout": "0.4"}
    with machine.stream("/v1/chat/completions", call, headers=headers) as response:
        events = frames(response.read())
    assert "The time for the call was over" in events[-1][1]


@pytest.mark.parametrize("seconds", ["0", "-1", "soon", "nan", "1e9"])
def test_a_time_that_is_none_is_refused(machine, seconds):
    machine.connect()
    response = machine.post(
        "/v1/chat/completions",
        body("openai-compatible/fake-model"),
        headers={"X-Aim-Timeout": seconds},
    )
    assert response.status_code == 400
    assert response.json()["error"]["param"] == "X-Aim-Timeout"


def test_no_place_is_tried_when_those_before_used_up_the_servers_time(
    short_timeouts, machine, chain
):
    """Each place has 0.3 s for its first byte, and the whole call 1 s."""
    chain(*["fake-silence"] * 6)
    response = machine.post("/v1/chat/completions", body("chain", stream=True))
    assert response.status_code == 504
    assert 2 <= len(machine.fake.requests) < 6


# What an integration's owner sets.


def test_an_integration_is_tried_as_often_as_its_owner_wants(machine):
    machine.connect(policy={"attempts": 2})
    machine.post("/v1/chat/completions", body("openai-compatible/fake-error-429-retry-0"))
    assert len(machine.fake.requests) == 2


def test_an_integration_is_tried_again_for_what_its_owner_wants(machine):
    machine.connect(policy={"retryOn": ["rate_limit"], "multiplier": 0.05})
    machine.post("/v1/chat/completions", body("openai-compatible/fake-error-500"))
    assert len(machine.fake.requests) == 1
    machine.post("/v1/chat/completions", body("openai-compatible/fake-error-429-retry-0"))
    assert len(machine.fake.requests) == 4


@pytest.mark.parametrize(
    ("policy", "model", "stream"),
    [
        ({"firstTokenTimeout": 0.2}, "fake-slow-5000", True),
        ({"totalTimeout": 1}, "fake-slow-5000", False),
    ],
)
def test_an_integration_is_waited_for_as_long_as_its_owner_wants(machine, policy, model, stream):
    machine.connect(policy=policy)
    call = body(f"openai-compatible/{model}", stream=stream)
    assert machine.post("/v1/chat/completions", call).status_code == 504


def test_a_stream_may_stand_still_as_long_as_its_integrations_owner_wants(machine):
    machine.connect(policy={"idleTimeout": 0.2})
    call = body("openai-compatible/fake-stall-2", stream=True)
    with machine.stream("/v1/chat/completions", call) as response:
        events = frames(response.read())
    assert "did not answer in time" in events[-1][1]

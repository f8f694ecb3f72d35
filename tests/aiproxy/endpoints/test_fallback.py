"""Where a call goes and where it turns to, through the running server."""

from __future__ import annotations

from collections import Counter

import pytest

from aiproxy.app import application
from aiproxy.gateway import aliases
from aiproxy.models import Alias, UsageRecord
from tests.aiproxy.cors.conftest import Provider
from tests.fakes import serve

MESSAGES = [{"role": "user", "content": "Say hello."}]
FAILING = "openai-compatible/fake-error-429-retry-0"

CALLS = {
    "native": ("/api/ai/chat", {"model": FAILING, "messages": MESSAGES}),
    "openai": ("/v1/chat/completions", {"model": FAILING, "messages": MESSAGES}),
    "responses": ("/v1/responses", {"model": FAILING, "input": "Hello"}),
    "anthropic": ("/v1/messages", {"model": FAILING, "messages": MESSAGES, "max_tokens": 9}),
    "gemini": (
        f"/v1beta/models/{FAILING}:generateContent",
        {"contents": [{"role": "user", "parts": [{"text": "Hello"}]}]},
    ),
    "embeddings": ("/v1/embeddings", {"model": FAILING, "input": "Hello"}),
}


def body(model: str = FAILING, **more: object) -> dict[str, object]:
    return {"model": model, "messages": MESSAGES, **more}


@pytest.fixture
def fast(machine):
    """``fast(target, …)`` makes the alias of that name."""

    def make(*targets: dict[str, object], strategy: str = "priority") -> None:
        Alias.objects.create(name="fast", targets=targets, strategy=strategy)
        aliases.reload()

    yield make
    Alias.objects.all().delete()
    aliases.reload()


@pytest.fixture
def known(machine):
    """What the running server knows for its choices."""
    assert application.gateway
    return application.gateway.facts


# What the call itself names.


@pytest.mark.parametrize("dialect", CALLS)
def test_call_turns_to_the_models_that_it_names(machine, dialect):
    machine.connect()
    path, call = CALLS[dialect]
    second = "sandbox/sandbox-embed" if dialect == "embeddings" else "openai-compatible/fake-model"
    reply = machine.post(
        path, call, headers={"X-Aim-Fallback": f"openai-compatible/fake-error-500, {second}"}
    )
    assert reply.status_code == 200
    assert reply.headers["x-aim-model"] == second.partition("/")[2]
    assert reply.headers["x-aim-route"] == "fallback 3 of 3 after server_error"
    record = UsageRecord.objects.get()
    assert (record.outcome, record.attempts, record.requested_model) == ("ok", 3, FAILING)


def test_stream_turns_to_the_models_that_the_call_names(machine):
    machine.connect()
    call = body("openai-compatible/fake-fail-0-error-529", stream=True)
    reply = machine.post(
        "/v1/chat/completions", call, headers={"X-Aim-Fallback": "sandbox/sandbox"}
    )
    assert reply.headers["x-aim-route"] == "fallback 2 of 2 after server_error"
    assert reply.text.rstrip().endswith("data: [DONE]")


@pytest.mark.parametrize(
    "more",
    [
        {"fallback": ["sandbox/sandbox"]},
        {"fallback": "sandbox/sandbox"},
        {"options": {"fallback": ["sandbox/sandbox"]}},
    ],
)
def test_our_own_dialect_names_them_in_its_body(machine, more):
    machine.connect()
    reply = machine.post("/api/ai/chat", body(**more))
    assert (reply.status_code, reply.headers["x-aim-provider"]) == (200, "sandbox")
    assert "x-aim-changes" not in reply.headers


def test_call_may_turn_to_an_alias(machine, fast):
    machine.connect()
    fast({"provider": "sandbox", "model": "sandbox"})
    reply = machine.post("/v1/chat/completions", body(), headers={"X-Aim-Fallback": "fast"})
    assert reply.headers["x-aim-provider"] == "sandbox"


def test_call_to_a_named_integration_may_turn_to_others(machine):
    integration = machine.connect()
    headers = {"X-Integration-Id": str(integration.pk), "X-Aim-Fallback": "sandbox/sandbox"}
    reply = machine.post("/v1/chat/completions", body("fake-error-401"), headers=headers)
    assert reply.headers["x-aim-provider"] == "sandbox"


@pytest.mark.parametrize("name", ["nobody/has-this", "openai/gpt-5", "sandbox"])
def test_fallback_that_cannot_be_used_is_refused_before_anything_is_sent(machine, name):
    machine.connect()
    machine.connect(name="another", models=("sandbox",))
    reply = machine.post("/v1/chat/completions", body(), headers={"X-Aim-Fallback": name})
    assert reply.status_code == 400
    assert f"The fallback '{name}' cannot be used. " in reply.json()["error"]["message"]
    assert reply.json()["error"]["param"] == "fallback"
    assert machine.fake.requests == []


@pytest.mark.parametrize("text", ["a,b,c,d,e,f", "a,,b", ","])
def test_fallbacks_are_one_to_five(machine, text):
    reply = machine.post(
        "/v1/chat/completions", body("sandbox/sandbox"), headers={"X-Aim-Fallback": text}
    )
    assert reply.status_code == 400
    assert "1 to 5 models" in reply.json()["error"]["message"]


def test_fallback_is_named_in_one_place(machine):
    call = body("sandbox/sandbox", fallback=["sandbox/sandbox"])
    reply = machine.post("/api/ai/chat", call, headers={"X-Aim-Fallback": "sandbox/sandbox"})
    assert reply.status_code == 400
    assert "given twice" in reply.json()["error"]["message"]


def test_token_does_not_fall_back_past_its_integrations(machine):
    mine, other = machine.connect(), machine.connect("anthropic")
    _, token = machine.issue("chat", integrations=[mine])
    reply = machine.post(
        "/v1/chat/completions",
        body(),
        token=token,
        headers={"X-Aim-Fallback": "anthropic/claude-sonnet-4-5"},
    )
    assert reply.status_code == 400
    assert other.pk
    assert machine.fake.requests == []


# What an alias says.


def test_answer_tells_that_it_was_the_cheapest(machine, fast):
    machine.connect("openai")
    fast(
        {"provider": "openai", "model": "gpt-5"},
        {"provider": "sandbox", "model": "sandbox"},
        strategy="cheapest",
    )
    reply = machine.post("/v1/chat/completions", body("fast"))
    assert reply.headers["x-aim-provider"] == "sandbox"
    assert reply.headers["x-aim-route"] == "cheapest of 2"


def test_weights_spread_the_calls(machine, fast, known):
    numbers = iter([0.1, 0.9, 0.9, 0.1, 0.5, 0.99])
    known.chance = lambda: next(numbers)
    machine.connect()
    fast(
        {"provider": "sandbox", "model": "sandbox", "weight": 1},
        {"provider": "openai-compatible", "model": "fake-model", "weight": 1},
        strategy="weighted",
    )
    replies = [machine.post("/v1/chat/completions", body("fast")) for _ in range(3)]
    assert [reply.headers["x-aim-provider"] for reply in replies] == [
        "sandbox",
        "openai-compatible",
        "sandbox",
    ]
    assert {reply.headers["x-aim-route"] for reply in replies} == {"weighted of 2"}


@pytest.mark.parametrize("stream", [False, True])
def test_fastest_measures_each_place_and_then_stays_with_the_quick_one(machine, fast, stream):
    machine.connect()
    fast(
        {"provider": "openai-compatible", "model": "fake-slow-200"},
        {"provider": "openai-compatible", "model": "fake-model"},
        strategy="fastest",
    )
    replies = [machine.post("/v1/chat/completions", body("fast", stream=stream)) for _ in range(5)]
    asked = [reply.headers["x-aim-model"] for reply in replies]
    assert asked == ["fake-slow-200", *["fake-model"] * 4]
    assert replies[-1].headers["x-aim-route"] == "fastest of 2"


def test_fastest_does_not_come_back_to_who_fails(machine, fast):
    machine.connect()
    fast(
        {"provider": "openai-compatible", "model": "fake-error-401"},
        {"provider": "openai-compatible", "model": "fake-model"},
        strategy="fastest",
    )
    for _ in range(4):
        machine.post("/v1/chat/completions", body("fast"))
    assert len(machine.fake.requests) == 5


# What the owner of several integrations says.


def test_second_key_is_not_spent_unasked(machine):
    machine.connect(name="old")
    machine.connect(name="new")
    asked = body("openai-compatible/fake-error-429-retry-60")  # longer than a retry waits
    assert machine.post("/v1/chat/completions", asked).status_code == 429
    assert len(machine.fake.requests) == 1
    assert UsageRecord.objects.get().integration_name == "old"


def test_priority_decides_which_integration_answers_and_the_others_follow(machine):
    machine.connect(name="spare", policy={"priority": 1})
    machine.connect(
        name="usual", key="sk-broke-canary-0123456789", base_url=machine.fake.url + "/v1"
    )
    reply = machine.post("/v1/chat/completions", body("openai-compatible/fake-model"))
    assert reply.status_code == 200
    assert reply.headers["x-aim-route"] == "fallback 2 of 2 after quota_exceeded"
    record = UsageRecord.objects.get()
    assert (record.integration_name, record.attempts) == ("spare", 2)


def test_weights_spread_the_calls_over_integrations(machine, known):
    machine.connect(name="one")
    machine.connect(name="three", policy={"weight": 3})
    machine.connect(name="never", policy={"weight": 0})
    numbers = iter([0.5, 0.5, 0.1, 0.9])
    known.chance = lambda: next(numbers)
    for _ in range(2):
        reply = machine.post("/v1/chat/completions", body("openai-compatible/fake-model"))
        assert reply.headers["x-aim-route"] == "weighted of 3"
    names = Counter(UsageRecord.objects.values_list("integration_name", flat=True))
    assert names == {"three": 1, "one": 1}


def test_the_record_does_not_mix_two_places(machine, allow_private):
    """The first greets, naming its model, and fails; the second refuses."""
    greeting = b'data: {"id": "1", "model": "greeter", "choices": [{"delta": {}}]}\n\n'
    provider = Provider()
    provider.answer(
        greeting + b'data: {"error": {"message": "overloaded"}}\n\n', "text/event-stream"
    )
    with serve(provider, lifespan="off") as provider.port:
        allow_private(f"127.0.0.1:{provider.port}")
        machine.connect("openai", base_url=f"{provider.url}/v1")
        machine.connect()
        call = {"model": "openai/gpt-4o-mini", "messages": [{"role": "user", "content": "Hi"}]}
        headers = {"x-aim-fallback": "openai-compatible/fake-error-400"}
        machine.post("/v1/chat/completions", {**call, "stream": True}, headers=headers)
    record = UsageRecord.objects.get()
    assert (record.provider_id, record.model) == ("openai-compatible", "fake-error-400")

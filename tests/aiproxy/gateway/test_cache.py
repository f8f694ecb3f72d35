"""Answers given again, through the running server: what the provider sees, what the caller gets and what it costs."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import anthropic
import openai
import pytest
from redis import Redis

from aiproxy.app import application
from aiproxy.gateway import aliases
from aiproxy.models import Alias, UsageRecord
from integrations.actions import integrations
from integrations.audit import SYSTEM
from integrations.inputs import IntegrationInput
from tests.fakes import Line, closed_port, serve_raw
from tests.servers import valkey
from tests.sse import frames
from tests.waiting import eventually

MODEL = "openai-compatible/fake-model"
CHAT = "/v1/chat/completions"
MESSAGES = [{"role": "user", "content": "Tell me a long story about canaries."}]
KEEP = {"x-aim-cache": "true"}


def body(model: str = MODEL, **more: object) -> dict[str, object]:
    return {"model": model, "messages": MESSAGES, **more}


@pytest.fixture
def ask(machine):
    """``ask()`` makes the same call again; what it is given overrides that."""
    machine.connect()

    def post(path: str = CHAT, call: object = None, cache: str | None = "true", **options):
        headers = {"x-aim-cache": cache} if cache is not None else {}
        headers |= options.pop("headers", {})
        return machine.post(path, call or body(), headers=headers, **options)

    return post


def test_second_call_is_answered_without_the_provider(ask, machine):
    first, second = ask(), ask()
    assert (first.headers["x-aim-cache"], second.headers["x-aim-cache"]) == ("miss", "hit")
    assert first.json()["choices"] == second.json()["choices"]
    assert first.json()["usage"] == second.json()["usage"]
    assert int(second.headers["age"]) < 60
    assert len(machine.fake.requests) == 1


def test_hit_is_recorded_as_nothing_used_and_nothing_paid(ask, machine):
    ask()
    ask()
    paid, hit = UsageRecord.objects.order_by("at")
    assert (paid.cached, hit.cached) == (False, True)
    assert (hit.outcome, hit.attempts, hit.total_tokens, hit.cost) == ("ok", 0, 0, Decimal(0))
    assert hit.price_source == "answered from the cache"
    assert (hit.integration_id, hit.model, hit.finish) == (
        paid.integration_id,
        paid.model,
        "stop",
    )


@pytest.mark.parametrize("said", [None, "false", "0"])
def test_nothing_is_kept_for_whom_did_not_ask(ask, machine, said):
    answers = [ask(cache=said) for _ in range(2)]
    assert all("x-aim-cache" not in answer.headers for answer in answers)
    assert len(machine.fake.requests) == 2


def test_refresh_asks_again_and_keeps_the_new_answer(ask, machine):
    answers = [ask(cache=said) for said in ("true", "refresh", "true")]
    assert [answer.headers["x-aim-cache"] for answer in answers] == ["miss", "miss", "hit"]
    assert len(machine.fake.requests) == 2


def test_answer_older_than_the_caller_wants_is_not_given(ask, machine):
    ask()
    time.sleep(1.1)
    assert ask(cache="1").headers["x-aim-cache"] == "miss"
    assert ask(cache="3600").headers["x-aim-cache"] == "hit"


@pytest.mark.parametrize("said", ["yes", "-1", "1.5", "2592001", "9" * 30, "²"])
def test_header_that_says_nothing_known_is_refused(ask, machine, said):
    response = ask(headers={"x-aim-cache": said.encode("latin-1")})
    assert response.status_code == 400
    assert "number of seconds" in response.json()["error"]["message"]
    assert not machine.fake.requests


def test_integration_can_keep_its_answers_for_every_caller(machine):
    machine.connect(policy={"cacheSeconds": 60})
    answers = [machine.post(CHAT, body()) for _ in range(2)]
    assert [answer.headers["x-aim-cache"] for answer in answers] == ["miss", "hit"]
    machine.post(CHAT, body(), headers={"x-aim-cache": "false"})
    assert len(machine.fake.requests) == 2


@pytest.mark.parametrize(
    "other",
    [{"temperature": 0.5}, {"user": "somebody"}, {"messages": [*MESSAGES, *MESSAGES]}, {"n": 2}],
)
def test_another_request_is_another_answer(ask, machine, other):
    ask()
    assert ask(call={**body(), **other}).headers["x-aim-cache"] == "miss"


def test_edited_integration_begins_anew(ask, machine):
    integration = machine.connect(name="Mine")
    headers = {"x-integration-id": str(integration.pk)}
    ask(headers=headers)
    assert ask(headers=headers).headers["x-aim-cache"] == "hit"
    data = IntegrationInput(defaults={"system_prompt": "Be brief."})
    integrations.edit(SYSTEM, integration, data)
    assert ask(headers=headers).headers["x-aim-cache"] == "miss"
    integrations.edit(SYSTEM, integration, IntegrationInput(name="Renamed"))
    assert ask(headers=headers).headers["x-aim-cache"] == "miss"


def test_what_may_not_be_called_is_not_answered_from_the_cache_either(ask, machine):
    integration = machine.connect(name="Mine")
    headers = {"x-integration-id": str(integration.pk)}
    ask(headers=headers)
    _, restricted = machine.issue("chat", integrations=[machine.connect(name="Other")])
    _, other = machine.issue("embeddings")
    assert ask(headers=headers, token=restricted).status_code == 404
    assert ask(headers=headers, token=other).status_code == 403
    integrations.set_enabled(SYSTEM, integration, False)
    assert ask(headers=headers).status_code == 409


def test_another_token_of_the_same_person_finds_the_answer(ask, machine):
    ask()
    _, token = machine.issue("chat")
    assert ask(token=token).headers["x-aim-cache"] == "hit"


def test_dialects_that_ask_the_same_share_an_answer(ask, machine):
    ask()
    native = ask("/api/ai/chat", {"model": MODEL, "messages": MESSAGES})
    assert native.headers["x-aim-cache"] == "hit"
    assert native.json()["cost"]["amount"] == "0"
    assert native.json()["usage"]["completionTokens"] > 0


def test_embeddings_are_kept_too(ask, machine):
    call = {"model": "openai-compatible/fake-embed", "input": ["one", "two"]}
    first, second = (ask("/v1/embeddings", call).json() for _ in range(2))
    assert first["data"] == second["data"]
    assert len(machine.fake.requests) == 1


def test_tokens_are_counted_afresh(ask, machine):
    call = body(model="sandbox/sandbox", max_tokens=10)
    for _ in range(2):
        assert "x-aim-cache" not in ask("/v1/messages/count_tokens", call).headers


@pytest.mark.parametrize("streams", [(False, True), (True, False), (True, True)])
def test_kept_answer_is_streamed_or_whole_as_asked(ask, machine, streams):
    texts = []
    answers = [ask(call=body(stream=stream)) for stream in streams]
    for response, stream in zip(answers, streams, strict=True):
        if stream:
            chunks = [json.loads(data) for _, data in frames(response.content)[:-1]]
            texts.append("".join(c["choices"][0]["delta"].get("content", "") for c in chunks))
            assert frames(response.content)[-1][1] == "[DONE]"
        else:
            texts.append(response.json()["choices"][0]["message"]["content"])
    assert texts[0] == texts[1] != ""
    assert answers[1].headers["x-aim-cache"] == "hit"
    assert len(machine.fake.requests) == 1


def test_openai_sdk_reads_a_replayed_tool_call(ask, machine):
    parameters = {"type": "object", "properties": {"city": {"type": "string"}}}
    call: dict[str, Any] = {
        "model": MODEL,
        "messages": [{"role": "user", "content": "Use get_weather for the weather in Paris."}],
        "tools": [
            {"type": "function", "function": {"name": "get_weather", "parameters": parameters}}
        ],
    }
    with openai.OpenAI(
        base_url=f"{machine.url}/v1", api_key=machine.token, default_headers=KEEP
    ) as gpt:
        message = gpt.chat.completions.create(**call).choices[0].message
        with gpt.chat.completions.stream(**call, stream_options={"include_usage": True}) as stream:
            again = stream.get_final_completion()
    (whole,), (replayed,) = message.tool_calls or [], again.choices[0].message.tool_calls or []
    assert (replayed.id, replayed.function.name) == (whole.id, "get_weather")
    assert replayed.function.arguments == whole.function.arguments
    assert again.usage
    assert again.usage.completion_tokens > 0
    assert len(machine.fake.requests) == 1


def test_anthropic_sdk_reads_replayed_thoughts(machine):
    machine.connect("anthropic")
    call: dict[str, Any] = {
        "model": "anthropic/fake-model",
        "max_tokens": 4000,
        "thinking": {"type": "enabled", "budget_tokens": 2000},
        "messages": MESSAGES,
    }
    with anthropic.Anthropic(
        base_url=machine.url, api_key=machine.token, default_headers=KEEP
    ) as claude:
        whole = claude.messages.create(**call)
        with claude.messages.stream(**call) as stream:
            again = stream.get_final_message()
    assert [block.type for block in whole.content] == ["thinking", "text"]
    assert [block.to_dict() for block in again.content] == [b.to_dict() for b in whole.content]
    assert again.usage.output_tokens == whole.usage.output_tokens
    assert len(machine.fake.requests) == 1


@pytest.mark.parametrize(
    "model", ["fake-error-400", "fake-cut-2", "fake-end-2", "fake-fail-2", "fake-garbage"]
)
def test_call_that_failed_is_made_again(ask, machine, model):
    call = body(f"openai-compatible/{model}", stream=True)
    for _ in range(2):
        ask(call=call)
    assert len(machine.fake.requests) == 2


def test_stream_that_was_left_is_made_again(ask, machine):
    call = body("openai-compatible/fake-pace-20", stream=True)
    with machine.stream(CHAT, call, headers=KEEP) as response:
        next(response.iter_lines())
    eventually(lambda: UsageRecord.objects.filter(outcome="cancelled").count() == 1)
    assert ask(call=call).headers["x-aim-cache"] == "miss"


def test_answer_that_a_filter_ended_is_not_kept(machine, allow_private):
    choice = {"index": 0, "message": {"content": "I"}, "finish_reason": "content_filter"}
    content = json.dumps({"model": "m", "choices": [choice]}).encode()

    async def answer(line: Line) -> None:
        head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n"
        await line.send(head + b"content-length: %d\r\n\r\n%s" % (len(content), content))

    with serve_raw(answer) as server:
        allow_private(f"127.0.0.1:{server.port}")
        machine.connect(base_url=server.url)
        answers = [machine.post(CHAT, body(), headers=KEEP) for _ in range(2)]
        assert [answer.headers["x-aim-cache"] for answer in answers] == ["miss", "miss"]
        assert server.connections == 2


def test_answer_of_an_aliass_next_place_is_found(ask, machine):
    steps = [("fake-error-500", "first"), ("fake-model", "second")]
    places = [(str(machine.connect(name=name).pk), model) for model, name in steps]
    targets = [{"integrationId": id_, "model": model} for id_, model in places]
    Alias.objects.create(name="chain", targets=targets)
    aliases.reload()
    try:
        assert ask(call=body("chain")).headers["x-aim-cache"] == "miss"
        hit = ask(call=body("chain"))
    finally:
        Alias.objects.all().delete()
        aliases.reload()
    assert (hit.headers["x-aim-cache"], hit.headers["x-aim-integration"]) == ("hit", places[1][0])
    assert len(machine.fake.requests) == 2


def test_changes_are_told_with_a_kept_answer_and_strict_forbids_them(machine):
    machine.connect("anthropic")
    call = body("anthropic/fake-model", seed=7)
    first, second = (machine.post(CHAT, call, headers=KEEP) for _ in range(2))
    assert second.headers["x-aim-cache"] == "hit"
    assert second.headers["x-aim-changes"] == first.headers["x-aim-changes"]
    strict = machine.post(CHAT, call, headers={**KEEP, "x-aim-strict": "true"})
    assert strict.status_code == 400


def test_answer_of_more_than_a_megabyte_is_not_kept(ask, machine):
    call = {"model": "openai-compatible/fake-embed", "input": ["x"] * 80, "dimensions": 2048}
    answers = [ask("/v1/embeddings", call) for _ in range(2)]
    assert [answer.headers["x-aim-cache"] for answer in answers] == ["miss", "miss"]


# --- kept in Redis ---


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with valkey() as found:
        yield found


@pytest.fixture
def used(url, settings):
    settings.REDIS_URL = url


@pytest.fixture
def shared(url, used, machine):
    """A client of the Redis that the machine uses. It must stand first in a test's arguments."""
    assert application.gateway
    assert application.gateway.redis
    application.gateway.redis._budget = 5.0  # a busy machine is no reason to go on without it
    with Redis.from_url(url) as client:
        client.flushall()
        yield client


def test_answer_is_found_in_redis_and_not_in_the_process(shared, ask, machine):
    assert [ask().headers["x-aim-cache"] for _ in range(2)] == ["miss", "hit"]
    assert application.gateway
    assert application.gateway.answers.size == 0
    shared.flushall()
    assert ask().headers["x-aim-cache"] == "miss"


def test_answer_lies_in_redis_sealed_and_for_as_long_as_asked(shared, ask, machine):
    text = ask(cache="600").json()["choices"][0]["message"]["content"]
    (key,) = shared.keys("*answer*")
    assert 590 < shared.ttl(key) <= 600
    assert text.split()[0].encode() not in shared.get(key)
    assert b"fake-model" not in shared.get(key)


def test_answer_moved_to_another_key_in_redis_is_none(shared, ask, machine):
    ask()
    (first,) = shared.keys("*answer*")
    other = body(temperature=0.5)
    ask(call=other)
    (second,) = set(shared.keys("*answer*")) - {first}
    shared.set(second, shared.get(first))
    assert ask(call=other).headers["x-aim-cache"] == "miss"
    shared.set(first, b"nonsense")
    assert ask().headers["x-aim-cache"] == "miss"


@pytest.fixture
def lost(settings):
    settings.REDIS_URL = f"redis://127.0.0.1:{closed_port()}/0"


def test_redis_that_is_away_is_a_miss(lost, ask):
    answers = [ask() for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert [answer.headers["x-aim-cache"] for answer in answers] == ["miss", "miss"]

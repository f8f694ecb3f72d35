"""Idempotency-Key through the running server: a call is carried out once, whatever becomes of its answer."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import httpx
import openai
import pytest
from django.core.management import call_command
from django.db import OperationalError
from django.utils import timezone

from aiproxy.app import application
from aiproxy.endpoints import repeating
from aiproxy.gateway import aliases, idempotency
from aiproxy.models import Alias, KeptAnswer, UsageRecord
from tests.factories import make_token
from tests.fakes import closed_port
from tests.sse import frames
from tests.waiting import eventually

CHAT = "/v1/chat/completions"
MESSAGES = [{"role": "user", "content": "Tell me of canaries."}]
GEMINI = {"contents": [{"parts": [{"text": "Hello"}]}]}
KEY = {"idempotency-key": "0198f2a4-7c1e-7b60-9d3e-2f5a8c6b4e10"}


def body(model: str = "fake-model", **more: object) -> dict[str, object]:
    return {"model": f"openai-compatible/{model}", "messages": MESSAGES, **more}


@pytest.fixture
def ask(machine) -> Callable[..., httpx.Response]:
    """``ask()`` sends the same call with the same key again; what it is given overrides that."""
    machine.connect()

    def post(call: object = None, path: str = CHAT, **options) -> httpx.Response:
        headers = {**KEY, **options.pop("headers", {})}
        return machine.post(path, call or body(), headers=headers, **options)

    return post


def message(response: httpx.Response) -> str:
    text: str = response.json()["error"]["message"]
    return text


# --- an answer is given again ---


@pytest.mark.parametrize(
    ("path", "call"),
    [
        ("/api/ai/chat", {"model": "sandbox/sandbox", "messages": MESSAGES}),
        ("/api/ai/chat", {"model": "sandbox/sandbox", "messages": MESSAGES, "stream": True}),
        ("/api/ai/embeddings", {"model": "sandbox/sandbox-embed", "input": "one"}),
        (CHAT, {"model": "sandbox/sandbox", "messages": MESSAGES, "stream": True}),
        ("/v1/responses", {"model": "sandbox/sandbox", "input": "Hello", "stream": True}),
        ("/v1/messages", {"model": "sandbox/sandbox", "messages": MESSAGES, "max_tokens": 9}),
        ("/v1beta/models/sandbox/sandbox:generateContent", GEMINI),
        ("/v1beta/models/sandbox/sandbox:streamGenerateContent", GEMINI),
    ],
)
def test_answer_comes_again_byte_for_byte_in_every_dialect(machine, path, call):
    first, again = (machine.post(path, call, headers=KEY) for _ in range(2))
    assert first.status_code == 200
    assert again.content == first.content
    assert again.headers["content-type"] == first.headers["content-type"]
    assert again.headers["x-aim-model"] == first.headers["x-aim-model"]
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert again.headers["x-aim-original-request-id"] == first.headers["x-request-id"]
    assert again.headers["x-request-id"] != first.headers["x-request-id"]
    assert UsageRecord.objects.count() == 1


def test_sdk_reads_the_repeated_stream(machine, ask):
    call = {"model": "openai-compatible/fake-model", "messages": MESSAGES, "stream": True}
    with openai.OpenAI(
        base_url=f"{machine.url}/v1", api_key=machine.token, default_headers=KEY
    ) as gpt:
        texts = [
            "".join(chunk.choices[0].delta.content or "" for chunk in stream)
            for stream in (gpt.chat.completions.create(**call) for _ in range(2))  # type: ignore[call-overload]  # a plain dict
        ]
    assert texts[0] == texts[1] != ""
    assert len(machine.fake.requests) == 1


@pytest.mark.parametrize("model", ["fake-error-500-retry-0", "fake-cut", "fake-garbage"])
def test_error_after_sending_comes_again_too(ask, machine, model):
    first = ask(body(model))
    sent = len(machine.fake.requests)
    again = ask(body(model))
    assert (again.status_code, again.content) == (502, first.content)
    assert again.headers["x-should-retry"] == first.headers["x-should-retry"]
    assert len(machine.fake.requests) == sent


def test_answer_is_kept_for_a_day_and_then_the_key_is_new(ask, machine):
    ask()
    row = KeptAnswer.objects.get()
    assert timedelta(hours=23) < row.expires_at - timezone.now() <= timedelta(hours=24)
    KeptAnswer.objects.update(expires_at=timezone.now())
    assert "idempotency-replayed" not in ask().headers
    assert len(machine.fake.requests) == 2


# --- what the key is not ---


@pytest.mark.parametrize(
    "other",
    [
        {"call": body(temperature=0.5)},
        {"path": "/api/ai/chat"},
        {"path": CHAT + "?other=1"},
        {"headers": {"x-aim-strict": "true"}},
        {"headers": {"x-aim-fallback": "sandbox/sandbox"}},
    ],
)
def test_key_of_another_call_is_refused(ask, machine, other):
    ask()
    response = ask(**other)
    assert response.status_code == 422
    assert "another call" in message(response)
    assert len(machine.fake.requests) == 1


def test_same_key_is_another_one_for_another_token_or_person(ask, machine, bob):
    ask()
    _, second = machine.issue("chat")
    _, of_bob = make_token(bob)
    assert "idempotency-replayed" not in ask(token=second).headers
    sandbox = {"model": "sandbox/sandbox", "messages": MESSAGES}
    assert ask(sandbox, token=of_bob).status_code == 200
    assert len(machine.fake.requests) == 2


@pytest.mark.parametrize("key", [b"", b"x" * 256, b"a\xadb"])
def test_key_that_can_be_none_is_refused(ask, machine, key):
    response = ask(headers={"idempotency-key": key})
    assert response.status_code == 400
    assert "255 printable characters" in message(response)
    assert not machine.fake.requests


def test_lists_take_no_notice_of_a_key(machine):
    answers = [machine.get("/v1/models", headers=KEY) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert not KeptAnswer.objects.exists()


def test_page_reads_the_repeated_answer_only_where_it_could_read_the_first(ask, machine):
    page, other = "https://page.example", "https://other.example"
    mine = machine.connect(name="mine", policy={"origins": [page]})
    machine.connect(name="another", policy={"origins": [other]})
    headers = {"x-integration-id": str(mine.pk)}
    readable = [
        ask(headers={**headers, "origin": origin}).headers.get("access-control-allow-origin")
        for origin in (page, other, page)
    ]
    assert readable == [page, None, page]
    assert len(machine.fake.requests) == 1


# --- at once ---


def test_of_two_calls_at_once_one_is_carried_out(ask, machine):
    call = body("fake-slow-400")
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda _: ask(call), range(2)))
    refused, good = sorted(answers, key=lambda answer: -answer.status_code)
    assert (good.status_code, refused.status_code) == (200, 409)
    assert refused.headers["retry-after"] == "1"
    assert refused.headers["x-should-retry"] == "true"
    assert "under way" in message(refused)
    assert len(machine.fake.requests) == 1
    assert ask(call).content == good.content


# --- what was not carried out can be tried again ---


@pytest.mark.parametrize(
    ("call", "status"),
    [
        (body(temperature="hot"), 400),
        (body("fake-error-400"), 400),
        (body("fake-error-401"), 401),
        (body("fake-error-429-retry-60"), 429),
        ({"model": "no-such-model", "messages": MESSAGES}, 404),
    ],
)
def test_refusal_is_not_kept(ask, call, status):
    for _ in range(2):
        response = ask(call)
        assert response.status_code == status
        assert "idempotency-replayed" not in response.headers
    assert not KeptAnswer.objects.exists()


def test_provider_that_cannot_be_reached_leaves_the_key_free(machine, allow_private):
    port = closed_port()
    allow_private(f"127.0.0.1:{port}")
    machine.connect(base_url=f"http://127.0.0.1:{port}")
    assert machine.post(CHAT, body(), headers=KEY).status_code == 502
    assert not KeptAnswer.objects.exists()


def test_breaker_leaves_the_key_free(ask, machine):
    for _ in range(5):
        machine.post(CHAT, body("fake-error-500"))
    assert ask().status_code == 503
    assert not KeptAnswer.objects.exists()


def test_refusal_of_the_second_place_does_not_hide_what_the_first_may_have_done(ask, machine):
    targets = [
        {"integrationId": str(machine.connect(name=model).pk), "model": model}
        for model in ("fake-cut", "fake-error-401")
    ]
    Alias.objects.create(name="chain", targets=targets)
    aliases.reload()
    try:
        answers = [ask({"model": "chain", "messages": MESSAGES}) for _ in range(2)]
    finally:
        Alias.objects.all().delete()
        aliases.reload()
    assert [answer.status_code for answer in answers] == [401, 401]
    assert answers[1].headers["idempotency-replayed"] == "true"
    assert len(machine.fake.requests) == 2


# --- what has no answer is not carried out twice ---


def refused_for_good(response: httpx.Response) -> bool:
    assert response.status_code == 409
    assert "retry-after" not in response.headers
    assert response.headers["x-should-retry"] == "false"
    assert "a new key starts afresh" in message(response)
    return True


def test_stream_that_was_cut_is_not_made_again(ask, machine):
    call = body("fake-cut-2", stream=True)
    assert "error" in frames(ask(call).content)[-1][1]
    assert refused_for_good(ask(call))
    assert len(machine.fake.requests) == 1


@pytest.mark.parametrize("stream", [False, True])
def test_call_whose_caller_left_is_not_made_again(ask, machine, stream):
    call = body("fake-silence", stream=stream)
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(
            machine.url + CHAT,
            json=call,
            headers={**KEY, "authorization": f"Bearer {machine.token}"},
            timeout=0.4,
        )
    eventually(lambda: KeptAnswer.objects.filter(state="lost").exists())
    assert refused_for_good(ask(call))
    assert len(machine.fake.requests) == 1


def test_call_that_the_shutdown_ended_is_not_made_again(ask, machine):
    call = body("fake-silence")
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(ask, call)
        eventually(lambda: bool(machine.fake.requests))
        assert application.gateway
        for task in tuple(application.gateway.calls):
            task.get_loop().call_soon_threadsafe(task.cancel)
        assert "shutting down" in message(waiting.result())
    assert refused_for_good(ask(call))
    assert len(machine.fake.requests) == 1


def test_call_whose_server_died_is_waited_for_and_then_not_made_again(ask, machine):
    ask()
    KeptAnswer.objects.update(state="running", sealed=None)
    assert ask().headers["retry-after"] == "1"
    KeptAnswer.objects.update(leased_until=timezone.now())
    assert refused_for_good(ask())
    assert len(machine.fake.requests) == 1


def test_call_that_its_integration_gives_an_hour_is_waited_for_as_long(machine):
    machine.connect(policy={"totalTimeout": 3600})
    machine.post(CHAT, body(), headers=KEY)
    row = KeptAnswer.objects.get()
    KeptAnswer.objects.update(
        state="running", sealed=None, leased_until=row.leased_until - timedelta(seconds=3600)
    )
    assert machine.post(CHAT, body(), headers=KEY).headers["retry-after"] == "1"
    assert len(machine.fake.requests) == 1


@pytest.mark.parametrize("stream", [False, True])
def test_answer_that_was_too_large_is_not_made_again(ask, machine, monkeypatch, stream):
    monkeypatch.setattr(repeating, "MAX_BYTES", 300)
    call = body(stream=stream)
    assert ask(call).status_code == 200
    response = ask(call)
    assert refused_for_good(response)
    assert "was not kept" in message(response)
    assert len(machine.fake.requests) == 1


def test_database_that_takes_no_key_stops_the_call_before_it_is_sent(ask, machine, monkeypatch):
    def broken(*args):
        raise OperationalError("the disk is full")

    monkeypatch.setattr(idempotency, "begin", broken)
    response = ask()
    assert response.status_code == 503
    assert "nothing was sent" in message(response)
    assert not machine.fake.requests


# --- where it lies ---


def test_row_tells_nothing_of_key_request_and_answer(ask):
    text = ask().json()["choices"][0]["message"]["content"]
    row = KeptAnswer.objects.get()
    values = repr([getattr(row, field.attname) for field in row._meta.fields])
    assert text.split()[0] not in values
    assert KEY["idempotency-key"] not in values
    assert "canaries" not in values


def test_answer_moved_to_another_row_does_not_open(ask):
    ask()
    other = {"headers": {"idempotency-key": "another"}}
    ask(**other)
    first, second = KeptAnswer.objects.order_by("pk")
    KeptAnswer.objects.filter(pk=second.pk).update(sealed=first.sealed)
    assert "cannot be opened" in message(ask(**other))


def test_what_can_no_longer_be_asked_for_is_deleted(ask, capsys):
    ask()
    ask(headers={"idempotency-key": "another"})
    old = KeptAnswer.objects.order_by("pk")[0]
    KeptAnswer.objects.filter(pk=old.pk).update(expires_at=timezone.now())
    call_command("prune_answers")
    assert "1 kept answer deleted" in capsys.readouterr().out
    assert KeptAnswer.objects.count() == 1


def test_new_keys_clear_away_old_ones(ask, monkeypatch):
    ask()
    KeptAnswer.objects.update(expires_at=timezone.now())
    monkeypatch.setattr(idempotency, "_next_prune", 0.0)
    ask(headers={"idempotency-key": "another"})
    assert KeptAnswer.objects.count() == 1


def test_call_without_a_key_asks_the_database_nothing(ask, machine, queries_of_server):
    machine.post(CHAT, body())
    with queries_of_server() as queries:
        machine.post(CHAT, body())
    assert not [sql for sql in queries if "keptanswer" in sql]

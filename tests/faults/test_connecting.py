"""R1, R2, R42: providers that cannot be reached."""

from __future__ import annotations

import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from aiproxy.gateway import aliases
from aiproxy.models import Alias, UsageRecord
from aiproxy.upstream import names
from tests.fakes import closed_port
from tests.waiting import eventually

CHAT = "/v1/chat/completions"


def body(model: str) -> dict[str, object]:
    return {"model": model, "messages": [{"role": "user", "content": "Say hello."}]}


@pytest.fixture
def nobody(machine, allow_private):
    """An integration where nothing listens."""
    port = closed_port()
    allow_private(f"127.0.0.1:{port}")
    return machine.connect(base_url=f"http://127.0.0.1:{port}/v1", name="nobody")


def test_refused_connections_are_a_502_after_three_attempts(machine, nobody):
    response = machine.post(CHAT, body("openai-compatible/m"))
    assert response.status_code == 502
    assert response.json()["error"]["code"] == "network_error"
    assert UsageRecord.objects.get().attempts == 3


def test_refused_connections_open_the_breaker(machine, nobody):
    for _ in range(5):
        machine.post(CHAT, body("openai-compatible/m"))
    assert machine.post(CHAT, body("openai-compatible/m")).status_code == 503


def test_refused_connections_fall_back_to_the_next_place(machine, nobody):
    steps = [
        {"integrationId": str(one.pk), "model": "fake-model"}
        for one in (nobody, machine.connect(name="somebody"))
    ]
    Alias.objects.create(name="chain", targets=steps)
    aliases.reload()
    try:
        assert machine.post(CHAT, body("chain")).status_code == 200
    finally:
        Alias.objects.all().delete()
        aliases.reload()


@pytest.fixture
def black_hole():
    """A port that swallows every SYN: its queue of one is full, and nobody accepts."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        for _ in range(8):  # those that find room, and one that waits for it
            one = stack.enter_context(socket.socket())
            one.setblocking(False)
            one.connect_ex(address)
        time.sleep(0.1)
        yield address[1]


@pytest.fixture
def quick_connect(settings):
    settings.AIM_CONNECT_TIMEOUT = 0.3


def test_a_black_hole_is_a_504_at_the_connect_timeout(
    quick_connect, machine, black_hole, allow_private
):
    allow_private(f"127.0.0.1:{black_hole}")
    machine.connect(base_url=f"http://127.0.0.1:{black_hole}/v1")
    response = machine.post(CHAT, body("openai-compatible/m"))
    assert response.status_code == 504
    assert response.json()["error"]["code"] == "timeout"


@pytest.fixture
def silent_names(monkeypatch):
    """Names under ``silent.example`` are asked for and never answered."""
    over = threading.Event()

    def getaddrinfo(host, *more):
        if host.endswith("silent.example"):
            over.wait(30)
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return socket.getaddrinfo(host, *more)

    monkeypatch.setattr(names, "getaddrinfo", getaddrinfo)
    yield over
    over.set()


def test_names_that_nobody_answers_for_hold_up_no_other_host(silent_names, machine):
    """Twelve of them are more than the event loop has threads for look-ups."""
    asked: list[str] = []
    good = str(machine.connect(name="good").pk)
    silent = [
        str(machine.connect(base_url=f"https://h{n}.silent.example/v1", name=f"silent {n}").pk)
        for n in range(12)
    ]

    def call(integration: str) -> int:
        asked.append(integration)
        return machine.post(
            CHAT, body("fake-model"), headers={"x-integration-id": integration}
        ).status_code

    with ThreadPoolExecutor(len(silent)) as callers:
        stuck = [callers.submit(call, one) for one in silent]
        eventually(lambda: len(asked) == len(silent))
        assert call(good) == 200
        assert not any(one.done() for one in stuck)
        silent_names.set()
        assert {one.result() for one in stuck} == {502}

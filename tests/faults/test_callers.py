"""R13–R17, R38, R39: callers that leave, do not read, or do not send."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest

from aiproxy.app import application
from aiproxy.models import UsageRecord
from tests.faults.dialects import OPENAI
from tests.waiting import eventually

MESSAGES = [{"role": "user", "content": "Say hello."}]


def cancelled() -> bool:
    return UsageRecord.objects.filter(outcome="cancelled").count() == 1


@contextmanager
def caller(machine, model: str, *, stream: bool, small: bool = False):
    """A bare socket that has sent a call; ``small`` is one with little room for what it does not read."""
    body = {"model": model, "messages": MESSAGES, "stream": stream}
    content = json.dumps(body).encode()
    host, port = machine.url.removeprefix("http://").split(":")
    with socket.socket() as connection:
        if small:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(10)
        connection.connect((host, int(port)))
        head = (
            f"POST {OPENAI.path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {machine.token}\r\n"
            f"content-length: {len(content)}\r\n\r\n"
        )
        connection.sendall(head.encode() + content)
        yield connection


# --- Who leaves ---


@pytest.mark.parametrize(
    ("model", "stream"),
    [("fake-silence", False), ("fake-silence", True), ("fake-chunks-20-stall-5", True)],
    ids=["whole", "before the first byte", "mid-stream"],
)
def test_who_leaves_frees_everything(machine, pool, model, stream):
    """R13–R15."""
    machine.connect()
    with caller(machine, f"openai-compatible/{model}", stream=stream) as connection:
        eventually(lambda: len(machine.fake.requests) == 1)
        if "stall" in model:
            assert connection.recv(1000)
    eventually(lambda: machine.fake.disconnects == 1)
    eventually(lambda: pool() == 0)
    eventually(cancelled)
    gateway = application.gateway
    assert gateway is not None and not gateway.calls


@pytest.mark.parametrize("provider_id", ["openai-compatible", "anthropic-compatible"])
def test_who_leaves_pays_for_what_was_seen(machine, provider_id):
    """R14. Anthropic tells the input at the beginning; what it said since is estimated."""
    machine.connect(provider_id)
    model = f"{provider_id}/fake-chunks-200-stall-60"
    with caller(machine, model, stream=True) as connection:
        while b"word40" not in connection.recv(65536):
            pass
    eventually(cancelled)
    record = UsageRecord.objects.get()
    assert record.usage_source == "estimated"
    assert record.output_tokens > 50
    assert record.input_tokens > 0


def test_who_leaves_a_free_provider_pays_nothing_for_silence(machine):
    machine.connect()
    with caller(machine, "openai-compatible/fake-silence", stream=True):
        eventually(lambda: len(machine.fake.requests) == 1)
    eventually(cancelled)
    record = UsageRecord.objects.get()
    assert (record.usage_source, record.output_tokens) == ("none", 0)


# --- Who does not read ---


@pytest.fixture
def short_stall(settings):
    settings.AIM_STALL_SECONDS = 0.5


@pytest.fixture
def flood(provider):
    """A provider that streams without end, and counts what was taken from it."""
    taken = [0]

    async def script(line) -> None:
        head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n"
        words = json.dumps({"choices": [{"index": 0, "delta": {"content": "x" * 1000}}]})
        await line.send(head)
        while True:
            await line.send(b"data: " + words.encode() + b"\n\n")
            taken[0] += len(words)

    return provider(script), taken


def test_who_never_reads_holds_up_the_provider_and_is_cut(short_stall, machine, flood, pool):
    """R16. What a server without back-pressure would take in half a second is hundreds of megabytes."""
    server, taken = flood
    with caller(machine, "openai-compatible/m", stream=True, small=True):
        eventually(lambda: server.closed == 1, 10)
    assert taken[0] < 30_000_000
    eventually(cancelled)
    assert UsageRecord.objects.get().output_tokens > 0
    eventually(lambda: pool() == 0)


def test_who_reads_slowly_is_not_cut(short_stall, machine, flood):
    server, _ = flood
    with caller(machine, "openai-compatible/m", stream=True, small=True) as connection:
        for _ in range(50):  # for three times the limit
            assert connection.recv(100_000)
            time.sleep(0.03)
        assert server.closed == 0
    eventually(lambda: server.closed == 1)


# --- Who is gone without a word ---

NEAR, FAR = "10.231.7.1", "10.231.7.2"

_FAR_CALLER = """
import socket, sys, time
connection = socket.create_connection((sys.argv[1], int(sys.argv[2])))
connection.sendall(sys.stdin.buffer.read())
time.sleep(60)
"""


@pytest.fixture
def cable():
    """A network beside this one, at the other end of a cable that can be pulled."""
    name = f"aim{os.getpid()}"
    steps = (
        f"netns add {name}",
        f"link add {name}a type veth peer name {name}b netns {name}",
        f"addr add {NEAR}/30 dev {name}a",
        f"link set {name}a up",
        f"-n {name} addr add {FAR}/30 dev {name}b",
        f"-n {name} link set {name}b up",
    )
    if shutil.which("ip") is None or os.geteuid() != 0:
        pytest.skip("only root may make a network")
    try:
        for step in steps:
            made = subprocess.run(
                ["ip", *step.split()], capture_output=True, text=True, check=False
            )
            if made.returncode:
                pytest.skip(f"no network can be made here: {made.stderr.strip()}")
        yield name
    finally:
        subprocess.run(["ip", "link", "del", f"{name}a"], capture_output=True, check=False)
        subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)


@pytest.mark.full
def test_a_caller_whose_cable_is_pulled_is_let_go(cable, site, fake):
    """R17. The sign of life that it does not confirm gives it away."""
    server = site(host=NEAR, AIM_KEEPALIVE_SECONDS=1, AIM_STALL_SECONDS=2)
    content = json.dumps(OPENAI.ask("openai-compatible/fake-silence")[1]).encode()
    head = (
        f"POST {OPENAI.path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {server.token}\r\n"
        f"content-length: {len(content)}\r\n\r\n"
    )
    far = ["ip", "netns", "exec", cable, sys.executable, "-c", _FAR_CALLER, NEAR, str(server.port)]
    with subprocess.Popen(far, stdin=subprocess.PIPE) as caller:
        assert caller.stdin
        caller.stdin.write(head.encode() + content)
        caller.stdin.close()
        eventually(lambda: len(fake.requests) == 1, 20)
        subprocess.run(["ip", "-n", cable, "link", "set", f"{cable}b", "down"], check=True)
        eventually(lambda: fake.disconnects == 1, 25)
        caller.kill()
    eventually(lambda: server.sql("SELECT outcome FROM aiproxy_usagerecord") == [("cancelled",)])

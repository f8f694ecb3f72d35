"""`manage.py` run for real: the server in a process of its own, with its data in a folder of its own."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from typing import Any

import httpx
import psutil

from tests.fakes import Fake, closed_port

ROOT = Path(__file__).resolve().parents[1]


@dataclass
class Answer:
    status: int
    headers: Message
    content: bytes


class Server:
    """The command in a process of its own, with its data in ``data`` and nothing else in its environment."""

    def __init__(self, data: Path, port: int | None = None, **environment: str) -> None:
        self.data = data
        self.port = port or closed_port()
        self.printed = ""
        self.environment = {"PATH": os.environ["PATH"], "AIM_DATA_DIR": str(data), **environment}
        self.process = subprocess.Popen(
            [sys.executable, ROOT / "manage.py", "serve", "--port", str(self.port)],
            env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def line(self) -> str:
        """The line it prints once it listens."""
        assert self.process.stdout
        return self.process.stdout.readline()

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, str, str]:
        """Its exit code, and all it printed since."""
        self.process.send_signal(number)
        return self.end()

    def end(self) -> tuple[int, str, str]:
        out, err = self.process.communicate(timeout=20)
        return self.process.returncode, out, err

    def workers(self) -> list[psutil.Process]:
        """Those of several; one that has just ended may be among them."""
        return [
            child
            for child in psutil.Process(self.process.pid).children()
            if child.status() != psutil.STATUS_ZOMBIE and "spawn_main" in str(child.cmdline())
        ]

    def get(self, path: str = "/sign-in/", body: bytes | None = None, **headers: str) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        with contextlib.closing(connection):
            connection.request("POST" if body else "GET", path, body, headers)
            answer = connection.getresponse()
            return Answer(answer.status, answer.headers, answer.read())

    def raw(self, head: str) -> bytes:
        """The first bytes of the answer to these bytes."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as connection:
            connection.sendall(head.encode())
            return connection.recv(100)

    def run(self, code: str) -> Any:
        """What ``code`` prints as JSON, run by this installation's `manage.py shell`."""
        done = subprocess.run(
            [sys.executable, ROOT / "manage.py", "shell", "-v0", "-c", code],
            env=self.environment, capture_output=True, text=True, timeout=30,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


@contextmanager
def served() -> Iterator[Any]:
    """``serve(data, …)`` starts a Server; what still runs at the end is killed."""
    started: list[Server] = []

    def serve(*arguments: Any, **options: Any) -> Server:
        started.append(Server(*arguments, **options))
        return started[-1]

    try:
        yield serve
    finally:
        for server in started:
            if server.process.poll() is None:
                server.process.kill()
            server.process.communicate()


FURNISH = """
import json
from integrations.actions import integrations, tokens
from integrations.audit import SYSTEM
from integrations.inputs import IntegrationInput
from marketplace.models import User

owner = User.objects.create_superuser("a@b.example", None)
data = IntegrationInput(key="sk-canary-0123456789", base_url="{url}/v1")
integration = integrations.create(SYSTEM, owner, "openai-compatible", data)
scopes = ("chat", "integrations:read", "integrations:write")
token, text = tokens.issue(SYSTEM, owner, "test", scopes)
print(json.dumps([str(integration.pk), str(token.pk), text.plain()]))
"""


@dataclass
class Site:
    """A running server with an account whose integration reaches ``fake``, and a token for it."""

    server: Server
    fake: Fake
    integration: str
    token_id: str
    token: str

    def client(self, **options: Any) -> httpx.Client:
        """Its own connections; any worker may get them."""
        headers = {"authorization": f"Bearer {self.token}"}
        return httpx.Client(
            base_url=self.server.url, headers=headers, timeout=20, trust_env=False, **options
        )

    def chat(self, model: str = "fake-fast", client: httpx.Client | None = None) -> httpx.Response:
        """A call; over a connection of its own, unless ``client`` has one."""
        if client is None:
            with self.client() as client:
                return self.chat(model, client)
        return client.post("/v1/chat/completions", json=body(model))


def body(model: str, **more: Any) -> dict[str, Any]:
    messages = [{"role": "user", "content": "Hello"}]
    return {"model": f"openai-compatible/{model}", "messages": messages, **more}


def furnish(server: Server, fake: Fake) -> Site:
    """``server`` must run, with AIM_PRIVATE_ENDPOINTS naming ``fake``."""
    return Site(server, fake, *server.run(FURNISH.format(url=fake.url)))

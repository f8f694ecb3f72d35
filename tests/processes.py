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
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from typing import Any

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
        self._log = tempfile.TemporaryFile("w+")  # noqa: SIM115  # not a pipe: nobody reads it before the end
        self.process = subprocess.Popen(
            [sys.executable, ROOT / "manage.py", "serve", "--port", str(self.port)],
            env=self.environment, stdout=subprocess.PIPE, stderr=self._log, text=True,
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
        out, _ = self.process.communicate(timeout=30)
        self._log.seek(0)
        with self._log:
            return self.process.returncode, out, self._log.read()

    def kill(self) -> None:
        """Whatever still runs of it."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()
        self._log.close()

    def workers(self) -> list[psutil.Process]:
        """Those of several that run."""
        found = []
        for child in psutil.Process(self.process.pid).children():
            with contextlib.suppress(psutil.Error):  # it has just ended
                if "spawn_main" in str(child.cmdline()) and child.status() != psutil.STATUS_ZOMBIE:
                    found.append(child)
        return found

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
            server.kill()


FURNISH = """
import json
from integrations.actions import integrations, tokens
from integrations.audit import SYSTEM
from integrations.inputs import IntegrationInput
from integrations.tokens import SCOPES
from marketplace.models import User

owner = User.objects.create_superuser("a@b.example", None)
data = IntegrationInput(key="sk-canary-0123456789", base_url="{url}/v1")
integration = integrations.create(SYSTEM, owner, "openai-compatible", data)
texts = [tokens.issue(SYSTEM, owner, "test", list(SCOPES)) for _ in range(2)]
print(json.dumps([str(integration.pk), *[(str(row.pk), text.plain()) for row, text in texts]]))
"""


@dataclass
class Token:
    id: str
    text: str


class Line:
    """One connection to the server, and so to one of its workers."""

    def __init__(self, server: Server, token: Token) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
        self._connection.connect()
        self._token = token

    @property
    def port(self) -> int:
        port: int = self._connection.sock.getsockname()[1]
        return port

    def ask(
        self, method: str, path: str, body: Any = None, token: Token | None = None
    ) -> tuple[int, Message, Any]:
        """Status, headers, and the body as JSON."""
        headers = {"Authorization": f"Bearer {(token or self._token).text}"}
        content = None if body is None else json.dumps(body)
        if content:
            headers["Content-Type"] = "application/json"
        self._connection.request(method, path, content, headers)
        answer = self._connection.getresponse()
        data = answer.read()
        return answer.status, answer.headers, json.loads(data) if data else None

    def chat(self, model: str = "fake-fast", token: Token | None = None) -> int:
        """The status of a call."""
        return self.ask("POST", "/v1/chat/completions", body(model), token)[0]

    def close(self) -> None:
        self._connection.close()


@dataclass
class Site:
    """A running server with an account, whose integration reaches ``fake``, and two tokens for it."""

    server: Server
    fake: Fake
    integration: str
    token: Token
    second: Token

    def line(self) -> Line:
        return Line(self.server, self.token)

    def line_to_each(self) -> list[Line]:
        """A connection to each of its workers."""
        found: dict[int, Line] = {}
        workers = self.server.workers()
        while len(found) < len(workers):
            line = self.line()
            line.chat()
            pid = next(one.pid for one in workers if line.port in _peers(one))
            if pid in found:
                line.close()
            else:
                found[pid] = line
        return list(found.values())


def _peers(process: psutil.Process) -> set[int]:
    return {one.raddr.port for one in process.net_connections("tcp") if one.raddr}


def body(model: str, **more: Any) -> dict[str, Any]:
    """A chat; ``model`` is the fake provider's, or any name with a slash."""
    messages = [{"role": "user", "content": "Hello"}]
    name = model if "/" in model else f"openai-compatible/{model}"
    return {"model": name, "messages": messages, **more}


def furnish(server: Server, fake: Fake) -> Site:
    """``server`` must run, with AIM_PRIVATE_ENDPOINTS naming ``fake``."""
    integration, first, second = server.run(FURNISH.format(url=fake.url))
    return Site(server, fake, integration, Token(*first), Token(*second))

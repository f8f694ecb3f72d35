"""The server in a process of its own: what only a process can show (signals, its limits, its memory, its disk)."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.waiting import eventually

ROOT = Path(__file__).resolve().parents[2]

_SETUP = """
import sys, django
django.setup()
from marketplace import start
start.prepare()
from integrations.actions import integrations, tokens
from integrations.actions.integrations import IntegrationInput
from integrations.audit import Actor
from tests.factories import make_user
user = make_user("alice@example.com", is_superuser=True, is_staff=True)
actor = Actor(user_id=user.pk)
for provider, path in (("openai-compatible", "/v1"), ("anthropic-compatible", "")):
    given = IntegrationInput(key="sk-canary-0123456789", base_url=sys.argv[1] + path)
    integrations.create(actor, user, provider, given)
scopes = ("chat", "embeddings", "vision", "integrations:read", "integrations:write")
print(tokens.issue(actor, user, "faults", scopes)[1].plain())
"""


@dataclass(frozen=True)
class Data:
    folder: Path
    port: int
    """The fake provider's, which the integrations in it name."""
    token: str


def prepared(folder: Path, port: int) -> Data:
    run = [sys.executable, "-c", _SETUP, f"http://127.0.0.1:{port}"]
    done = subprocess.run(
        run, cwd=ROOT, env=_environment(folder, port), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return Data(folder, port, done.stdout.strip().splitlines()[-1])


def _environment(folder: Path, port: int, **more: Any) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "DJANGO_SETTINGS_MODULE": "marketplace.settings",
        "AIM_DATA_DIR": str(folder),
        "AIM_PRIVATE_ENDPOINTS": f"127.0.0.1:{port}",
        **{name: str(value) for name, value in more.items()},
    }


class Site:
    """``files`` is how many the process may have open, ``stderr`` where its log goes instead of the file ``log``; the
    rest are settings.
    """

    def __init__(
        self,
        data: Data,
        folder: Path,
        *,
        files: int | None = None,
        stderr: Any = None,
        host: str = "127.0.0.1",
        log: Path | None = None,
        **settings: Any,
    ) -> None:
        shutil.copytree(data.folder, folder, dirs_exist_ok=True)
        self.folder, self.token = folder, data.token
        self.log = log or folder.parent / f"{folder.name}.log"
        with closing(socket.create_server(("127.0.0.1", 0))) as free:
            self.port = free.getsockname()[1]

        def limit() -> None:
            if files is not None:
                resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))

        with self.log.open("wb") as file:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "serve", "--host", host, "--port", str(self.port)],
                cwd=ROOT,
                env=_environment(folder, data.port, **settings),
                stdout=subprocess.DEVNULL,
                stderr=stderr or file,
                preexec_fn=limit,
            )
        self.url = f"http://{host}:{self.port}"

    def wait(self) -> None:
        eventually(self._answers, 30)

    def _answers(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()
        try:
            return httpx.get(self.url + "/healthz", trust_env=False).status_code == 200
        except httpx.TransportError:
            return False

    @property
    def authorization(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.token}"}

    def chat(self, model: str = "openai-compatible/fake-model", **more: Any) -> httpx.Response:
        body = {"model": model, "messages": [{"role": "user", "content": "Say hello."}], **more}
        return httpx.post(
            self.url + "/v1/chat/completions",
            json=body,
            headers=self.authorization,
            timeout=30,
            trust_env=False,
        )

    def sql(self, statement: str) -> list[Any]:
        with closing(sqlite3.connect(self.folder / "db.sqlite3", timeout=10)) as database:
            return database.execute(statement).fetchall()

    def memory(self, which: str = "VmRSS") -> int:
        """Bytes: now, or with ``VmHWM`` the most there ever were."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith(which))
        return int(line.split()[1]) * 1024

    def end(self, number: int = signal.SIGKILL) -> int:
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(60)

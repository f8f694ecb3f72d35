"""A running server and a fake provider, both on real sockets."""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from django.db.backends.utils import CursorWrapper

from aiproxy.app import application
from integrations import live
from integrations.actions import integrations as integration_actions
from integrations.actions import tokens as token_actions
from integrations.actions.integrations import IntegrationInput
from integrations.audit import Actor
from integrations.models import Integration
from integrations.policy import CallPolicy
from tests.fakes import Fake, serve_fake, serve_site

KEY = "sk-canary-0123456789abcdefghijklmnop"
ALL_SCOPES = ("chat", "embeddings", "vision")


@dataclass
class Machine:
    """The server under test, as a program sees it."""

    url: str
    fake: Any
    user: Any
    token: str

    def post(
        self, path: str, body: Any = None, *, token: str | None = None, **options: Any
    ) -> httpx.Response:
        headers = {"authorization": f"Bearer {token or self.token}", **options.pop("headers", {})}
        return httpx.post(
            self.url + path, json=body, headers=headers, timeout=20, trust_env=False, **options
        )

    def get(self, path: str, **options: Any) -> httpx.Response:
        headers = {"authorization": f"Bearer {self.token}", **options.pop("headers", {})}
        return httpx.get(self.url + path, headers=headers, timeout=20, trust_env=False, **options)

    def stream(self, path: str, body: Any, **options: Any) -> Any:
        headers = {"authorization": f"Bearer {self.token}", **options.pop("headers", {})}
        return httpx.stream(
            "POST",
            self.url + path,
            json=body,
            headers=headers,
            timeout=20,
            trust_env=False,
            **options,
        )

    def issue(self, *scopes: str, **options: Any) -> tuple[Any, str]:
        token, text = token_actions.issue(
            Actor(user_id=self.user.id), self.user, "another", scopes or ALL_SCOPES, **options
        )
        return token, text.plain()

    def connect(
        self, provider_id: str = "openai-compatible", key: str = KEY, **data: Any
    ) -> Integration:
        """An integration that reaches the fake provider in the format of ``provider_id``."""
        data.setdefault("base_url", self.fake.url + PATHS.get(provider_id, ""))
        for name, value in SETTINGS.get(provider_id, {}).items():
            data.setdefault(name, value)
        return integration_actions.create(
            Actor(user_id=self.user.id), self.user, provider_id, IntegrationInput(key=key, **data)
        )


PATHS = {
    "openai-compatible": "/v1",
    "openai": "/v1",
    "google": "/v1beta",
    "azure-openai": "/openai",
    "vertex": "/v1beta",
}
SETTINGS: dict[str, dict[str, Any]] = {
    "azure-openai": {"fields": {"resource": "acme"}},
    "bedrock": {"fields": {"region": "us-east-1"}},
    "vertex": {"fields": {"project": "acme-project"}, "auth_id": "token"},
}


@pytest.fixture(scope="session")
def fake_server() -> Iterator[Fake]:
    with serve_fake() as fake:
        yield fake


@pytest.fixture
def fake(fake_server: Fake) -> Fake:
    """The fake provider, which has received nothing yet."""
    fake_server.requests.clear()
    return fake_server


@pytest.fixture
def machine(transactional_db: None, alice: Any, fake: Any, allow_private: Any) -> Iterator[Machine]:
    allow_private(f"127.0.0.1:{fake.port}")
    live.forget()
    _, text = token_actions.issue(Actor(user_id=alice.id), alice, "test", ALL_SCOPES)
    with serve_site() as url:
        gateway = application.gateway
        assert gateway
        gateway.guards.policy = CallPolicy(
            multiplier=0.001, max_wait=0.5
        )  # waiting is retry.py's own test
        yield Machine(url, fake, alice, text.plain())
    live.forget()


@pytest.fixture
def short_timeouts(settings: Any) -> None:
    """Must stand before ``machine`` in a test's arguments: the server reads them when it starts."""
    settings.AIM_FIRST_TOKEN_TIMEOUT = settings.AIM_IDLE_TIMEOUT = 0.3
    settings.AIM_TOTAL_TIMEOUT = 1.0


@pytest.fixture
def png() -> Callable[[int, int], str]:
    """``png(width, height)`` is a data URL of an empty picture."""

    def make(width: int, height: int) -> str:
        def chunk(name: bytes, data: bytes) -> bytes:
            body = name + data
            return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

        rows = b"".join(b"\0" + b"\0" * width for _ in range(height))
        header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
        data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)
        data += chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
        return f"data:image/png;base64,{base64.b64encode(data).decode()}"

    return make


@pytest.fixture
def queries_of_server(monkeypatch: pytest.MonkeyPatch) -> Callable[[], Any]:
    """``with queries_of_server() as queries:`` collects the SQL of every thread of this process,
    without the watch for other workers' changes, which is nobody's call.
    """

    @contextmanager
    def collect() -> Iterator[list[str]]:
        queries: list[str] = []
        execute = CursorWrapper.execute

        def noting(self: CursorWrapper, sql: str, params: Any = None) -> Any:
            if not any(table in sql for table in ("integrations_revision", "aiproxy_openbreaker")):
                queries.append(sql)
            return execute(self, sql, params)

        with monkeypatch.context() as patch:
            patch.setattr(CursorWrapper, "execute", noting)
            yield queries

    return collect

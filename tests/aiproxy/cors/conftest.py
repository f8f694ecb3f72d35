"""A provider that answers whatever a test wants, and a machine whose integration calls it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from integrations.actions import tokens as token_actions
from integrations.audit import Actor
from integrations.models import Integration
from tests.aiproxy.conftest import ALL_SCOPES, Machine
from tests.fakes import serve

ORIGIN = "https://app.example.com"
Raw = list[tuple[bytes, bytes]]


@dataclass
class Provider:
    """Any path of it answers ``status``, ``headers`` and ``pieces``; it keeps what it received."""

    port: int = 0
    status: int = 200
    headers: dict[str, str] = field(default_factory=lambda: {"content-type": "application/json"})
    pieces: list[bytes] = field(default_factory=lambda: [b"{}"])
    received: list[dict[str, Any]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def answer(self, body: bytes, content_type: str = "application/json", **headers: str) -> None:
        self.pieces = [body]
        self.headers = {"content-type": content_type, **headers}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body = b"".join([piece async for piece in _body(receive)])
        headers = {name.decode(): value.decode("latin-1") for name, value in scope["headers"]}
        self.received.append(
            {
                "method": scope["method"],
                "path": scope["raw_path"].decode(),
                "query": scope["query_string"].decode(),
                "headers": headers,
                "body": body,
            }
        )
        raw = [(name.encode(), value.encode("latin-1")) for name, value in self.headers.items()]
        await send({"type": "http.response.start", "status": self.status, "headers": raw})
        for piece in self.pieces:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


async def _body(receive: Any) -> AsyncIterator[bytes]:
    more = True
    while more:
        message = await receive()
        yield message.get("body", b"")
        more = message.get("more_body", False)


@pytest.fixture
def provider() -> Iterator[Provider]:
    app = Provider()
    with serve(app, lifespan="off") as app.port:
        yield app


@dataclass
class Site:
    """The running server, an integration that allows ``ORIGIN``, and a token with the scope ``proxy``."""

    machine: Machine
    provider: Provider
    integration: Integration
    token: str

    def send(self, path: str, method: str = "POST", **options: Any) -> httpx.Response:
        given = options.pop("headers", {})
        headers = {"authorization": f"Bearer {self.token}", **given}
        url = self.machine.url + path
        return httpx.request(method, url, headers=headers, timeout=20, trust_env=False, **options)

    def preflight(self, path: str, origin: str = ORIGIN, **headers: str) -> httpx.Response:
        asked = {
            "origin": origin,
            "access-control-request-method": "POST",
            "access-control-request-headers": "authorization,content-type",
        }
        return httpx.options(
            self.machine.url + path,
            headers=asked | {name.replace("_", "-"): value for name, value in headers.items()},
            trust_env=False,
        )


@pytest.fixture
def site(machine: Machine, provider: Provider, allow_private: Any) -> Site:
    allow_private(f"127.0.0.1:{provider.port}")
    integration = machine.connect(
        base_url=f"{provider.url}/v1", policy={"origins": [ORIGIN]}, name="Mine"
    )
    _, text = token_actions.issue(
        Actor(user_id=machine.user.id), machine.user, "app", (*ALL_SCOPES, "proxy")
    )
    return Site(machine, provider, integration, text.plain())

"""Connections and calls as values, without a database."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from aiproxy.gateway.call import Call
from integrations.live import Connection
from integrations.secret import Headers, Secret
from integrations.tokens import Caller
from providers.endpoint import parse_endpoint
from providers.registry import catalogue


def make_connection(provider_id: str = "openai", **data: Any) -> Connection:
    spec = catalogue()[provider_id]
    values: dict[str, Any] = {
        "id": uuid.uuid4(),
        "owner_id": uuid.uuid4(),
        "provider": spec,
        "name": spec.name,
        "endpoint": parse_endpoint(spec.base_url or "https://api.example.com/v1"),
        "auth": spec.auth[0],
        "secret": Secret("sk-test"),
        "headers": Headers({}),
        "model": "",
        "models": (),
        "defaults": {},
        "enabled": True,
        "has_key": True,
    }
    return Connection(**{**values, **data})


def make_caller(**data: Any) -> Caller:
    return Caller(**{"user_id": uuid.uuid4(), "scopes": frozenset({"chat"}), **data})


@pytest.fixture
def call():
    return Call("req_1", make_caller(), "openai", "chat", "fast")

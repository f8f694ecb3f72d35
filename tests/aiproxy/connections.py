"""Connections for tests of what sends, without a database."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from integrations.live import Connection
from integrations.secret import Headers, Secret
from providers.catalogue.spec import Auth, ConnectionTest, ProviderSpec
from providers.endpoint import PrivateEndpoints, parse_endpoint

KEY = "sk-canary-0123456789abcdefghij"
OWNER = UUID(int=1)

BEARER = Auth(id="key", type="api_key", label="Key", prefix="Bearer ")
API_KEY = Auth(id="key", type="api_key", label="Key", name="x-api-key")
GOOGLE = Auth(id="key", type="api_key", label="Key", name="x-goog-api-key")
QUERY = Auth(id="key", type="api_key", label="Key", place="query", name="key")
NO_KEY = Auth(id="none", type="none", label="No key", place="none")


class LoopbackAllowed(PrivateEndpoints):
    """Allows the loopback on any port; what tests serve has no fixed one."""

    __slots__ = ()

    def allows(self, host: str, port: int) -> bool:
        return host in ("127.0.0.1", "localhost", "::1")


def make_provider(
    adapter: str = "openai", auth: Auth = BEARER, test: ConnectionTest | None = None, **data: Any
) -> ProviderSpec:
    data = {"id": "acme", "name": "Acme", "description": "", "category": "custom"} | data
    return ProviderSpec(adapter=adapter, auth=(auth,), test=test or ConnectionTest(), **data)


def connect(
    url: str, key: str = KEY, provider: ProviderSpec | None = None, **data: Any
) -> Connection:
    """An enabled connection to ``url`` that signs in the provider's first way."""
    provider = provider or make_provider()
    fields: dict[str, Any] = {
        "id": UUID(int=2),
        "owner_id": OWNER,
        "provider": provider,
        "name": provider.name,
        "endpoint": parse_endpoint(url),
        "auth": provider.auth[0],
        "secret": Secret(key),
        "headers": Headers({}),
        "model": "sandbox",
        "models": (),
        "defaults": {},
        "enabled": True,
        "has_key": bool(key),
    }
    return Connection(**(fields | data))

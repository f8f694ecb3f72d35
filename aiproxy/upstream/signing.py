"""Proves on a request who calls: the only place where a stored key is used."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from aiproxy.upstream.google_token import GoogleTokens
from integrations.live import Connection
from providers.auth import sign
from providers.errors import AuthFailed
from providers.wire import WireRequest

SHORTEST_SECRET = 12
"""Shorter values are place-holders such as ``ollama``; blacking those out would damage answers."""


@dataclass(frozen=True, slots=True, repr=False)
class Proven:
    """``request`` must not be logged. ``secrets`` are the texts that an answer must not repeat."""

    request: WireRequest
    secrets: tuple[bytes, ...] = field(default=())


async def prove(
    google: GoogleTokens, connection: Connection, request: WireRequest, connect: float
) -> Proven:
    """``request`` with the connection's key where its way to sign in wants it.

    ``connect`` is how many seconds a connection to exchange the key may take. Raises CallError and, where it has to
    be exchanged, httpx.TransportError.
    """
    secret = await _secret(google, connection, connect)
    signed = sign(
        request,
        connection.auth,
        secret,
        connection.headers,
        endpoint=connection.endpoint,
        now=datetime.now(UTC),
    )
    return Proven(signed, _shown(connection, secret, signed))


def long_ones(values: Iterable[str]) -> tuple[bytes, ...]:
    """Those that are long enough to be secrets."""
    return tuple(value.encode() for value in values if len(value) >= SHORTEST_SECRET)


async def _secret(google: GoogleTokens, connection: Connection, connect: float) -> str:
    """What is sent or signed with: the stored key, or what it is exchanged for first."""
    key = connection.secret.plain()
    if not (key.isascii() and key.isprintable()):
        raise AuthFailed("The stored key holds a character that no key has. Enter the key again.")
    if connection.auth.type == "service_account" and key:
        return (await google.token(connection.secret, connect)).plain()
    return key


def _shown(connection: Connection, secret: str, signed: WireRequest) -> tuple[bytes, ...]:
    if connection.auth.place != "signature":
        return long_ones((secret,))
    # The id of an access key is no secret, and the errors about one name it.
    proof = signed.headers.get("authorization", "").rpartition("Signature=")[2]
    return long_ones((*secret.split(":")[1:], proof))

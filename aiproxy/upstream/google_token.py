"""A service account's key to the access token that Google's APIs take
(https://developers.google.com/identity/protocols/oauth2/service-account#httprest).

The file names an address for this exchange; it is not used, so nobody can have a signed claim sent elsewhere.
"""

from __future__ import annotations

import asyncio
import time
from base64 import urlsafe_b64encode
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from hashlib import sha256
from urllib.parse import urlencode

import httpx
import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from integrations.lru import Lru
from integrations.secret import Secret
from providers.errors import AuthFailed, CallError, CallTimeout, ServerError
from providers.service_account import ServiceAccount

TOKEN_URL = "https://oauth2.googleapis.com/token"
"""The only place a claim is sent to."""

SCOPE = "https://www.googleapis.com/auth/cloud-platform"
LIFETIME = 3600
MARGIN = 60
"""A token is not used any more when it has fewer seconds left than this."""

_REMEMBERED = 256
_MOST_BYTES = 1 << 16
_PATIENCE = 10.0

_UNREADABLE = (
    "The stored key is not a Google service account's JSON file, or its private key cannot be read. "
    "Enter the whole file again."
)
_REFUSED = (
    "Google does not accept the service account's key: it may have been deleted or disabled. "
    "Create a new key for the account, and enter its JSON file."
)
_LATE = "Google did not give an access token in time. Try again later."
_FAILED = "Google could not give an access token at the moment. Try again later."

Exchange = Callable[[httpx.Request], Awaitable[httpx.Response]]


@dataclass(frozen=True, slots=True)
class _Token:
    value: Secret
    expires: float


class GoogleTokens:
    """Access tokens by service account, each fetched once and used until shortly before it expires.

    For one event loop. ``exchange`` sends a request; ``clock`` tells the seconds since 1970.
    """

    def __init__(
        self, exchange: Exchange, url: str = TOKEN_URL, clock: Callable[[], float] = time.time
    ) -> None:
        self._exchange = exchange
        self._url = url
        self._clock = clock
        self._known: Lru[bytes, _Token] = Lru(_REMEMBERED)
        self._flights: dict[bytes, asyncio.Task[_Token | CallError | httpx.TransportError]] = {}

    async def token(self, key: Secret, connect: float = 5.0) -> Secret:
        """For the file ``key``. Callers that come at the same time share one request.

        ``connect`` is how many seconds a connection may take. Raises CallError and httpx.TransportError.
        """
        digest = sha256(key.plain().encode()).digest()
        known = self._known.get(digest)
        if known is not None and known.expires - self._clock() > MARGIN:
            return known.value
        flight = self._flights.get(digest)
        if flight is None:
            flight = asyncio.create_task(self._fetched(digest, key, connect))
            self._flights[digest] = flight
            flight.add_done_callback(lambda _: self._flights.pop(digest, None))
        # Shielded: one caller's leaving must not fail the others.
        found = await asyncio.shield(flight)
        if isinstance(found, _Token):
            return found.value
        raise found

    async def close(self) -> None:
        """Give up whatever is under way."""
        flights = list(self._flights.values())
        for flight in flights:
            flight.cancel()
        await asyncio.gather(*flights, return_exceptions=True)

    async def _fetched(
        self, digest: bytes, key: Secret, connect: float
    ) -> _Token | CallError | httpx.TransportError:
        """Failures are given, not raised: every waiting caller raises them itself."""
        try:
            async with asyncio.timeout(_PATIENCE):
                token = await self._fetch(key, connect)
        except TimeoutError:
            return CallTimeout(_LATE)
        except (CallError, httpx.TransportError) as error:
            return error
        self._known.put(digest, token)
        return token

    async def _fetch(self, key: Secret, connect: float) -> _Token:
        now = self._clock()
        form = {
            "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
            "assertion": claim(key, self._url, int(now)),
        }
        request = httpx.Request(
            "POST",
            self._url,
            headers={"content-type": "application/x-www-form-urlencoded"},
            content=urlencode(form).encode(),
            extensions={"timeout": {"connect": connect}},
        )
        response = await self._exchange(request)
        try:
            body = await _whole(response)
        finally:
            await response.aclose()
        return _read(response.status_code, body, now)


def claim(key: Secret, audience: str, now: int) -> str:
    """The signed statement (a JWT) that is exchanged. Raises AuthFailed."""
    account = ServiceAccount.parse(key.plain())
    private_key = _private_key(account.private_key) if account else None
    if account is None or private_key is None:
        raise AuthFailed(_UNREADABLE)
    header = {"alg": "RS256", "typ": "JWT"}
    if account.key_id:
        header["kid"] = account.key_id
    claims = {
        "iss": account.email,
        "scope": SCOPE,
        "aud": audience,
        "iat": now,
        "exp": now + LIFETIME,
    }
    text = f"{_base64(msgspec.json.encode(header))}.{_base64(msgspec.json.encode(claims))}"
    signature = private_key.sign(text.encode(), PKCS1v15(), SHA256())
    return f"{text}.{_base64(signature)}"


def _private_key(pem: str) -> RSAPrivateKey | None:
    try:
        found = load_pem_private_key(pem.encode(), None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None
    return found if isinstance(found, RSAPrivateKey) else None


async def _whole(response: httpx.Response) -> bytes:
    data = b""
    async for piece in response.aiter_raw():
        data += piece
        if len(data) > _MOST_BYTES:
            break
    return data


def _read(status: int, body: bytes, now: float) -> _Token:
    """Raises AuthFailed where Google refuses the account, ServerError where it fails."""
    try:
        value = msgspec.json.decode(body, type=_Answer)
    except msgspec.MsgspecError:
        value = _Answer()
    if status == 200 and value.access_token and value.access_token.isascii():
        return _Token(Secret(value.access_token), now + value.expires_in)
    said = f"status {status}: {value.error} {value.error_description}".strip()[:500]
    if 400 <= status < 500 and status != 429:
        raise AuthFailed(_REFUSED, detail=said, upstream_status=status)
    raise ServerError(_FAILED, detail=said, upstream_status=status)


class _Answer(msgspec.Struct):
    access_token: str = ""
    expires_in: float = 0
    error: str = ""
    error_description: str = ""

    def __repr__(self) -> str:
        return "_Answer(***)"


def _base64(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()

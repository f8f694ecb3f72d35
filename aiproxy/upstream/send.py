"""A WireRequest to its WireReply, or to the stream of its bytes.

Whatever goes wrong on the way is a CallError in our own words. It never holds a URL (which may carry a key) or
a header, and the key that was used is blacked out of what the provider answers.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Protocol

import aiohttp
import httpx
import yarl

from aiproxy.errors import NoSocketLeft, OutOfTime
from aiproxy.fake import sandbox
from aiproxy.upstream import transport
from aiproxy.upstream.client import Upstream
from aiproxy.upstream.signing import long_ones, prove
from integrations.live import Connection
from integrations.policy import USUAL, CallPolicy
from providers.endpoint import SANDBOX
from providers.errors import (
    AddressRefused,
    CallError,
    CallTimeout,
    ConnectFailed,
    ConnectTimedOut,
    HostNotFound,
    InvalidRequest,
    NetworkError,
    ServerError,
    StreamCut,
    TlsFailed,
)
from providers.wire import WireReply, WireRequest

MAX_REPLY_BYTES = 64 * 1024 * 1024

_HEADERS = {"user-agent": "ai-integration-marketplace", "accept": "*/*"}

# What each httpx error means here. The first that fits counts, so the special ones stand first.
_MEANING: tuple[tuple[type[httpx.TransportError], type[CallError], str], ...] = (
    (
        transport.AddressRefused,
        AddressRefused,
        "{} was not called: its address is private or not encrypted, and the operator of this server "
        "has not allowed it in AIM_PRIVATE_ENDPOINTS.",
    ),
    (
        transport.HostUnknown,
        HostNotFound,
        "{} could not be reached: the host name in its address is not known. Check the base URL.",
    ),
    (
        transport.TlsFailed,
        TlsFailed,
        "{} could not be reached safely: its certificate was not accepted, or it does not speak TLS. "
        "Check the base URL.",
    ),
    (
        transport.NoSocketLeft,
        NoSocketLeft,
        "{} was not called: this server has as many connections open as it may. Try again in a moment; "
        "the operator can raise the limit of open files.",
    ),
    (
        httpx.ConnectError,
        ConnectFailed,
        "{} could not be reached: nothing accepts connections at its address. Check the base URL, "
        "or try again later.",
    ),
    (httpx.ConnectTimeout, ConnectTimedOut, "{} could not be reached in time. Try again later."),
    (httpx.TimeoutException, CallTimeout, "{} did not answer in time. Try again later."),
    (
        httpx.RemoteProtocolError,
        ServerError,
        "{} answered with something that is not HTTP. Check the base URL.",
    ),
    (
        httpx.LocalProtocolError,
        InvalidRequest,
        "A header of this integration cannot be sent to {}. Check the extra headers in its settings.",
    ),
    (
        httpx.TransportError,
        NetworkError,
        "The connection to {} broke before the answer was complete. The request may have been worked on.",
    ),
)


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds. ``first_byte`` and ``idle`` are for streams: how long the first byte of the body may take, from
    the start of the call, and from then on each sign of life. A whole answer may take up to ``total``.
    """

    connect: float = 5.0
    first_byte: float = 30.0
    idle: float = 60.0
    total: float = 300.0

    def of(self, policy: CallPolicy) -> Timeouts:
        """These, but for those that an integration's policy sets."""
        return self if policy is USUAL else _merged(self, policy)


@lru_cache(maxsize=1024)
def _merged(usual: Timeouts, policy: CallPolicy) -> Timeouts:
    return Timeouts(
        policy.connect_timeout or usual.connect,
        policy.first_token_timeout or usual.first_byte,
        policy.idle_timeout or usual.idle,
        policy.total_timeout or usual.total,
    )


class Body(Protocol):
    async def read(self) -> bytes:
        """The next bytes as they come, ``b""`` at the end. Raises httpx.TransportError."""

    async def aclose(self) -> None:
        """Let go of it; if it has not ended, the other side learns so at once."""


@dataclass(frozen=True, slots=True)
class Head:
    """``secrets`` is what the request proved itself with; it is blacked out of the answer."""

    status: int
    headers: Mapping[str, str]
    body: Body
    secrets: tuple[bytes, ...] = field(default=(), repr=False)


async def send(
    upstream: Upstream,
    connection: Connection,
    request: WireRequest,
    timeouts: Timeouts,
    within: float = math.inf,
) -> WireReply:
    """The whole answer with any status but a redirect's. ``within`` is how many seconds are left of the whole call.

    Raises CallError; OutOfTime where the call ended before the provider had half of its own time, so that nobody
    can blame it.
    """
    patience = min(timeouts.total, within)
    try:
        async with asyncio.timeout(patience):
            head = await _begin(upstream, connection, request, timeouts)
            return await _whole(head, connection)
    except httpx.TransportError as error:
        failure = _explained(error, connection)
    except TimeoutError:
        hurried = within < timeouts.total / 2
        failure = _late(connection, f"no whole answer in {patience:g} s", hurried=hurried)
    raise failure


@asynccontextmanager
async def stream(
    upstream: Upstream,
    connection: Connection,
    request: WireRequest,
    timeouts: Timeouts,
    within: float = math.inf,
) -> AsyncIterator[Streamed]:
    """The answer as it comes, ``within`` as for ``send``. Leaving the context ends the exchange at once, wherever
    it stands.
    """
    streamed = await _open(upstream, connection, request, timeouts, within)
    try:
        yield streamed
    finally:
        await streamed.aclose()


class Streamed:
    """An answer under way; iterate over it for the bytes, in whatever pieces they arrive.

    ``reply`` is the whole answer if the status is not 200, and then there is nothing to iterate over. Iteration
    raises StreamCut when the connection breaks, and CallTimeout when a deadline passes. Bytes alone move no deadline
    but the first: whoever understands them calls ``alive()``.
    """

    __slots__ = (
        "_begun",
        "_connection",
        "_deadline",
        "_end",
        "_head",
        "_held",
        "_hurried",
        "_idle",
        "_loop",
        "_secrets",
        "reply",
    )

    def __init__(
        self,
        head: Head,
        connection: Connection,
        timeouts: Timeouts,
        started: float,
        within: float = math.inf,
    ) -> None:
        self.reply: WireReply | None = None
        self._head = head
        self._connection = connection
        self._secrets = head.secrets
        self._held = b""
        self._begun = False
        self._loop = asyncio.get_running_loop()
        self._idle = timeouts.idle
        self._end = started + min(timeouts.total, within)
        self._hurried = within < timeouts.total / 2
        self._deadline = min(self._end, started + timeouts.first_byte)

    @property
    def reply_status(self) -> int:
        return self._head.status

    @property
    def headers(self) -> Mapping[str, str]:
        return self._head.headers

    def redacted(self, text: str) -> str:
        """A header's value without what the request proved itself with."""
        return _blackened(text.encode("latin-1"), self._secrets).decode("latin-1")

    def __aiter__(self) -> Streamed:
        return self

    async def __anext__(self) -> bytes:
        if self.reply is not None:
            raise StopAsyncIteration
        try:
            async with asyncio.timeout_at(self._deadline):
                data = await self._head.body.read()
        except httpx.TransportError as error:
            failure: CallError = _cut(error, self._connection)
        except TimeoutError:
            hurried = self._hurried and self._deadline == self._end
            failure = _late(
                self._connection, "the stream stood still or lasted too long", hurried=hurried
            )
        else:
            if not data and not self._held:
                raise StopAsyncIteration
            if not self._begun:
                self._begun = True
                self.alive()
            return self._let_out(data)
        raise failure

    def alive(self) -> None:
        """The provider has said something whole: an event, a ping, a comment."""
        self._deadline = min(self._end, self._loop.time() + self._idle)

    def _let_out(self, data: bytes) -> bytes:
        """What may be given on. An end that may be a secret's beginning is held back until it shows itself."""
        whole = _blackened(self._held + data, self._secrets)
        kept = _begun(whole, self._secrets) if data else 0
        self._held = whole[len(whole) - kept :]
        return whole[: len(whole) - kept]

    async def aclose(self) -> None:
        await self._head.body.aclose()


async def _open(
    upstream: Upstream,
    connection: Connection,
    request: WireRequest,
    timeouts: Timeouts,
    within: float,
) -> Streamed:
    started = asyncio.get_running_loop().time()
    patience = min(timeouts.first_byte, timeouts.total, within)
    try:
        async with asyncio.timeout_at(started + patience):
            head = await _begin(upstream, connection, request, timeouts)
            streamed = Streamed(head, connection, timeouts, started, within)
            if head.status != 200:
                streamed.reply = await _whole(head, connection)
            return streamed
    except httpx.TransportError as error:
        failure = _explained(error, connection)
    except TimeoutError:
        hurried = patience == within < timeouts.total / 2
        failure = _late(connection, f"no first byte in {patience:g} s", hurried=hurried)
    raise failure


async def _begin(
    upstream: Upstream, connection: Connection, request: WireRequest, timeouts: Timeouts
) -> Head:
    """Send the request and wait for the head of the answer."""
    if connection.endpoint.scheme == SANDBOX:
        answer = sandbox.Exchange(request)
        head = Head(answer.status, answer.headers, answer)
    else:
        head = await _dial(upstream, connection, request, timeouts)
    try:
        _check(head, connection, request)
    except CallError:
        await head.body.aclose()
        raise
    return head


async def _dial(
    upstream: Upstream, connection: Connection, request: WireRequest, timeouts: Timeouts
) -> Head:
    proven = await prove(upstream.google, connection, request, timeouts.connect)
    response = await _exchange(upstream, connection, proven.request, timeouts.connect)
    return Head(response.status, _plain(response), transport.Body(response), proven.secrets)


async def _exchange(
    upstream: Upstream, connection: Connection, signed: WireRequest, connect: float
) -> aiohttp.ClientResponse:
    content = signed.content()
    headers = dict(_HEADERS)
    if content is not None and signed.raw is None:
        headers["content-type"] = "application/json"
    headers |= {name.lower(): value for name, value in signed.headers.items()}
    headers["accept-encoding"] = "identity"  # a reply of 1 MB must not become one of 2 GB
    if not all(map(str.isascii, headers.values())):
        raise InvalidRequest(
            "An extra header of the integration holds a character that cannot be sent. Change it."
        )
    address = connection.endpoint.join(signed.path)
    url = _parsed(address) if connection.auth.place == "query" else _url(address)
    if url is None:
        raise InvalidRequest("Base URL and model together make no address. Check both.")
    return await upstream.call(signed.method, url, headers, content, connect)


def _parsed(address: str) -> yarl.URL | None:
    """None for what is no address; the error that httpx raises then would hold it."""
    try:
        return yarl.URL(str(httpx.URL(address)), encoded=True)
    except (httpx.InvalidURL, UnicodeError):
        return None


_url = lru_cache(maxsize=512)(_parsed)
"""Never called with an address that carries a key."""


def _plain(response: aiohttp.ClientResponse) -> dict[str, str]:
    plain: dict[str, str] = {}
    for raw_name, raw_value in response.raw_headers:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        plain[name] = f"{plain[name]}, {value}" if name in plain else value
    return plain


def _check(head: Head, connection: Connection, request: WireRequest) -> None:
    """Raises for an answer that is of no use whatever its body says."""
    name = connection.provider.name
    if 300 <= head.status < 400:
        problem = f"{name} wants to send the call elsewhere, which is refused. Check the base URL."
    elif head.headers.get("content-encoding", "identity").lower() not in ("", "identity"):
        problem = f"{name} compressed its answer although it was asked not to."
    elif request.raw is None and head.status == 200 and _is_page(head):
        problem = f"{name} answered with a web page instead of data. Check the base URL."
    else:
        return
    raise ServerError(problem, provider=connection.provider.id, upstream_status=head.status)


def _is_page(head: Head) -> bool:
    return head.headers.get("content-type", "").startswith("text/html")


async def _whole(head: Head, connection: Connection) -> WireReply:
    chunks: list[bytes] = []
    size = 0
    try:
        while data := await head.body.read():
            chunks.append(data)
            size += len(data)
            if size > MAX_REPLY_BYTES:
                raise ServerError(
                    f"{connection.provider.name} sent more than {MAX_REPLY_BYTES >> 20} MB.",
                    provider=connection.provider.id,
                    upstream_status=head.status,
                )
    finally:
        await head.body.aclose()
    secrets = head.secrets
    if head.status == 200:
        return WireReply(head.status, head.headers, _blackened(b"".join(chunks), secrets))
    secrets += long_ones(connection.headers.values())
    headers = {
        name: _blackened(value.encode("latin-1"), secrets).decode("latin-1")
        for name, value in head.headers.items()
    }
    return WireReply(head.status, headers, _blackened(b"".join(chunks), secrets))


def redacted(text: str | None, connection: Connection) -> str | None:
    """What a provider said, for the log: without the key and without the values of the owner's headers."""
    if text is None:
        return None
    key = connection.secret.plain()
    secrets = long_ones((key, *key.split(":")[1:], *connection.headers.values()))
    return _blackened(text.encode(), secrets).decode("utf-8", "replace")


def _blackened(data: bytes, secrets: tuple[bytes, ...]) -> bytes:
    """``data`` without the secrets."""
    for secret in secrets:
        if secret in data:
            data = data.replace(secret, b"****")
    return data


def _begun(data: bytes, secrets: tuple[bytes, ...]) -> int:
    """How many bytes at the end of ``data`` may be the beginning of a secret."""
    if data.endswith(b"\n"):  # the usual end of an event; no header may hold it, so no secret does
        return 0
    lengths = (
        length
        for secret in secrets
        for length in range(min(len(secret) - 1, len(data)), 0, -1)
        if data.endswith(secret[:length])
    )
    return max(lengths, default=0)


def _explained(error: httpx.TransportError, connection: Connection) -> CallError:
    kind, sentence = next(
        (ours, text) for theirs, ours, text in _MEANING if isinstance(error, theirs)
    )
    message = sentence.format(connection.provider.name)
    return kind(message, provider=connection.provider.id, detail=str(error))


def _cut(error: httpx.TransportError, connection: Connection) -> StreamCut:
    return StreamCut(
        f"{connection.provider.name} broke off in the middle of its answer.",
        provider=connection.provider.id,
        detail=str(error),
    )


def _late(connection: Connection, detail: str, *, hurried: bool) -> CallTimeout:
    """``hurried``: it is the whole call that took too long, and left this provider a moment only."""
    name, provider = connection.provider.name, connection.provider.id
    if hurried:
        problem = f"The time for the call was over before {name} had answered. Give it more, or try again later."
        return OutOfTime(problem, provider=provider, detail=detail)
    return CallTimeout(
        f"{name} did not answer in time. Try again later.", provider=provider, detail=detail
    )

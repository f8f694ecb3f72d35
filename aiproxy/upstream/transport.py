"""The aiohttp transport for httpx, with a guard over the addresses it dials and an honest map of errors.

Every byte to a provider leaves through here, so the guard has no way around it. It looks at what is dialled and
not at what was typed: a literal address before the request (aiohttp asks no resolver for those), a name when
its answers arrive, and what aiohttp then dials are exactly the answers that were checked. Its cache holds
checked answers only.

Errors are httpx's, plus the four ``ConnectError`` below. None of them refers to an aiohttp error, not even as
its context: those carry the request's headers, and with them the key.

    httpx.ConnectError, ConnectTimeout    nothing was sent
    httpx.ReadError, ReadTimeout          the request was sent, the answer did not (wholly) arrive
    httpx.RemoteProtocolError             the answer is not HTTP, or its head is too large
"""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import re
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from functools import cache
from itertools import chain

import aiohttp
import httpx
import yarl
from aiohttp.abc import AbstractResolver, ResolveResult
from httpx_aiohttp import AiohttpTransport

from aiproxy.upstream.names import LookUps
from providers.endpoint import PrivateEndpoints

DNS_SECONDS = 5.0
DNS_CACHE_SECONDS = 30
KEEP_ALIVE_SECONDS = 30.0
CONNECTIONS = 0
"""No limit: AIM_MAX_CALLS bounds the calls, each has one, and none may wait until another's stream ends."""

REMEMBERED = 1000
MAX_HEADERS = 200
MAX_HEADER_BYTES = 16 * 1024
MAX_HEAD_BYTES = 64 * 1024

Allowed = Callable[[], PrivateEndpoints]
"""Asked at every call, so that a change of the settings holds at once."""

_NUMERIC = re.compile(r"[0-9.]+|.*:.*")


class HostUnknown(httpx.ConnectError):
    """The name has no address, or nobody said so in time."""


class TlsFailed(httpx.ConnectError):
    """No encrypted connection: a bad certificate, or no TLS at all."""


class AddressRefused(httpx.ConnectError):
    """The guard does not let us dial this."""


class NoSocketLeft(httpx.ConnectError):
    """This process may open no further connection; the other side has nothing to do with it."""


class _NotPermitted(OSError):
    """What the resolver says inside aiohttp, which lets only an OSError through as what it is."""


class GuardedResolver(AbstractResolver):
    """The system's resolver. One address that may not be dialled makes it refuse all of them."""

    def __init__(self, allowed: Allowed) -> None:
        self._allowed = allowed
        self._look_ups = LookUps()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        addresses = await self._look_up(host, port, family)
        allowed = self._allowed()
        if not all(
            allowed.permits(host, port, ipaddress.ip_address(address.partition("%")[0]))
            for _, address in addresses
        ):
            raise _NotPermitted(f"{host} has an address that is not public")
        flags = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
        return [
            ResolveResult(
                hostname=host, host=address, port=port, family=family, proto=0, flags=flags
            )
            for family, address in addresses
        ]

    async def _look_up(self, host: str, port: int, family: int) -> list[tuple[int, str]]:
        try:
            async with asyncio.timeout(DNS_SECONDS):
                found = await self._look_ups.addresses(host, port, family)
        except TimeoutError:
            raise OSError(None, "the name server did not answer") from None
        except UnicodeError:
            raise OSError(None, "not a host name") from None
        internet = (socket.AF_INET, socket.AF_INET6)
        addresses = [(int(kind), str(where[0])) for kind, *_, where in found if kind in internet]
        if not addresses:
            raise OSError(None, "the name has no address")
        return addresses

    async def close(self) -> None:
        """Nothing to let go of."""


class GuardedTransport(AiohttpTransport):
    """For one event loop. ``open`` it inside the loop; ``aclose`` ends every connection."""

    def __init__(self, allowed: Allowed, context: ssl.SSLContext | None = None) -> None:
        super().__init__(verify=context or True, trust_env=False)
        self.ssl_context.set_alpn_protocols(["http/1.1"])
        self._allowed = allowed
        self._session: aiohttp.ClientSession | None = None
        self._passed: dict[tuple[str, str, int], PrivateEndpoints] = {}

    async def open(self) -> None:
        connector = aiohttp.TCPConnector(
            resolver=GuardedResolver(self._allowed),
            ttl_dns_cache=DNS_CACHE_SECONDS,
            ssl=self.ssl_context,
            limit=CONNECTIONS,
            keepalive_timeout=KEEP_ALIVE_SECONDS,
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=("user-agent", "accept", "accept-encoding", "content-type"),
            auto_decompress=False,
            trust_env=False,
            timeout=aiohttp.ClientTimeout(total=None, connect=None),
            max_headers=MAX_HEADERS,
            max_field_size=MAX_HEADER_BYTES,
            max_line_size=MAX_HEADER_BYTES,
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Raises only httpx errors. The connect timeout is taken from the request's extensions."""
        response = await self.call(
            request.method,
            yarl.URL(str(request.url), encoded=True),  # a signature holds for these very bytes
            [(name.decode(), value.decode()) for name, value in request.headers.raw],
            request.content or None,
            request.extensions.get("timeout", {}).get("connect"),
        )
        return httpx.Response(
            response.status, headers=response.raw_headers, stream=Body(response), request=request
        )

    async def call(
        self,
        method: str,
        url: yarl.URL,
        headers: Mapping[str, str] | Sequence[tuple[str, str]],
        content: bytes | None,
        connect: float | None,
    ) -> aiohttp.ClientResponse:
        """The same without httpx's request and response, which take a tenth of a call's time to make."""
        if self._session is None:
            raise RuntimeError("The transport is not open.")
        self._check(url)
        failure: httpx.TransportError
        try:
            response = await self._session.request(
                method,
                url,
                headers=headers,
                data=content,
                allow_redirects=False,
                timeout=_timeout(connect),
            )
        except (aiohttp.ClientError, OSError, ValueError) as error:
            failure = _translated(error)
        else:
            if sum(map(len, chain.from_iterable(response.raw_headers))) <= MAX_HEAD_BYTES:
                return response
            response.close()
            failure = httpx.RemoteProtocolError("the head of the answer is too large")
        raise failure  # outside of `except`, so that it has no context

    def _check(self, url: yarl.URL) -> None:
        """Raises AddressRefused. What has passed once need not be looked at again while the settings are the same."""
        allowed = self._allowed()
        place = (url.scheme, url.raw_host or "", url.port or 0)
        if self._passed.get(place) is not allowed:
            _guard(allowed, *place)
            if len(self._passed) >= REMEMBERED:
                self._passed.clear()
            self._passed[place] = allowed

    async def aclose(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None


def _guard(allowed: PrivateEndpoints, scheme: str, host: str, port: int) -> None:
    if scheme != "https" and not allowed.allows(host, port):
        raise AddressRefused("without https only an allowed private endpoint may be called")
    if not _NUMERIC.fullmatch(host):
        return
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        raise AddressRefused("not the usual way to write an address") from None
    if not allowed.permits(host, port, address):
        raise AddressRefused("not a public address")


@cache
def _timeout(connect: float | None) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=None, connect=connect, sock_connect=connect)


class Body(httpx.AsyncByteStream):
    """The bytes of an answer as they come. Closing it before its end cuts the connection at once."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response

    async def read(self) -> bytes:
        """The next bytes, ``b""`` at the end."""
        try:
            return await self._response.content.readany()
        except (aiohttp.ClientError, OSError) as error:
            failure = _translated(error)
        raise failure

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while data := await self.read():
            yield data

    async def aclose(self) -> None:
        connection = self._response.connection
        if connection is not None and connection.transport is not None:
            connection.transport.abort()  # a mere close would first say goodbye in TLS
        self._response.close()


def _translated(error: Exception) -> httpx.TransportError:
    """The httpx error that tells the truth about an aiohttp one: above all, whether the request was sent."""
    match error:
        case aiohttp.ClientConnectorDNSError(os_error=_NotPermitted() as cause):
            return AddressRefused(str(cause))
        case aiohttp.ClientConnectorDNSError():
            return HostUnknown(error.os_error.strerror or "the name could not be resolved")
        case aiohttp.ClientConnectorCertificateError():
            return TlsFailed(_certificate_problem(error.certificate_error))
        case aiohttp.ClientConnectorSSLError():
            return TlsFailed(error.os_error.strerror or "no TLS")
        case aiohttp.ClientConnectorError(os_error=OSError(errno=errno.EMFILE | errno.ENFILE)):
            return NoSocketLeft("too many open files")
        case aiohttp.ClientConnectorError():
            return httpx.ConnectError(error.os_error.strerror or type(error.os_error).__name__)
        case aiohttp.ConnectionTimeoutError():
            return httpx.ConnectTimeout("no connection in time")
        case aiohttp.InvalidURL():
            return AddressRefused("not the usual way to write an address")
        case aiohttp.ClientResponseError():
            return httpx.RemoteProtocolError("not an HTTP answer")
        case aiohttp.ClientError() | OSError():
            return httpx.ReadError(type(error).__name__)
        case _:
            return httpx.LocalProtocolError(type(error).__name__)


def _certificate_problem(error: Exception) -> str:
    return getattr(error, "verify_message", "") or "the certificate is not valid"

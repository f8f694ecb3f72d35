"""The address guard: what may be dialled, however it is written and whatever a name resolves to."""

from __future__ import annotations

import asyncio
import errno
import socket
import threading
from typing import cast

import httpx
import pytest
import yarl

from aiproxy.upstream import names, transport
from aiproxy.upstream.transport import (
    AddressRefused,
    Body,
    GuardedTransport,
    HostUnknown,
    NoSocketLeft,
)
from providers.endpoint import PrivateEndpoints
from tests.fakes import serve_raw

# Every way to write an address inside, as hosts of https URLs (SECURITY §7 and T6, T7, T16).
INSIDE = [
    "127.0.0.1",
    "127.1",
    "127.0.0.1.",
    "2130706433",
    "0x7f000001",
    "0x7f.0.0.1",
    "017700000001",
    "0177.0.0.1",
    "0",
    "0.0.0.0",
    "localhost",
    "localhost.",
    "10.0.0.1",
    "100.64.0.1",
    "169.254.1.1",
    "172.16.0.1",
    "192.168.1.1",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "[::1]",
    "[::]",
    "[::127.0.0.1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[64:ff9b::7f00:1]",
    "[2002:7f00:1::]",
    "[fc00::1]",
    "[fe80::1]",
    "[fec0::1]",
    "[ff02::1]",
]
METADATA = [
    "169.254.169.254",
    "100.100.100.200",
    "168.63.129.16",
    "[fd00:ec2::254]",
    "[::ffff:a9fe:a9fe]",
]

# Some spellings no longer pass as a URL, and not every system knows "localhost." with a dot.
REFUSALS = (AddressRefused, HostUnknown, httpx.InvalidURL)


@pytest.fixture
def resolves(monkeypatch):
    """``resolves({"name": ["1.2.3.4", …]})`` stands in for the name server; each look-up takes the next list."""

    def install(answers: dict[str, list[list[str]]]) -> list[str]:
        asked: list[str] = []

        def getaddrinfo(host, port, *_):
            asked.append(host)
            found = answers[host]
            addresses = found.pop(0) if len(found) > 1 else found[0]
            return [
                (
                    socket.AF_INET6 if ":" in a else socket.AF_INET,
                    socket.SOCK_STREAM,
                    6,
                    "",
                    (a, port),
                )
                for a in addresses
            ]

        monkeypatch.setattr(names, "getaddrinfo", getaddrinfo)
        return asked

    return install


async def get(url: str, allowed: str = "", address: httpx.URL | None = None) -> httpx.Response:
    guarded = GuardedTransport(lambda: PrivateEndpoints.parse(allowed))
    await guarded.open()
    try:
        request = httpx.Request("GET", address or url, extensions={"timeout": {"connect": 0.5}})
        response = await guarded.handle_async_request(request)
        await cast(Body, response.stream).aclose()
        return response
    finally:
        await guarded.aclose()


async def ok(line) -> None:
    await line.send(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")


@pytest.mark.parametrize("host", INSIDE + METADATA)
async def test_addresses_inside_are_not_dialled(host):
    with serve_raw(ok) as server:
        with pytest.raises(REFUSALS):
            await get(f"https://{host}:{server.port}/")
        assert server.connections == 0


@pytest.mark.parametrize("host", METADATA)
async def test_metadata_services_are_refused_even_where_allowed(host):
    with pytest.raises(AddressRefused):
        await get(f"http://{host}/", allowed=f"{host}:80")


@pytest.mark.parametrize("host", ["①②⑦.⓪.⓪.①", "127。0。0。1"])
async def test_other_digits_and_dots_reach_nothing_inside(host):
    with serve_raw(ok) as server:
        with pytest.raises(REFUSALS):
            await get(f"https://{host}:{server.port}/")
        assert server.connections == 0


async def test_a_name_that_resolves_inside_is_refused(resolves):
    resolves({"evil.example": [["10.0.0.1"]]})
    with pytest.raises(AddressRefused):
        await get("https://evil.example/")


async def test_one_address_inside_spoils_all(resolves):
    resolves({"mixed.example": [["8.8.8.8", "127.0.0.1"]]})
    with pytest.raises(AddressRefused):
        await get("https://mixed.example/")


async def test_the_address_that_was_checked_is_the_one_that_is_dialled(resolves, monkeypatch):
    """A name that changes its answer between check and use (DNS rebinding) gains nothing: it is asked once."""
    asked = resolves({"rebind.example": [["192.0.2.7"], ["127.0.0.1"]]})
    dialled: list[str] = []

    async def start_connection(addr_infos, **_):
        dialled.extend(info[4][0] for info in addr_infos)
        raise OSError(111, "Connection refused")

    monkeypatch.setattr("aiohappyeyeballs.start_connection", start_connection)
    monkeypatch.setattr(PrivateEndpoints, "permits", lambda *_: True)
    with pytest.raises(httpx.ConnectError):
        await get("https://rebind.example/")
    assert asked == ["rebind.example"]
    assert dialled == ["192.0.2.7"]


async def test_a_name_is_checked_again_when_its_answer_has_grown_old(resolves, monkeypatch):
    monkeypatch.setattr(transport, "DNS_CACHE_SECONDS", 0)
    asked = resolves({"rebind.example": [["127.0.0.1"]]})
    for _ in range(2):
        with pytest.raises(AddressRefused):
            await get("https://rebind.example/")
    assert len(asked) == 2


async def test_a_name_server_that_does_not_answer_is_not_waited_for(monkeypatch):
    answered = threading.Event()
    monkeypatch.setattr(names, "getaddrinfo", lambda *_: answered.wait(60))
    monkeypatch.setattr(transport, "DNS_SECONDS", 0.05)
    try:
        with pytest.raises(HostUnknown):
            await get("https://slow.example/")
    finally:
        answered.set()


async def test_an_allowed_private_endpoint_is_dialled():
    with serve_raw(ok) as server:
        response = await get(server.url, allowed=f"127.0.0.1:{server.port}")
        assert response.status_code == 200


async def test_an_allowed_name_is_dialled():
    with serve_raw(ok) as server:
        url = f"http://localhost:{server.port}/"
        assert (await get(url, allowed=f"localhost:{server.port}")).status_code == 200


async def test_an_allowed_port_allows_no_other():
    with serve_raw(ok) as server:
        with pytest.raises(AddressRefused):
            await get(server.url, allowed=f"127.0.0.1:{server.port + 1}")
        assert server.connections == 0


async def test_an_allowed_address_under_another_name_is_refused():
    with serve_raw(ok) as server:
        with pytest.raises(AddressRefused):
            await get(f"http://localhost:{server.port}/", allowed=f"127.0.0.1:{server.port}")
        assert server.connections == 0


async def test_without_https_the_public_internet_is_not_called(resolves):
    asked = resolves({"api.example": [["8.8.8.8"]]})
    with pytest.raises(AddressRefused):
        await get("http://api.example/")
    assert asked == []


@pytest.mark.parametrize("url", ["ftp://api.example/", "file:///etc/passwd", "unix:///run/x.sock"])
async def test_other_schemes_are_refused(url):
    with pytest.raises(AddressRefused):
        await get(url)


async def test_a_closed_transport_cannot_be_used():
    guarded = GuardedTransport(PrivateEndpoints)
    with pytest.raises(RuntimeError):
        await guarded.handle_async_request(httpx.Request("GET", "https://api.example/"))


async def test_a_host_that_accepts_nobody_is_a_connect_timeout(monkeypatch):
    async def start_connection(**_):
        await asyncio.sleep(60)

    monkeypatch.setattr("aiohappyeyeballs.start_connection", start_connection)
    with pytest.raises(httpx.ConnectTimeout):
        await get("https://8.8.8.8/")


async def test_a_name_that_no_name_server_takes_is_unknown(monkeypatch):
    def getaddrinfo(*_):
        raise UnicodeError("label too long")

    monkeypatch.setattr(names, "getaddrinfo", getaddrinfo)
    with pytest.raises(HostUnknown):
        await get("https://long.example/")


async def test_a_name_without_an_internet_address_is_unknown(resolves):
    resolves({"empty.example": [[]]})
    with pytest.raises(HostUnknown):
        await get("https://empty.example/")


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE])
async def test_a_process_that_may_open_nothing_more_blames_nobody_else(monkeypatch, number):
    async def start_connection(**_):
        raise OSError(number, "Too many open files")

    monkeypatch.setattr("aiohappyeyeballs.start_connection", start_connection)
    with pytest.raises(NoSocketLeft):
        await get("https://8.8.8.8/")


async def test_no_call_waits_for_a_connection_that_others_hold():
    """More than aiohttp's usual hundred, none of which is answered: each still reaches the provider."""
    with serve_raw(lambda line: line.silence()) as server:
        guarded = GuardedTransport(lambda: PrivateEndpoints.parse(f"127.0.0.1:{server.port}"))
        await guarded.open()
        url = yarl.URL(server.url)
        calls = [asyncio.create_task(guarded.call("GET", url, {}, None, 5)) for _ in range(120)]
        try:
            async with asyncio.timeout(10):
                while server.connections < len(calls):  # noqa: ASYNC110  # counted in the server's thread
                    await asyncio.sleep(0.01)
        finally:
            for call in calls:
                call.cancel()
            await asyncio.gather(*calls, return_exceptions=True)
            await guarded.aclose()

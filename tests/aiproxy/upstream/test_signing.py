"""Signed requests over real sockets: what is signed is what arrives."""

from __future__ import annotations

import socket
from datetime import UTC, datetime

import pytest

from aiproxy.upstream import names
from aiproxy.upstream.client import Upstream
from aiproxy.upstream.send import Timeouts, send
from providers import sigv4
from providers.auth import sign
from providers.catalogue.spec import Auth
from providers.endpoint import parse_endpoint
from providers.errors import InvalidRequest
from providers.wire import WireRequest
from tests.aiproxy.connections import connect, make_provider
from tests.fakes import serve_raw

SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
SESSION = "IQoJb3JpZ2luX2VjEXAMPLE//token=="
KEY = f"ASIAEXAMPLE:{SECRET}:{SESSION}"
AWS = Auth(id="sigv4", type="aws_sigv4", label="Access key", place="signature")
PATIENT = Timeouts(connect=2, first_byte=5, idle=5, total=10)
PATH = "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Aprofile%2Fus.nova-v1%3A0/converse"
CALL = WireRequest("POST", PATH, {"messages": []})


def to_region(port: int):
    """A connection to a host name with a region in it that is this machine."""
    provider = make_provider("bedrock", AWS)
    endpoint = parse_endpoint(f"http://us-east-1.localhost:{port}")
    return connect("http://127.0.0.1:1", KEY, provider, endpoint=endpoint)


def answering(data: bytes):
    async def script(line) -> None:
        await line.send(data)

    return script


OK = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}"


@pytest.fixture
def here(monkeypatch):
    """Names under localhost are this machine, wherever the tests run."""

    def getaddrinfo(host, port, *_):
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr(names, "getaddrinfo", getaddrinfo)


class Everything:
    """Allows every host on any port: the name above is not the loopback's own."""

    def allows(self, host, port):
        return True

    def permits(self, host, port, address):
        return address.is_loopback


@pytest.fixture
async def open_upstream():
    async with Upstream(Everything()) as upstream:  # type: ignore[arg-type]  # what is asked of it
        yield upstream


async def test_path_arrives_as_it_was_signed(here, open_upstream):
    with serve_raw(answering(OK)) as server:
        reply = await send(open_upstream, to_region(server.port), CALL, PATIENT)
        assert reply.status == 200
        line, *lines = server.heads[0].decode().split("\r\n")
        headers = dict(text.lower().split(": ", 1) for text in lines if ": " in text)
    method, path, _ = line.split(" ")
    assert (method, path) == ("POST", PATH)
    found = dict(text.split(": ", 1) for text in lines if ": " in text)
    sent = {name.lower(): value for name, value in found.items()}
    now = datetime.strptime(sent["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    expected = sigv4.headers(
        sigv4.AwsKey("ASIAEXAMPLE", SECRET, SESSION),
        sigv4.Scope("us-east-1", "bedrock"),
        method,
        sent["host"],
        path,
        b'{"messages":[]}',
        {"content-type": sent["content-type"]},
        now,
    )
    assert sent["authorization"] == expected["authorization"]
    assert sent["x-amz-security-token"] == SESSION
    assert abs((datetime.now(UTC) - now).total_seconds()) < 60
    assert "accept-encoding" in headers


async def test_secret_session_and_signature_are_blacked_out_of_the_answer(here, open_upstream):
    async def echo(line) -> None:
        body = line.head + SECRET.encode()
        head = b"HTTP/1.1 403 No\r\ncontent-length: %d\r\n\r\n" % len(body)
        await line.send(head + body)

    with serve_raw(echo) as server:
        reply = await send(open_upstream, to_region(server.port), CALL, PATIENT)
    assert reply.status == 403
    text = reply.body.decode()
    assert SECRET not in text and SESSION not in text
    assert "Signature=****" in text


async def test_address_without_a_region_is_never_called(open_upstream):
    connection = connect("http://127.0.0.1:9", KEY, make_provider("bedrock", AWS))
    with pytest.raises(InvalidRequest) as caught:
        await send(open_upstream, connection, CALL, PATIENT)
    assert SECRET not in repr(vars(caught.value))


def test_showing_a_signed_connection_shows_no_secret():
    connection = to_region(9)
    assert SECRET not in repr(connection)
    with pytest.raises(TypeError):
        sign(CALL, AWS, KEY)

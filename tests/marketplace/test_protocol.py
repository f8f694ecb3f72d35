"""How long a request's head may be, and how long it may take, on real sockets."""

from __future__ import annotations

import socket
import time

import pytest

from marketplace import protocol
from tests.fakes import serve


async def hello(scope, receive, send):
    await send(
        {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]}
    )
    await send({"type": "http.response.body", "body": b"hi"})


@pytest.fixture
def line(monkeypatch):
    """A connection to a server that waits 0.3 s for a head."""
    monkeypatch.setattr(protocol, "HEAD_SECONDS", 0.3)
    with (
        serve(hello, http=protocol.LimitedHeads, lifespan="off") as port,
        socket.create_connection(("127.0.0.1", port), timeout=5) as connection,
    ):
        yield connection


def ended(connection) -> bool:
    try:
        return connection.recv(1000) == b""
    except ConnectionResetError:
        return True


@pytest.mark.parametrize("begun", [b"", b"GET / HTTP/1.1\r\nhost: x\r\nx-slow: "])
def test_a_head_that_does_not_come_ends_the_connection(line, begun):
    line.sendall(begun)
    assert ended(line)


def test_a_further_head_on_the_same_connection_must_come_too(line):
    line.sendall(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
    assert line.recv(1000).startswith(b"HTTP/1.1 200 ")
    line.sendall(b"GET / HTTP/1.1\r\n")
    assert ended(line)


def test_a_connection_between_two_requests_is_kept(line):
    for pause in (0.6, 0):
        line.sendall(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        assert line.recv(1000).startswith(b"HTTP/1.1 200 ")
        time.sleep(pause)


def test_a_body_may_take_longer_than_a_head(line):
    line.sendall(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n")
    time.sleep(0.6)
    line.sendall(b"ab")
    assert line.recv(1000).startswith(b"HTTP/1.1 200 ")


def test_trailers_of_a_chunked_body_are_not_kept(line):
    head = b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"
    line.sendall(head + b"0\r\nx-trailer: 1\r\n\r\n")
    assert line.recv(1000).startswith(b"HTTP/1.1 200 ")


def test_a_head_that_is_too_large_is_refused(line):
    line.sendall(b"GET / HTTP/1.1\r\nhost: x\r\nx-long: ")
    with pytest.raises(OSError):  # reset or broken pipe, as the system sees it first
        line.sendall(b"a" * 2**26)

"""How long a request's head may be, and how long it may take, on real sockets."""

from __future__ import annotations

import contextlib
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


def answered(connection) -> bool:
    """Whether a whole answer comes; its head and its body need not come together."""
    got = b""
    while not got.endswith(b"hi") and (piece := connection.recv(1000)):
        got += piece
    return got.startswith(b"HTTP/1.1 200 ")


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
    assert answered(line)
    line.sendall(b"GET / HTTP/1.1\r\n")
    assert ended(line)


def test_a_connection_between_two_requests_is_kept(line):
    for pause in (0.6, 0):
        line.sendall(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        assert answered(line)
        time.sleep(pause)


def test_a_body_may_take_longer_than_a_head(line):
    line.sendall(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n")
    time.sleep(0.6)
    line.sendall(b"ab")
    assert answered(line)


def test_trailers_of_a_chunked_body_are_not_kept(line):
    head = b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"
    line.sendall(head + b"0\r\nx-trailer: 1\r\n\r\n")
    assert answered(line)


def test_a_head_that_is_too_large_is_refused(line):
    line.sendall(b"GET / HTTP/1.1\r\nhost: x\r\nx-long: ")
    with pytest.raises(OSError):  # reset or broken pipe, as the system sees it first
        line.sendall(b"a" * 2**26)


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="not on this system")
def test_the_system_lets_go_of_callers_that_are_gone(settings):
    settings.AIM_STALL_SECONDS = 7.0
    with socket.create_server(("127.0.0.1", 0)) as listener:
        protocol.drop_the_gone(listener)
        with socket.create_connection(listener.getsockname()):
            accepted, _ = listener.accept()
            with accepted:
                assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 7000
                assert accepted.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)


async def long_answer(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": bytes(20_000_000)})


def test_a_whole_answer_that_nobody_reads_is_given_up(settings):
    """The application is long done with it; what is left is memory."""
    settings.AIM_STALL_SECONDS = 0.2
    with (
        serve(long_answer, http=protocol.LimitedStalls, lifespan="off") as port,
        socket.create_connection(("127.0.0.1", port), timeout=5) as connection,
    ):
        connection.sendall(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        time.sleep(0.8)
        got = 0
        with contextlib.suppress(ConnectionResetError):
            while data := connection.recv(1 << 20):
                got += len(data)
        assert got < 20_000_000

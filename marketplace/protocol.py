"""uvicorn's HTTP protocol, with an end to how long the head of a request may be, and how long it may take; and to
how long a caller may leave its answer unread.
"""

from __future__ import annotations

import asyncio
import fcntl
import socket
import sys
import termios
from contextlib import suppress
from typing import Any

from django.conf import settings
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

Listener = Any
"""A listening socket. Its class is not named: whoever names it could connect, and only aiproxy/upstream may."""

MAX_HEAD_BYTES = 64 * 1024
"""Request line and headers. What arrives in one read (256 KiB at most) is let through whole."""

HEAD_SECONDS = 30.0
"""From the connection, or a further request's first byte on it, until the head is there."""


class LimitedHeads(HttpToolsProtocol):
    """The parser keeps a head until it is complete, and nobody has authenticated by then: 150 MB of one header took
    300 MB of memory and 25 s of the event loop, and a head that never ends kept its connection for ever.
    """

    _in_head = False
    _head_size = 0
    _patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self._wait_no_more()
        super().connection_lost(exc)

    def _wait(self) -> None:
        if self._patience is None:
            self._patience = self.loop.call_later(HEAD_SECONDS, self.transport.abort)

    def _wait_no_more(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if not self._in_head:
            return
        self._head_size += len(data)
        if self._head_size > MAX_HEAD_BYTES and not self.transport.is_closing():
            self.send_400_response("The head of the request is too large.")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head, self._head_size = True, 0
        self._wait()

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._in_head:  # afterwards come the trailers of a chunked body, which nobody here reads
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._wait_no_more()
        super().on_headers_complete()


class LimitedStalls(LimitedHeads):
    """A caller that does not read stops its call by back-pressure, and the provider's with it. When nothing of what
    waits has gone out for AIM_STALL_SECONDS the connection is cut, and the call ends as if the caller had left.
    """

    _stall: asyncio.TimerHandle | None = None

    def connection_lost(self, exc: Exception | None) -> None:
        self._moves()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Called when more waits to be read than the caller has taken."""
        super().pause_writing()
        self._watch(self._unread())

    def resume_writing(self) -> None:
        self._moves()
        super().resume_writing()

    def _watch(self, unread: int) -> None:
        self._stall = self.loop.call_later(settings.AIM_STALL_SECONDS, self._look, unread)

    def _look(self, before: int) -> None:
        unread = self._unread()
        if unread < before:
            self._watch(unread)
        else:
            self.transport.abort()

    def _unread(self) -> int:
        """Bytes that wait here and in the system, which keeps megabytes and makes room in large steps."""
        unread: int = self.transport.get_write_buffer_size()
        with suppress(OSError):
            queue = fcntl.ioctl(self.transport.get_extra_info("socket"), termios.TIOCOUTQ, bytes(4))
            unread += int.from_bytes(queue, sys.byteorder)
        return unread

    def _moves(self) -> None:
        if self._stall is not None:
            self._stall.cancel()
            self._stall = None


def drop_the_gone(listener: Listener) -> None:
    """For all connections that ``listener`` will accept: one whose other end has gone without a word (a pulled
    cable, a machine that sleeps) ends after AIM_STALL_SECONDS, as far as the system can tell.
    """
    wanted = (
        (socket.SOL_SOCKET, "SO_KEEPALIVE", 1),
        (socket.IPPROTO_TCP, "TCP_KEEPIDLE", 15),
        (socket.IPPROTO_TCP, "TCP_KEEPINTVL", 15),
        (socket.IPPROTO_TCP, "TCP_USER_TIMEOUT", int(settings.AIM_STALL_SECONDS * 1000)),
    )
    for level, name, value in wanted:
        if hasattr(socket, name):
            listener.setsockopt(level, getattr(socket, name), value)

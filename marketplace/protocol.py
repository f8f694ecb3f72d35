"""uvicorn's HTTP protocol, with an end to how long the head of a request may be, and how long it may take."""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

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

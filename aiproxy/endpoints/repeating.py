"""``Idempotency-Key``: the bytes of an answer are taken down as they are sent, and sent again to who asks again.

The answer is kept before its caller sees the end of it, so that who has seen it all and asks again is given it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Protocol, TypeVar

import structlog
from django.db import DatabaseError
from starlette.types import Message, Scope, Send

from aiproxy.errors import KeyNotNoted
from aiproxy.gateway import idempotency
from aiproxy.gateway.call import Call
from aiproxy.gateway.idempotency import MAX_BYTES, Claim, Earlier, Reply
from integrations.live import in_database_thread
from integrations.tokens import Caller
from providers.errors import InvalidRequest

log = structlog.get_logger(__name__)

HEADER = b"idempotency-key"
MAX_KEY = 255

_ASKED_IN = (b"x-integration-id", b"x-aim-fallback", b"x-aim-strict", b"anthropic-beta")
"""Headers that are part of what is asked."""

_OF_EACH_ANSWER = frozenset(
    {"x-request-id", "x-content-type-options", "vary", "access-control-expose-headers"}
)
"""Headers that are written anew."""


class Exchanging(Protocol):
    """What is needed of an Exchange."""

    scope: Scope
    request_id: str
    caller: Caller
    headers: dict[bytes, bytes]
    call: Call | None
    always: Mapping[str, str]

    @property
    def send(self) -> Send: ...

    def send_through(self, send: Send) -> None: ...

    def readable_for(self, allowed: frozenset[str]) -> None: ...

    async def answer(self, content: bytes, status: int, headers: Mapping[str, str]) -> None: ...


E = TypeVar("E", bound=Exchanging)
Handler = Callable[[E], Awaitable[None]]


async def once(exchange: E, body: bytes, handler: Handler[E]) -> Handler[E]:
    """``handler`` for the first call with its key, taken down; for a later one what gives the first one's answer.

    Raises InvalidRequest for a key that cannot be one, StillRunning, KeyReused, CannotRepeat or KeyNotNoted.
    """
    key = exchange.headers[HEADER]
    text = key.decode("latin-1")
    if not (text.strip() and len(text) <= MAX_KEY and text.isprintable()):
        raise InvalidRequest(
            f"Idempotency-Key must be 1 to {MAX_KEY} printable characters, such as a new UUID for each call.",
            param="Idempotency-Key",
        )
    try:
        found = await in_database_thread(
            idempotency.begin,
            exchange.caller,
            key,
            _asked(exchange, key, body),
            exchange.request_id,
        )
    except DatabaseError as error:
        log.error("idempotency.not_noted", error=type(error).__name__)
        raise KeyNotNoted from None
    if isinstance(found, Earlier):
        return partial(_again, found)
    return partial(_taken_down, found, handler)


def _asked(exchange: Exchanging, key: bytes, body: bytes) -> str:
    """A digest of the request. The key is in it as a salt: a short prompt cannot be guessed from the row."""
    scope = exchange.scope
    path = scope["path"].encode(), scope["query_string"]
    said = (exchange.headers.get(name, b"") for name in _ASKED_IN)
    return idempotency.digest(key, *path, *said, body)


async def _again(earlier: Earlier, exchange: Exchanging) -> None:
    reply = earlier.reply
    headers = {name.decode(): value.decode("latin-1") for name, value in reply.headers}
    # A page may read it if it could read the first one, and still may.
    page = headers.pop("access-control-allow-origin", "")
    exchange.readable_for(frozenset({page} if page else ()))
    headers = {name: value for name, value in headers.items() if name not in _OF_EACH_ANSWER}
    headers["idempotency-replayed"] = "true"
    headers["x-aim-original-request-id"] = earlier.request_id
    await exchange.answer(reply.body, reply.status, headers)


async def _taken_down(claim: Claim, handler: Handler[E], exchange: E) -> None:
    tape = _Tape(claim, exchange)
    exchange.send_through(tape.send)
    try:
        await handler(exchange)
    except asyncio.CancelledError:  # the caller left, or the server stops: nobody has seen an end
        await asyncio.shield(tape.end(lost=True))
        raise
    except BaseException as error:
        tape.error = error  # what is about to be sent is its error object
        raise


class _Tape:
    """Passes an answer on to the caller and keeps it. ``error`` is what the call ended with, if not well."""

    def __init__(self, claim: Claim, exchange: Exchanging) -> None:
        self.claim = claim
        self.exchange = exchange
        self.error: BaseException | None = None
        self._send = exchange.send
        self._start: Message = {}
        self._pieces: list[bytes] = []
        self._size = 0
        self._begun_well = False
        self._over = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._start = message
            self._begun_well = self.error is None
        else:
            self._take(message.get("body", b""))
            if not message.get("more_body", False):
                # A stream that had begun and ends in an error is no answer.
                await self.end(lost=self.error is not None and self._begun_well)
        await self._send(message)

    async def end(self, *, lost: bool) -> None:
        """Write down what came of the call, once."""
        if self._over:
            return
        self._over = True
        try:
            await in_database_thread(self._write, lost)
        except DatabaseError as error:  # it counts as lost when its lease is over
            log.error("idempotency.not_kept", error=type(error).__name__)

    def _take(self, piece: bytes) -> None:
        self._size += len(piece)
        if self._size <= MAX_BYTES:
            self._pieces.append(piece)
        else:
            self._pieces.clear()

    def _write(self, lost: bool) -> None:
        call = self.exchange.call
        if (lost or self.error is not None) and not (call is not None and call.spent):
            idempotency.release(self.claim)
        elif lost:
            idempotency.note_lost(self.claim)
        elif self._size > MAX_BYTES:
            idempotency.note_large(self.claim)
        else:
            body = b"".join(self._pieces)
            reply = Reply(self._start["status"], list(self._start["headers"]), body)
            idempotency.keep(self.claim, reply)

"""One machine request and its answer: who asks, telling when the caller leaves, writing JSON or a stream.

Every machine URL is an ``Endpoint``. It authenticates before it reads a byte of the body, and turns whatever
goes wrong into the error object of the caller's dialect, as an HTTP status or as the last event of a stream.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import structlog
from django.conf import settings
from django.db import DatabaseError, InterfaceError
from starlette.types import Receive, Scope, Send

from aiproxy.cors import policy
from aiproxy.endpoints import body, large, repeating
from aiproxy.endpoints.caller import caller_of
from aiproxy.endpoints.pulse import Pulse
from aiproxy.errors import (
    Busy,
    MethodNotAllowed,
    NoDatabase,
    OriginRefused,
    Restarting,
)
from aiproxy.gateway.call import Call
from aiproxy.gateway.shared import Gateway
from aiproxy.protocols.base import Protocol, Renderer, Style, encode
from integrations import origins
from integrations.tokens import Caller
from providers.errors import CallError, InvalidRequest, ServerError
from providers.events import Event, Failed

log = structlog.get_logger(__name__)

T = TypeVar("T")

WATCH_AFTER_SECONDS = 0.02

Handler = Callable[["Exchange"], Awaitable[None]]
Headers = Mapping[str, str]


@dataclass(slots=True)
class Exchange:
    protocol: Protocol
    scope: Scope
    receive: Receive
    send: Send
    request_id: str
    arrived: float = field(default_factory=time.monotonic)
    steps: list[tuple[str, float]] = field(default_factory=list)
    """What was done when, for the call's journey."""
    caller: Caller = field(init=False)
    body: Any = None
    large: bool = False
    headers: dict[bytes, bytes] = field(default_factory=dict)
    call: Call | None = None
    renderer: Renderer | None = None
    started: bool = False
    ended: bool = False
    left: bool = False
    pulse: Pulse | None = None
    always: Headers = field(default_factory=dict)
    """On whatever answer is given."""
    _style: Style | None = None
    _opening: Callable[[], Renderer] | None = None

    @property
    def gateway(self) -> Gateway:
        gateway: Gateway = self.scope["aim.gateway"]
        return gateway

    @property
    def style(self) -> Style:
        """How the caller wants the answer written; read from the parsed body once."""
        if self._style is None:
            self._style = self.protocol.style(self.body)
        return self._style

    async def parsed(self, parse: Callable[..., T], *more: Any, **options: Any) -> T:
        """``parse(body, *more, **options)``, beside the event loop where the body is large."""
        if self.large:
            return await asyncio.to_thread(parse, self.body, *more, **options)
        return parse(self.body, *more, **options)

    def header(self, name: str) -> str:
        return self.headers.get(name.encode(), b"").decode("latin-1").strip()

    def send_through(self, send: Send) -> None:
        """Let ``send`` see all that is sent from now on."""
        self.send = send

    async def reply(self, value: Any, status: int = 200, headers: Headers | None = None) -> None:
        """Answer with ``value`` as JSON."""
        content = encode(value)
        sent = {
            "content-type": "application/json",
            "content-length": str(len(content)),
            "cache-control": "no-store",
            **(headers or {}),
        }
        await self.answer(content, status, sent)

    async def answer(self, content: bytes, status: int, headers: Headers) -> None:
        """Answer with these bytes."""
        await self._start(status, headers)
        await self._write(content, more=False)

    def expect_stream(self, opening: Callable[[], Renderer]) -> None:
        """From now on, and until the end, a caller that hears nothing for a while is told to go on waiting."""
        if self.protocol.keep_alive:
            self._opening = opening
            self.pulse = Pulse(settings.AIM_KEEPALIVE_SECONDS, self._keep_alive)

    async def _keep_alive(self) -> None:
        """Before the first event this gives the status away: a failure is then an event, yet the call may still be
        tried again elsewhere, for nothing of an answer has left. A page waits: which pages may read the answer is
        known only once somebody gives one.
        """
        if not self.started and self.always:
            return
        if not self.started:
            await self._start(200, _stream_headers(Renderer.media_type))
        await self._write(self.protocol.keep_alive)

    def readable_for(self, allowed: frozenset[str]) -> None:
        """From here on only pages of an ``allowed`` origin may read the answer; until then, all that anybody allows."""
        if self.always and self.header("origin") not in allowed:
            self.always = policy.answer("", allowed)

    async def begin(self, status: int, headers: Headers) -> None:
        """Answer with the bytes that are written next."""
        await self._start(status, headers)

    async def write(self, content: bytes) -> None:
        if content:
            await self._write(content)

    async def begin_stream(self, renderer: Renderer, headers: Headers) -> None:
        self.renderer = renderer
        if not self.started:
            await self._start(200, {**_stream_headers(renderer.media_type), **headers})

    async def events(self, events: Iterable[Event]) -> None:
        """Pass on what arrived at once, at once."""
        assert self.renderer is not None
        data = b"".join(map(self.renderer.render, events))
        if data:
            await self._write(data)

    async def end_stream(self) -> None:
        await self._write(b"", more=False)

    async def fail(self, error: CallError) -> None:
        """Tell the caller, in whatever form is still possible."""
        if self.ended:
            return
        if self.started and self.renderer is None and self._opening is not None:
            self.renderer = self._opening()
        if self.renderer is not None:
            await self.events((Failed(error),))
            await self.end_stream()
        elif not self.started:
            status, body, headers = self.protocol.render_error(error, self.request_id)
            await self.reply(body, status, headers)

    async def _start(self, status: int, headers: Headers) -> None:
        self.started = True
        headers = {**headers, **self.always}
        if "access-control-allow-origin" in self.always:
            headers["access-control-expose-headers"] = ", ".join(("x-request-id", *headers))
        raw = [
            (name.encode(), value.encode("latin-1", "replace")) for name, value in headers.items()
        ]
        raw.append((b"x-request-id", self.request_id.encode()))
        raw.append((b"x-content-type-options", b"nosniff"))
        await self.send({"type": "http.response.start", "status": status, "headers": raw})

    async def _write(self, content: bytes, *, more: bool = True) -> None:
        self.ended = not more
        if self.pulse is not None:
            self.pulse.moved()
            if not more:
                self.pulse.stop()
        await self.send({"type": "http.response.body", "body": content, "more_body": more})


def _stream_headers(media_type: str) -> dict[str, str]:
    return {"content-type": media_type, "cache-control": "no-store", "x-accel-buffering": "no"}


class Endpoint:
    """An ASGI application for one URL: ``handler`` is given an authenticated Exchange with its JSON body read."""

    def __init__(self, protocol: Protocol, handler: Handler, method: str = "POST") -> None:
        self.protocol = protocol
        self.handler = handler
        self.method = method

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange = Exchange(self.protocol, scope, receive, send, request_id(scope))
        if scope["method"] == "OPTIONS" and _asks_before(scope):
            return await _preflight(exchange)
        task = asyncio.current_task()
        assert task is not None
        exchange.gateway.calls.add(task)
        try:
            _check_room(exchange.gateway)
            await self._answer(exchange)
        except CallError as error:
            _log(exchange, error)
            await exchange.fail(error)
        except (DatabaseError, InterfaceError) as error:
            log.error(
                "call.no_database", request_id=exchange.request_id, error=type(error).__name__
            )
            await exchange.fail(NoDatabase())
        except RecursionError:  # such JSON may decode and still be too deep to be walked or written
            await exchange.fail(InvalidRequest("The request body is nested too deeply."))
        except asyncio.CancelledError:
            if not exchange.left:
                # Answered, so not raised again: the server would log a traceback for each call it ends.
                await exchange.fail(Restarting())
        except Exception as error:  # a fault of ours must still end in an answer
            log.exception(
                "call.crashed", request_id=exchange.request_id, error=type(error).__name__
            )
            await exchange.fail(
                ServerError(
                    f"Something went wrong on our side. Quote {exchange.request_id} to the operator."
                )
            )
        finally:
            exchange.gateway.calls.discard(task)
            if exchange.pulse is not None:
                exchange.pulse.stop()

    async def _answer(self, exchange: Exchange) -> None:
        if exchange.scope["method"] != self.method:
            raise MethodNotAllowed(
                f"This address takes {self.method}, not {exchange.scope['method']}."
            )
        if exchange.gateway.database_away:
            raise NoDatabase
        raw = exchange.scope["headers"]
        exchange.headers = dict(raw)
        handler = self.handler
        if origin := exchange.header("origin"):
            exchange.always = policy.answer(origin, origins.everywhere())
        exchange.caller = await caller_of(raw, address(exchange.scope))
        exchange.steps.append(("authenticated", time.monotonic()))
        if self.method == "POST":
            content = await body.read(exchange)
            exchange.large = large.is_large(content)
            if exchange.large:
                exchange.body = await large.decoded(content, body.parse)
            else:
                exchange.body = body.parse(content)
            exchange.steps.append(("read", time.monotonic()))
            if repeating.HEADER in exchange.headers:
                handler = await repeating.once(exchange, content, handler)
        with leaving_cancels(exchange):
            await handler(exchange)


def _asks_before(scope: Scope) -> bool:
    return any(name == b"access-control-request-method" for name, _ in scope["headers"])


async def _preflight(exchange: Exchange) -> None:
    """A browser asks before it sends. It says where its page is from, but not who its user is: so what holds for any
    integration is what it is told.
    """
    exchange.headers = dict(exchange.scope["headers"])
    origin = exchange.header("origin")
    requested = exchange.header("access-control-request-headers")
    allowed = policy.preflight(origin, requested, origins.everywhere())
    if allowed is None:
        exchange.always = {"vary": "Origin"}
        await exchange.fail(OriginRefused(policy.unknown(origin)))
        return
    await exchange.begin(204, allowed)
    await exchange.end_stream()


def _check_room(gateway: Gateway) -> None:
    """Raises Busy. Answered at once, more calls are turned away well; let in, they would all be slow."""
    if len(gateway.calls) > settings.AIM_MAX_CALLS:
        raise Busy(
            "This server has as many calls under way as it takes. Try again in a moment.",
            retry_after=1.0,
        )


def address(scope: Scope) -> str:
    """The caller's, as the server's door found it."""
    client = scope.get("client")
    return client[0] if client else ""


def request_id(scope: Scope) -> str:
    """The id the server's door gave the request; a new one where there is no door (tests of this app alone)."""
    return scope.get("aim.request_id") or f"req_{random.getrandbits(96):024x}"


class leaving_cancels:  # used as a context manager, as asyncio.timeout is
    """While inside, the caller's leaving cancels this task, and with it the provider's call.

    The watch begins a moment later, so that a call that is over by then costs no second task.
    """

    __slots__ = ("exchange", "handle", "task", "watcher")

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self.watcher: asyncio.Task[None] | None = None

    def __enter__(self) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.task = task
        self.handle = task.get_loop().call_later(WATCH_AFTER_SECONDS, self._begin)

    def __exit__(self, *_: object) -> None:
        self.handle.cancel()
        if self.watcher is not None:
            self.watcher.cancel()

    def _begin(self) -> None:
        self.watcher = self.task.get_loop().create_task(self._watch())

    async def _watch(self) -> None:
        while (await self.exchange.receive())["type"] != "http.disconnect":
            pass
        if not self.exchange.ended:
            self.exchange.left = True
            self.task.cancel()


def _log(exchange: Exchange, error: CallError) -> None:
    log.info(
        "call.failed",
        request_id=exchange.request_id,
        path=exchange.scope["path"],
        code=error.code,
        provider=error.provider,
        upstream_status=error.upstream_status,
        detail=error.detail,
    )

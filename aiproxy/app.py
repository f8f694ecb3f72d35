"""The machine front: every URL that programs call, on one screen.

``application`` is plain ASGI under Starlette's router, without middleware: what a call needs is done in
``endpoints/exchange.py``, once. ``lifespan`` holds what calls share; the server entry runs it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import structlog
from django.conf import settings
from django.db import DatabaseError, InterfaceError
from starlette.routing import Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from aiproxy.endpoints import anthropic, cors, gemini, missing, native, openai
from aiproxy.gateway import limits
from aiproxy.gateway.admission import Admission
from aiproxy.gateway.attempts import Guards
from aiproxy.gateway.breaker import Breakers
from aiproxy.gateway.levels import Levels
from aiproxy.gateway.shared import Gateway
from aiproxy.metering.database import DatabaseLevels
from aiproxy.metering.shared_memory import SharedMemory
from aiproxy.state.breakers import Board
from aiproxy.state.redis import Redis, Unavailable
from aiproxy.state.thread import DatabaseThread
from aiproxy.upstream.client import shared
from aiproxy.upstream.send import Timeouts
from aiproxy.usage.recorder import Recorder
from integrations import live

log = structlog.get_logger(__name__)

PREFIXES = ("/api/ai/", "/api/proxy/", "/v1/", "/v1beta/")
"""Paths that belong to this front; everything else is the website's."""

REFRESH_SECONDS = 1.0
"""How soon a change made by another worker (a revoked token, an edited integration, an open breaker) is seen here."""

END_SECONDS = 5.0
"""For calls that are ended to say so and to leave their records."""

routes = Router(
    [
        Route("/api/ai/chat", native.chat),
        Route("/api/ai/vision", native.vision),
        Route("/api/ai/generate", native.generate),
        Route("/api/ai/embeddings", native.embeddings),
        Route("/v1/chat/completions", openai.chat),
        Route("/v1/responses", openai.responses),
        Route("/v1/embeddings", openai.embeddings),
        Route("/v1/models", openai.models),
        Route("/v1/models/{model:path}", openai.model),
        Route("/v1/messages", anthropic.messages),
        Route("/v1/messages/count_tokens", anthropic.count),
        Route("/v1beta/models", gemini.models),
        Route("/v1beta/models/{model:path}:generateContent", gemini.generate),
        Route("/v1beta/models/{model:path}:streamGenerateContent", gemini.stream_generate),
        Route("/v1beta/models/{model:path}:countTokens", gemini.count),
        Route("/v1beta/models/{model:path}:embedContent", gemini.embed),
        Route("/v1beta/models/{model:path}:batchEmbedContents", gemini.embed_batch),
        Route("/v1beta/models/{model:path}", gemini.model),
        Route("/api/proxy/custom/{integration}/{path:path}", cors.by_id),
        Route("/api/proxy/{provider}/{path:path}", cors.by_provider),
    ],
    redirect_slashes=False,
    default=missing.answer,
)


_fixed: dict[str, ASGIApp] = {
    route.path: route.app
    for route in routes.routes
    if isinstance(route, Route) and "{" not in route.path
}
"""Addresses without a variable part, which need no search: Starlette tries one pattern after the other."""


class Application:
    def __init__(self) -> None:
        self.gateway: Gateway | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.gateway is None:
            raise RuntimeError(
                "The gateway has not been started: run aiproxy.app.lifespan around the server."
            )
        scope["aim.gateway"] = self.gateway
        await _fixed.get(scope["path"], routes)(scope, receive, send)


application = Application()


def breakers() -> Breakers:
    """What is known of integrations in trouble; nothing where no gateway runs (commands)."""
    return application.gateway.guards.breakers if application.gateway else Breakers()


def redis_answers() -> bool | None:
    """None where no Redis is used, or no gateway runs (commands)."""
    redis = application.gateway.redis if application.gateway else None
    return None if redis is None else not redis.degraded


@asynccontextmanager
async def lifespan() -> AsyncIterator[None]:
    """Start what calls share, and at the end let no call vanish without its usage record."""
    await live.refresh()
    upstream, recorder = shared(), Recorder()
    await upstream.open()
    recorder.start()
    redis = Redis(settings.REDIS_URL) if settings.REDIS_URL else None
    await _greet(redis)
    levels = _levels(redis)
    gateway = Gateway(upstream, recorder, timeouts(), redis, Guards(limits=Admission(levels)))
    board = Board(gateway.guards.breakers)
    await board.exchange()
    application.gateway = gateway
    refresher = asyncio.create_task(_refresh(gateway, board))
    keeper = asyncio.create_task(levels.keep())
    limits.measured_by(levels.measure(asyncio.get_running_loop()))
    try:
        yield
    finally:
        refresher.cancel()
        keeper.cancel()
        limits.measured_by(None)
        await _end_calls()
        application.gateway = None
        await levels.close()
        await recorder.stop()
        await upstream.close()
        if redis is not None:
            await redis.close()


def _levels(redis: Redis | None) -> Levels:
    """One worker decides in its memory; several share Redis, or the database."""
    thread, workers = DatabaseThread("limits"), settings.AIM_WORKERS
    if redis is not None:
        return Levels(thread, SharedMemory(redis), workers)
    return Levels(thread, DatabaseLevels(thread) if workers > 1 else None, workers)


def timeouts() -> Timeouts:
    return Timeouts(
        connect=settings.AIM_CONNECT_TIMEOUT,
        first_byte=settings.AIM_FIRST_TOKEN_TIMEOUT,
        idle=settings.AIM_IDLE_TIMEOUT,
        total=settings.AIM_TOTAL_TIMEOUT,
    )


async def _refresh(gateway: Gateway, board: Board) -> None:
    while True:
        await board.wait(REFRESH_SECONDS)
        await _greet(gateway.redis)
        try:
            await live.refresh()
            await board.exchange()
        except Exception as error:  # noqa: BLE001  # an absent database must not stop the watch for its return
            log.warning("live.refresh_failed", error=type(error).__name__)
            gateway.database_away = isinstance(error, DatabaseError | InterfaceError)
        else:
            gateway.database_away = False


async def _greet(redis: Redis | None) -> None:
    """So that the log and the Health page know at once whether it is there, and seldom a call has to find out."""
    if redis is not None:
        with suppress(Unavailable):
            await redis.do("PING")


def end_calls() -> tuple[asyncio.Task[Any], ...]:
    """End every call that is under way, each with an error for its caller and its usage record."""
    calls = tuple(application.gateway.calls) if application.gateway else ()
    for task in calls:
        task.cancel()
    return calls


async def _end_calls() -> None:
    calls = end_calls()
    with suppress(TimeoutError):
        async with asyncio.timeout(END_SECONDS):
            await asyncio.gather(*calls, return_exceptions=True)

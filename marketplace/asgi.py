"""The only server entry: machine traffic to the gateway, everything else to Django, one lifespan for both."""

from __future__ import annotations

import os
from contextlib import AsyncExitStack
from typing import cast

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "marketplace.settings")
django_application = get_asgi_application()

import structlog
from django.conf import settings

from aiproxy import app as gateway
from marketplace.edge import App, BodyLimit, Door, Receive, Scope, Send
from marketplace.static_files import StaticFiles

log = structlog.get_logger(__name__)


def pages() -> App:
    """Django behind the limits of a page: its body is small and arrives soon."""
    static = StaticFiles(
        cast(App, django_application),
        settings.STATIC_ROOT,
        settings.STATIC_URL,
        live=settings.WHITENOISE_USE_FINDERS,
    )
    return BodyLimit(static, settings.AIM_PAGE_BODY_BYTES, settings.AIM_PAGE_BODY_SECONDS)


class Application:
    def __init__(self) -> None:
        self.pages = pages()
        self.door = Door(self._dispatch, settings.AIM_TRUSTED_PROXIES)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self.door(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "websocket":  # nothing here speaks it
            await send({"type": "websocket.close", "code": 1000})

    def end_calls(self) -> None:
        """The time to drain is over: each call that is still under way ends, and says so."""
        gateway.end_calls()

    async def _dispatch(self, scope: Scope, receive: Receive, send: Send) -> None:
        machine = scope["path"].startswith(gateway.PREFIXES)
        await (gateway.application if machine else self.pages)(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()  # lifespan.startup
        async with AsyncExitStack() as stack:
            try:
                await stack.enter_async_context(gateway.lifespan())
            except Exception as error:  # whatever it is, the server must be told to stop
                log.exception("start_failed")
                await send({"type": "lifespan.startup.failed", "message": str(error)})
                return
            await send({"type": "lifespan.startup.complete"})
            await receive()  # lifespan.shutdown
        await send({"type": "lifespan.shutdown.complete"})


application = Application()

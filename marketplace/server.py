"""One process that serves: uvicorn with the options that hold here. Light, for a worker imports it before Django."""

from __future__ import annotations

from collections.abc import Callable

import uvicorn

from marketplace.draining import DrainingServer, patience
from marketplace.protocol import LimitedStalls, Listener

BACKLOG = 2048


class Server(DrainingServer):
    """Calls ``ready`` once it listens."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self.ready = ready

    async def startup(self, sockets: list[Listener] | None = None) -> None:
        await super().startup(sockets)
        self.ready()


def config() -> uvicorn.Config:
    return uvicorn.Config(
        "marketplace.asgi:application",  # by name: it reads settings when imported, so not before bound_to()
        http=LimitedStalls,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # marketplace.edge looks behind proxies, as far as they are trusted
        timeout_keep_alive=30,
        timeout_graceful_shutdown=patience(),
    )

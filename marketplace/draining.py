"""Stopping: no new calls, time for those under way, and an honest end for the rest."""

from __future__ import annotations

import asyncio
from typing import Any

import uvicorn
from django.conf import settings

CUT_SECONDS = 5
"""For calls to say that they end, and for pages, after the drain; then connections are cut."""


def patience() -> int:
    """uvicorn's ``timeout_graceful_shutdown``."""
    return round(settings.AIM_DRAIN_SECONDS) + CUT_SECONDS


class DrainingServer(uvicorn.Server):
    """Once it is told to stop it listens no more. Calls get AIM_DRAIN_SECONDS to end by themselves; then each ends
    with an error in its caller's dialect, after its usage record is written.
    """

    async def shutdown(self, sockets: list[Any] | None = None) -> None:
        application: Any = (
            self.config.loaded_app
        )  # not imported: a worker reads this before Django is set up
        loop = asyncio.get_running_loop()
        end = loop.call_later(settings.AIM_DRAIN_SECONDS, application.end_calls)
        try:
            await super().shutdown(sockets)
        finally:
            end.cancel()

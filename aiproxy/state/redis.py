"""Redis or Valkey: what the workers of one installation know together, asked under a small budget of time.

It is never needed: whoever asks has an answer of its own for when ``Unavailable`` is raised. After a failure it
is left alone for a moment, so that a server that is away or slow costs one call in a second its budget, not all.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from hashlib import sha1
from typing import Any

import structlog
from redis.asyncio import Redis as Client
from redis.exceptions import NoScriptError, RedisError, ResponseError

log = structlog.get_logger(__name__)

BUDGET_SECONDS = 0.05
REST_SECONDS = 1.0
PREFIX = "aim:"
"""Of every key, so that a server can be shared with other programs."""


class Unavailable(Exception):
    """No answer within the budget; decide with what this process knows."""


class Redis:
    """Open it in the event loop that uses it. Keys are given without ``PREFIX``."""

    def __init__(self, url: str, budget: float = BUDGET_SECONDS) -> None:
        self._client: Any = Client.from_url(  # its own annotations are of no use to mypy
            url, socket_timeout=budget, socket_connect_timeout=budget, retry=None
        )
        self._budget = budget
        self._rests_until = 0.0
        self.degraded = False
        """Whether the last attempt failed."""

    async def close(self) -> None:
        await self._client.aclose()

    async def do(self, *command: str | bytes | int | float) -> Any:
        """One command's answer as bytes, int, list or None, e.g. ``do("GET", redis.key("x"))``. Raises Unavailable."""
        return await self._guarded(command)

    async def run(
        self, script: str, keys: Sequence[str], args: Sequence[str | bytes | int | float]
    ) -> Any:
        """A Lua script's answer; the server is sent its text once. ``keys`` get the prefix. Raises Unavailable."""
        rest = (len(keys), *map(self.key, keys), *args)
        digest = sha1(script.encode(), usedforsecurity=False).hexdigest()
        try:
            return await self._guarded(("EVALSHA", digest, *rest))
        except NoScriptError:
            return await self._guarded(("EVAL", script, *rest))

    @staticmethod
    def key(name: str) -> str:
        return PREFIX + name

    async def _guarded(self, command: Sequence[Any]) -> Any:
        if time.monotonic() < self._rests_until:
            raise Unavailable
        try:
            async with asyncio.timeout(self._budget):
                answer = await self._client.execute_command(*command)
        except ResponseError:  # it is there, and the command is wrong: ours to mend
            raise
        except (RedisError, OSError, TimeoutError) as error:
            self._rests_until = time.monotonic() + REST_SECONDS
            if not self.degraded:
                log.warning("redis.unavailable", error=type(error).__name__)
            self.degraded = True
            raise Unavailable from None
        if self.degraded:
            log.info("redis.back")
        self.degraded = False
        return answer

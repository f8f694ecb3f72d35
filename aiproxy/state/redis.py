"""Redis or Valkey: what the workers of one installation know together, asked under a small budget of time.

It is never needed: whoever asks has an answer of its own for when ``Unavailable`` is raised. After a failure it
is left alone for a moment, and then one call alone looks whether it is back, so that a server that is away or slow
costs one call in a second its budget, not all.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from hashlib import sha1
from typing import Any

import structlog
from redis.asyncio import BlockingConnectionPool
from redis.asyncio import Redis as Client
from redis.exceptions import NoScriptError, RedisError, ResponseError

log = structlog.get_logger(__name__)

BUDGET_SECONDS = 0.05
REST_SECONDS = 1.0
CONNECTIONS = 16
"""Of one worker. A command takes a fraction of a millisecond; more at once wait for a free one, within the budget."""
PREFIX = "aim:"
"""Of every key, so that a server can be shared with other programs."""


class Unavailable(Exception):
    """No answer within the budget; decide with what this process knows."""


class Redis:
    """Open it in the event loop that uses it. Keys are given without ``PREFIX``. ``budget`` and ``rest`` in seconds.

    A command that is cancelled, by the budget or by its caller's leaving, closes its connection: its answer may
    still be on the way, and must not become the next caller's.
    """

    def __init__(
        self, url: str, budget: float = BUDGET_SECONDS, rest: float = REST_SECONDS
    ) -> None:
        pool = BlockingConnectionPool.from_url(
            url,
            max_connections=CONNECTIONS,
            timeout=None,  # this and all else is bounded by the budget around it
            socket_connect_timeout=None,
            socket_timeout=None,
            protocol=2,  # answers are bytes, int, list or None; and a connection with an answer left over is refused
            driver_info=None,
        )
        self._client: Any = Client.from_pool(pool)  # its own annotations are of no use to mypy
        self._budget = budget
        self._rest = rest
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
        now = time.monotonic()
        if now < self._rests_until:
            raise Unavailable
        if self.degraded:  # this one looks whether it is back; the others go on without
            self._rests_until = now + self._rest
        try:
            async with asyncio.timeout(self._budget):
                answer = await self._client.execute_command(*command)
        except NoScriptError:
            raise
        except ResponseError as error:
            # Read-only, out of memory, or a command of ours that is wrong: no reason to fail a call either.
            self._failed("redis.refused", str(error).partition(" ")[0])
            raise Unavailable from None
        except (RedisError, OSError, TimeoutError) as error:
            self._failed("redis.unavailable", type(error).__name__)
            raise Unavailable from None
        if self.degraded:
            log.info("redis.back")
            self.degraded, self._rests_until = False, 0.0
        return answer

    def _failed(self, event: str, error: str) -> None:
        if not self.degraded:
            log.warning(event, error=error)
        self.degraded, self._rests_until = True, time.monotonic() + self._rest

"""What calls share in one process."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings

from aiproxy.gateway.attempts import Guards
from aiproxy.gateway.order import Facts
from aiproxy.state.redis import Redis
from aiproxy.state.shelf import Shelf
from aiproxy.upstream.client import Upstream
from aiproxy.upstream.send import Timeouts
from aiproxy.usage.recorder import Recorder


@dataclass(slots=True)
class Gateway:
    """Made when the server starts; endpoints hand it to every call."""

    upstream: Upstream
    recorder: Recorder
    timeouts: Timeouts
    redis: Redis | None = None
    """What all workers know together; None where this process is the only one, or they share the database alone."""
    guards: Guards = field(default_factory=Guards)
    facts: Facts = field(init=False)
    answers: Shelf = field(default_factory=lambda: Shelf(settings.AIM_CACHE_BYTES))
    """What ``cache`` keeps where there is no Redis."""
    calls: set[asyncio.Task[Any]] = field(default_factory=set)
    """The calls under way. Those that outlive the shutdown are cancelled, so that each leaves its record."""
    database_away: bool = False
    """No call is begun then: it would be paid for, and could not be recorded."""

    def __post_init__(self) -> None:
        self.facts = Facts(self.guards.breakers.paused)

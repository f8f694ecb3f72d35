"""What calls share in one process."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

from aiproxy.gateway.attempts import Guards
from aiproxy.upstream.client import Upstream
from aiproxy.upstream.send import Timeouts
from aiproxy.usage.recorder import Recorder


@dataclass(slots=True)
class Gateway:
    """Made when the server starts; endpoints hand it to every call."""

    upstream: Upstream
    recorder: Recorder
    timeouts: Timeouts
    guards: Guards = field(default_factory=Guards)
    calls: set[asyncio.Task[Any]] = field(default_factory=set)
    """The calls under way. Those that outlive the shutdown are cancelled, so that each leaves its record."""

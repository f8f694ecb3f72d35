"""What the steps of a call hand to each other."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

from integrations.live import Connection
from integrations.tokens import Caller
from providers.adapters.base import Adapter, Host
from providers.chat import ChatResponse
from providers.rate_limits import RateLimitState
from providers.usage import Usage
from providers.wire import Change, WireRequest


@dataclass(frozen=True, slots=True)
class Target:
    """Where a call goes: one integration and the model's name there."""

    connection: Connection
    model: str
    adapter: Adapter
    host: Host


@dataclass(frozen=True, slots=True)
class Caching:
    """What the caller says of the cache. ``seconds`` None leaves it to the integration, 0 is not at all; without
    ``read`` the call is made in any case, and its answer kept.
    """

    seconds: int | None = None
    read: bool = True


UNSAID = Caching()


@dataclass(slots=True)
class Call:
    """One call from its arrival to its bill. The steps fill in what they learn."""

    request_id: str
    caller: Caller
    dialect: str
    operation: str
    requested_model: str
    stream: bool = False
    integration_id: UUID | None = None
    strict: bool = False
    """Refuse the call rather than change anything of it."""
    caching: Caching = UNSAID
    at: datetime = field(default_factory=lambda: datetime.now(UTC))
    started: float = field(default_factory=time.monotonic)

    target: Target | None = None
    changes: tuple[Change, ...] = ()
    limits: dict[UUID, RateLimitState] = field(default_factory=dict)
    """What the providers' answers said is left, by integration."""
    attempts: int = 0
    spent: bool = False
    """Whether a provider may have done work for it."""
    sent: WireRequest | None = None
    sent_at: float | None = None
    first_event_at: float | None = None
    answered_at: float | None = None
    model: str = ""
    finish: str = ""
    usage: Usage | None = None
    usage_source: str = "none"
    cost: Decimal | None = None
    price_source: str = ""
    answer: ChatResponse | None = None
    """What a stream said, once it has come to its end."""
    cache_age: float | None = None
    """Seconds since the answer was given for the first time, where it comes from the cache."""

    @property
    def cached(self) -> bool:
        return self.cache_age is not None

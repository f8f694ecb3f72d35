"""What the steps of a call hand to each other."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Literal
from uuid import UUID

from aiproxy.gateway.ticket import Ticket
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
class Route:
    """Why a call goes where it goes: what named its places, how they were put in order, and that order.

    ``by`` is "fallback" where the call itself named more than one model. ``strategy`` is one of ``Alias.STRATEGIES``,
    or empty where there was nothing to choose. ``targets`` are ``provider/model``; the last ``paused`` of them are
    left alone for now, which is why they are last.
    """

    by: Literal["model", "alias", "integration", "fallback"]
    strategy: str
    targets: Sequence[str]
    paused: int = 0

    def told(self, place: int, after: str) -> str:
        """In a few words why the ``place``-th target (from 1) answered, ``after`` being the code of the failure
        that led there. Empty where there was nothing to choose.
        """
        places = len(self.targets)
        if place > 1:
            return f"fallback {place} of {places} after {after}"
        paused = f", {self.paused} left alone" if self.paused else ""
        return f"{self.strategy} of {places}{paused}" if places > 1 else ""


@dataclass(frozen=True, slots=True)
class Caching:
    """What the caller says of the cache. ``seconds`` None leaves it to the integration, 0 is not at all; without
    ``read`` the call is made in any case, and its answer kept.
    """

    seconds: int | None = None
    read: bool = True


UNSAID = Caching()


@dataclass(frozen=True, slots=True)
class Attempt:
    """One request to one target, up to its answer or the first events of it; as ``time.monotonic`` counts."""

    target: Target
    began: float
    ended: float
    error: BaseException | None = None


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
    fallback: tuple[str, ...] = ()
    """Models to turn to when the requested one fails, in order."""
    patience: float = math.inf
    """Seconds after which the caller wants an answer no more."""
    caching: Caching = UNSAID
    at: datetime = field(default_factory=lambda: datetime.now(UTC))
    started: float = field(default_factory=time.monotonic)

    until: float = math.inf
    """When the whole call must be over, retries and fallbacks included; as ``time.monotonic`` counts."""
    route: Route | None = None
    place: int = 1
    """Which of the route's targets was asked last, from 1."""
    fell: str = ""
    """The code of the failure that led from one target to the next."""
    steps: list[tuple[str, float]] = field(default_factory=list)
    """What was done when, for who wants to know where the time went (``gateway.journey``)."""
    tried: list[Attempt] = field(default_factory=list)
    target: Target | None = None
    changes: tuple[Change, ...] = ()
    limits: dict[UUID, RateLimitState] = field(default_factory=dict)
    """What the providers' answers said is left, by integration."""
    estimate: Usage | None = None
    """The most it may use, where limits ask for it; None for a call that uses no tokens."""
    ticket: Ticket | None = None
    target_ticket: Ticket | None = None
    """What it has taken of the limits of its account and token, and of its target."""
    queued_ms: int = 0
    """How long it waited for them."""
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
    unread: bool = False
    """Whether it was answered, and nobody here can tell what that used. Limits then go by their estimate."""
    cost: Decimal | None = None
    price_source: str = ""
    answer: ChatResponse | None = None
    """What a stream said, once it has come to its end."""
    cache_age: float | None = None
    """Seconds since the answer was given for the first time, where it comes from the cache."""

    def done(self, step: str) -> None:
        self.steps.append((step, time.monotonic()))

    @property
    def cached(self) -> bool:
        return self.cache_age is not None

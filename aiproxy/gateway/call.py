"""What the steps of a call hand to each other."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

from aiproxy.gateway.estimates import Estimate
from aiproxy.gateway.ticket import Ticket
from integrations.live import Connection
from integrations.tokens import Caller
from providers.adapters.base import Adapter, Host
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
    at: datetime = field(default_factory=lambda: datetime.now(UTC))
    started: float = field(default_factory=time.monotonic)

    target: Target | None = None
    changes: tuple[Change, ...] = ()
    limits: dict[UUID, RateLimitState] = field(default_factory=dict)
    """What the providers' answers said is left, by integration."""
    estimate: Estimate | None = None
    """What it may use; None for a call that uses no tokens."""
    ticket: Ticket | None = None
    target_ticket: Ticket | None = None
    """What it has taken of the limits of its account and token, and of its target."""
    queued_ms: int = 0
    """How long it waited for them."""
    attempts: int = 0
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

"""A circuit breaker: after several failures in a row an integration is left alone for a while.

    closed ──5 failures in a row──▶ open ──30 s × n, at most 300 s──▶ half-open ──success──▶ closed
                                     ▲                                     │
                                     └───────────── failure, n + 1 ────────┘

Half-open lets one call through at a time. A breaker is pure: the clock is given in,
in seconds of ``time.monotonic``. Failures are counted by each worker for itself; that one is open is known to all of
them, through ``state.breakers``.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from aiproxy.errors import OutOfTime
from providers.errors import CallError, StreamCut

THRESHOLD = 5
BASE_SECONDS = 30.0
MAX_SECONDS = 300.0
PROBE_SECONDS = 300.0
"""A probe that has not come back after this long is forgotten, and another call may try."""

MAX_REST = 60.0
"""Some providers ask for hours when they mean that the day's share is used up; a look now and then costs nothing."""

State = Literal["closed", "open", "half-open"]


def _nobody() -> None:
    """Whom a breaker tells of its changes when nobody asked."""


@dataclass(slots=True)
class Breaker:
    """The state of one integration. ``allows`` before a call; ``succeeded`` or ``failed`` after it."""

    failures: int = 0
    trips: int = 0
    open_until: float | None = None
    probing_since: float | None = None
    tell: Callable[[], None] = _nobody
    """Called after it opened or closed."""

    def state(self, now: float) -> State:
        if self.open_until is None:
            return "closed"
        return "open" if now < self.open_until else "half-open"

    def wait(self, now: float) -> float:
        """Seconds until a call may try again; 0 when one may now."""
        if self.open_until is None:
            return 0.0
        if now < self.open_until:
            return self.open_until - now
        if self.probing_since is not None and now < self.probing_since + PROBE_SECONDS:
            return 1.0
        return 0.0

    def allows(self, now: float) -> bool:
        """Whether a call may go out now. In half-open the one that may is the probe."""
        if self.wait(now) > 0:
            return False
        if self.open_until is not None:
            self.probing_since = now
        return True

    @property
    def _is_late(self) -> bool:
        """Whether what ends now was let through before it opened: then it says nothing new. Else fifty calls to a
        provider that dies would open it ten times over, for minutes.
        """
        return self.open_until is not None and self.probing_since is None

    def succeeded(self) -> None:
        """The provider answered, be it with a refusal: it is there."""
        if self._is_late:
            return
        was_open = self.open_until is not None
        self.failures = self.trips = 0
        self.open_until = self.probing_since = None
        if was_open:
            self.tell()

    def failed(self, now: float) -> None:
        if self._is_late:
            return
        self.failures += 1
        probe, self.probing_since = self.probing_since is not None, None
        if probe or self.failures >= THRESHOLD:
            self.trips += 1
            self.failures = 0
            self.open_until = now + min(MAX_SECONDS, BASE_SECONDS * self.trips)
            self.tell()

    def abandoned(self) -> None:
        """The call ended without telling anything about the provider (its caller left)."""
        self.probing_since = None


def verdict(breaker: Breaker, error: BaseException | None, now: float) -> None:
    """Note on ``breaker`` how a call ended. Only errors that say ``breaks`` are the provider's trouble."""
    if isinstance(error, StreamCut | OutOfTime):
        breaker.abandoned()  # it was there and spoke, or had no time to; that may have many reasons
    elif isinstance(error, CallError) and error.breaks:
        breaker.failed(now)
    elif error is None or isinstance(error, CallError):
        breaker.succeeded()
    else:
        breaker.abandoned()


class Breakers:
    """One breaker for each integration, in this process. For its event loop alone."""

    def __init__(self) -> None:
        self._known: dict[UUID, Breaker] = {}
        self._rests: dict[UUID, dict[str, float]] = {}
        """When a model of an integration may be asked for again. Providers count most rates by model."""
        self.changes: set[UUID] = set()
        """Those that opened or closed here, until the other workers have been told."""
        self.changed = asyncio.Event()

    def of(self, integration_id: UUID) -> Breaker:
        breaker = self._known.get(integration_id)
        if breaker is None:
            breaker = Breaker(tell=lambda: self._note(integration_id))
            self._known[integration_id] = breaker
        return breaker

    def paused(self, integration_id: UUID, model: str | None = None) -> float:
        """Seconds for which the integration is left alone for its failures, or ``model`` there for any reason; 0 when
        it is not.
        """
        breaker = self._known.get(integration_id)
        wait = breaker.wait(time.monotonic()) if breaker else 0.0
        return wait if model is None else max(wait, self.resting(integration_id, model))

    def rest(self, integration_id: UUID, model: str, seconds: float) -> None:
        """Its provider has asked this worker for fewer calls of ``model``: leave that alone for so long, at most
        MAX_REST.
        """
        if seconds > 0:
            now = time.monotonic()
            models = self._rests.setdefault(integration_id, {})
            for name in [name for name, until in models.items() if until <= now]:
                del models[name]
            models[model] = now + min(seconds, MAX_REST)

    def resting(self, integration_id: UUID, model: str) -> float:
        """Seconds for which its provider still wants to be left alone with ``model``."""
        models = self._rests.get(integration_id)
        if models is None:
            return 0.0
        return max(0.0, models.get(model, 0.0) - time.monotonic())

    def reset(self, integration_id: UUID) -> None:
        """Forget what happened: its owner has mended or tested it."""
        self._known.pop(integration_id, None)
        self._rests.pop(integration_id, None)
        self._note(integration_id)

    def told_open(self, integration_id: UUID, until: float, trips: int) -> None:
        """Another worker has found it in trouble."""
        breaker = self.of(integration_id)
        breaker.failures, breaker.trips, breaker.open_until = 0, trips, until

    def told_closed(self, integration_id: UUID) -> None:
        """Another worker has reached it."""
        self._known.pop(integration_id, None)

    def _note(self, integration_id: UUID) -> None:
        self.changes.add(integration_id)
        self.changed.set()

"""How long models took of late, for those who want the fastest. In this process only, and forgotten when old.

Measured is what a caller waits for: the first event of a stream, else the whole answer. The clock is given in, in
seconds of ``time.monotonic``.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from uuid import UUID

from aiproxy.gateway.call import Call, Target
from integrations.lru import Lru
from providers.errors import CallError, InvalidRequest

SHARE = 0.3
"""How much the newest measurement counts in the average."""

FRESH_SECONDS = 300.0
"""An average that nothing renewed for so long is forgotten, so that who was slow gets another chance."""

FAILED_SECONDS = 60.0
"""A failure counts as an answer that took so long."""

TRIAL_SECONDS = 30.0
"""While one call measures, others go elsewhere for so long at most."""

KNOWN = 4096

Key = tuple[UUID, str, bool]
"""Integration, model, and whether it streams."""


@dataclass(slots=True)
class _Measured:
    average: float
    renewed: float
    tried: float = -math.inf


class Latencies:
    def __init__(self) -> None:
        self._known: Lru[Key, _Measured] = Lru(KNOWN)

    def note(self, key: Key, seconds: float, now: float) -> None:
        known = self._known.get(key)
        if known is None or now - known.renewed > FRESH_SECONDS:
            self._known.put(key, _Measured(seconds, now))
        else:
            known.average += SHARE * (seconds - known.average)
            known.renewed = now

    def expected(self, key: Key, now: float) -> float:
        """Seconds until an answer; 0 for what should be measured, and infinite for what is being measured."""
        known = self._known.get(key)
        if known is None:
            return 0.0
        if now - known.renewed <= FRESH_SECONDS:
            return known.average
        return math.inf if now - known.tried <= TRIAL_SECONDS else 0.0

    def trying(self, key: Key, now: float) -> None:
        """A call goes there first, whatever it takes."""
        known = self._known.get(key)
        if known is None:
            self._known.put(key, _Measured(math.inf, -math.inf, now))
        else:
            known.tried = now


def key(call: Call, target: Target) -> Key:
    return target.connection.id, target.model, call.stream


class Measuring:
    """``with`` one exchange inside, up to what its caller waits for. Counting tokens is not what anybody waits for."""

    __slots__ = ("_call", "_known", "_start", "_target")

    def __init__(self, known: Latencies, call: Call, target: Target) -> None:
        self._known, self._call, self._target = known, call, target
        self._start = time.monotonic()

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if self._call.operation == "count":
            return
        now = time.monotonic()
        if error is None:
            self._known.note(key(self._call, self._target), now - self._start, now)
        elif (
            isinstance(error, CallError)
            and error.fall_back
            and not isinstance(error, InvalidRequest)
        ):
            self._known.note(key(self._call, self._target), FAILED_SECONDS, now)

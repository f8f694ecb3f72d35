"""Waiting for what happens elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable


def eventually(holds: Callable[[], bool], seconds: float = 5.0) -> None:
    """Returns as soon as ``holds()``; fails when it does not within ``seconds`` (a bound, not a measurement)."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)

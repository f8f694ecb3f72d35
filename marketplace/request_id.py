"""The id of one request: in its answer, its log lines and its audit events."""

from __future__ import annotations

import random


def new_request_id() -> str:
    """``req_`` and 24 random hex digits. Made here and never taken from a caller, who could forge a log line."""
    return f"req_{random.getrandbits(96):024x}"  # a name and no secret: the system's source costs a system call

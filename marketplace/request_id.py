"""The id of one request: in its answer, its log lines and its audit events."""

from __future__ import annotations

import secrets


def new_request_id() -> str:
    """``req_`` and 24 random hex digits. Made here and never taken from a caller, who could forge a log line."""
    return f"req_{secrets.token_hex(12)}"

"""The id of one request: in its answer, its log lines and its audit events."""

from __future__ import annotations

import secrets
import string

_BASE62 = string.digits + string.ascii_letters


def new_request_id() -> str:
    """``req_`` and 22 random characters. Made here and never taken from a caller, who could forge a log line."""
    return "req_" + "".join(secrets.choice(_BASE62) for _ in range(22))

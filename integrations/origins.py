"""Which web pages may call this server at all: the origins that any enabled integration allows, kept in memory.

A browser asks before it sends, and then names nobody: so this is what it is told. What a call may then do is up to
the integration it uses (``Connection.policy.origins``).
"""

from __future__ import annotations

import threading

from integrations import policy
from integrations.models import Integration


def everywhere() -> frozenset[str]:
    """All of them, as browsers write them."""
    return _known


def reload() -> None:
    """Read the rows afresh, in sync code."""
    global _known
    with _reading:
        rows = Integration.objects.filter(
            enabled=True, owner__is_active=True, policy__has_key="origins"
        )
        stored = rows.values_list("policy", flat=True)
        _known = frozenset().union(*(policy.read(one).origins for one in stored))


def forget() -> None:
    """Begin anew, as a new process would."""
    global _known
    with _reading:
        _known = frozenset()


_known: frozenset[str] = frozenset()
# Reading and replacing are one step, so that what was read earlier never replaces what was read later.
_reading = threading.Lock()

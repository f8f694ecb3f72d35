"""Requests so large that reading them would hold up every other call: they are read in a thread, and bounded in their
parts. A picture of 30 MB is one value and takes no time; 30 MB of small values took the event loop half a minute.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

from providers.errors import InvalidRequest

T = TypeVar("T")

LARGE = 1 << 20
"""Bytes from which on a body is large."""

MOST_BRACKETS = 1_000_000
"""Opening brackets, those within texts too: decoding holds Python's lock, so it must be short even in a thread."""

MOST_VALUES = 500_000


def is_large(content: bytes) -> bool:
    return len(content) > LARGE


async def decoded(content: bytes, decode: Callable[[bytes], Any]) -> Any:
    """``decode(content)``. Raises what it raises, and InvalidRequest for a body of too many parts."""
    if content.count(b"{") + content.count(b"[") > MOST_BRACKETS:
        raise _crowded()
    return await asyncio.to_thread(_decoded, content, decode)


def _decoded(content: bytes, decode: Callable[[bytes], Any]) -> Any:
    whole = decode(content)
    seen, waiting = 0, [whole]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            value = list(value.values())
        if isinstance(value, list):
            seen += len(value)
            if seen > MOST_VALUES:
                raise _crowded()
            waiting += value
    return whole


def _crowded() -> InvalidRequest:
    return InvalidRequest("The request body holds too many values. Send less at once.")

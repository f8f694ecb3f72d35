"""Careful reading of untrusted JSON, shared by every adapter.

Nothing here raises on a wrong type: a provider that sends a number where a text belongs gets the
empty value, so one odd field never loses an answer. ``decode`` is the only door from bytes to
values. See also: ``adapters/explaining.py`` (provider errors to CallErrors) and
``adapters/streaming.py`` (the discipline of a stream).
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Hashable
from typing import Any

import msgspec

from providers.errors import ServerError
from providers.wire import WireReply

MOST = 10**12
"""Of anything that is counted."""

_SURROGATE = re.compile("[\ud800-\udfff]")


def as_dict(value: object) -> dict[str, Any]:
    """``value`` if it is a JSON object, else an empty one."""
    return value if isinstance(value, dict) else {}


def as_list(value: object) -> list[Any]:
    """``value`` if it is a JSON array, else an empty one."""
    return value if isinstance(value, list) else []


def as_str(value: object) -> str:
    """``value`` if it is a text, else ``""``. Numbers are not turned into text."""
    return value if isinstance(value, str) else ""


def as_int(value: object) -> int:
    """A count: ``value`` if it is a whole number of at least 0 (``3.0`` too, as some hosts write),
    else 0. One that nothing could count is none: the sums of usage must hold it.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < MOST:
        return 0
    return int(value) if value == int(value) else 0


def as_names(value: object) -> tuple[str, ...]:
    """The texts in a list or tuple, such as a quirk that lists parameters."""
    return tuple(filter(None, map(as_str, value))) if isinstance(value, list | tuple) else ()


def first_int(*values: object) -> int:
    """The first of ``values`` that counts something; providers have several names for one number."""
    return next((number for number in map(as_int, values) if number), 0)


def number_rows(value: object) -> tuple[tuple[float, ...], ...]:
    """Vectors from a list of lists of numbers; none at all when one of them is empty or holds anything else."""
    rows = as_list(value)
    if not all(isinstance(row, list) and row for row in rows):
        return ()
    if not all(type(number) in (int, float) for row in rows for number in row):
        return ()
    return tuple(tuple(map(float, row)) for row in rows)


def decode(text: bytes | str) -> Any:
    """JSON to values; raises ValueError for anything else, hostile nesting included.

    Python's own decoder is asked second: some hosts send ``NaN`` (logprobs) or half a surrogate
    pair (an emoji cut between two chunks), which the strict one refuses. ``NaN`` becomes null and
    half a pair U+FFFD.
    """
    try:
        return msgspec.json.decode(text)
    except RecursionError:
        raise ValueError("JSON is nested too deep") from None
    except ValueError:
        pass
    try:
        return _whole(json.loads(text))
    except RecursionError:
        raise ValueError("JSON is nested too deep") from None


def reply_dict(reply: WireReply) -> dict[str, Any]:
    """The JSON object of a successful answer; raises ServerError when it is none."""
    try:
        value = decode(reply.body)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise ServerError(
            "The provider's answer is not the expected JSON. Check the integration's base URL.",
            detail=reply.body[:500].decode("utf-8", "replace"),
            upstream_status=reply.status,
        )
    return value


def arguments_text(value: object) -> str:
    """Tool arguments as JSON text, from a provider that sends an object (Gemini, Ollama). None is
    ``{}``.
    """
    if isinstance(value, str):
        return value
    return "{}" if value is None else msgspec.json.encode(value).decode()


def arguments_dict(text: str) -> dict[str, Any]:
    """Tool arguments as an object, for a provider that wants one; ``{}`` when ``text`` is cut short
    or no object.
    """
    try:
        return as_dict(decode(text))
    except ValueError:
        return {}


def made_up_id(*facts: object) -> str:
    """An id for a tool call that came without one: the same facts give the same id, others another."""
    digest = hashlib.blake2s(repr(facts).encode(), digest_size=9).hexdigest()
    return f"call_{digest}"


class PartNumbers:
    """Numbers the parts of a streamed answer, for each choice from 0.

    ``number("text")`` is the running text part, or a new one when the part before was of another
    kind. With a ``key`` (a block's index, a tool call's index or id) the part is found again
    whatever came between.
    """

    def __init__(self) -> None:
        self._count: dict[int, int] = {}
        self._last: dict[int, tuple[str, Hashable, int]] = {}
        self._keyed: dict[tuple[int, str, Hashable], int] = {}

    def number(self, kind: str, choice: int = 0, key: Hashable = None) -> int:
        last = self._last.get(choice)
        if key is not None and (choice, kind, key) in self._keyed:
            number = self._keyed[choice, kind, key]
        elif key is None and last is not None and last[:2] == (kind, None):
            number = last[2]
        else:
            number = self._count.get(choice, 0)
            self._count[choice] = number + 1
            if key is not None:
                self._keyed[choice, kind, key] = number
        self._last[choice] = (kind, key, number)
        return number

    def new(self, kind: str, choice: int = 0) -> int:
        """A part that nothing will be added to."""
        number = self._count.get(choice, 0)
        self._count[choice] = number + 1
        self._last[choice] = (kind, object(), number)
        return number


def _whole(value: Any) -> Any:
    if isinstance(value, str):
        return _SURROGATE.sub("\ufffd", value)
    if isinstance(value, list):
        return [_whole(item) for item in value]
    if isinstance(value, dict):
        return {_whole(key): _whole(item) for key, item in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value

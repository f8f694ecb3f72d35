"""Arguments of a Gemini call that arrive in pieces, each with the path of its place."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any

from providers.adapters.reading import as_str

_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d{1,4})\]|\['([^']*)'\]|\[\"([^\"]*)\"\]")
_VALUES = ("stringValue", "numberValue", "boolValue", "nullValue")
_DEEPEST = 64


class PartialArguments:
    """``value`` is the object as far as it is known. A piece whose path makes no sense is left out."""

    def __init__(self, start: dict[str, Any]) -> None:
        self.value: dict[str, Any] = dict(start)

    def add(self, piece: dict[str, Any]) -> None:
        """``jsonPath`` says where; text that belongs to one place comes in several pieces."""
        kind = next((name for name in _VALUES if name in piece), None)
        steps = _steps(as_str(piece.get("jsonPath")))
        if kind is None or not steps:
            return
        value = None if kind == "nullValue" else piece[kind]
        if kind == "numberValue" and isinstance(value, float) and value.is_integer():
            value = int(value)
        place: Any = self.value
        for step, following in pairwise(steps):
            place = _enter(place, step, [] if isinstance(following, int) else {})
        _put(place, steps[-1], value)


def _steps(path: str) -> list[str | int]:
    """The steps of ``$.a.b[0]``; none for anything else."""
    steps: list[str | int] = []
    position = 1
    while match := _STEP.match(path, position):
        name, index, *quoted = match.groups()
        steps.append(int(index) if index is not None else name or next(filter(None, quoted), ""))
        position = match.end()
    return steps if path[:1] == "$" and position == len(path) and len(steps) <= _DEEPEST else []


def _enter(place: Any, step: str | int, empty: Any) -> Any:
    if isinstance(place, dict) and isinstance(step, str):
        return place.setdefault(step, empty)
    if isinstance(place, list) and isinstance(step, int):
        if step == len(place):
            place.append(empty)
        if step < len(place):
            return place[step]
    return None


def _put(place: Any, step: str | int, value: Any) -> None:
    if isinstance(place, dict) and isinstance(step, str):
        old = place.get(step)
        place[step] = old + value if isinstance(old, str) and isinstance(value, str) else value
    elif isinstance(place, list) and isinstance(step, int):
        if step == len(place):
            place.append(value)
        elif step < len(place):
            old = place[step]
            place[step] = old + value if isinstance(old, str) and isinstance(value, str) else value

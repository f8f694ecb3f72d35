"""Pieces of a streamed answer that belong together: tool calls, reasoning details, sound."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from providers.adapters.reading import as_str
from providers.chat import State

FORMAT = "openai"
"""The name under which this format keeps its state."""

Json = dict[str, Any]


class Calls:
    """Which call a piece belongs to. Hosts number calls, or name them, or only send them whole."""

    def __init__(self) -> None:
        self._ids: dict[Hashable, str] = {}
        self._named: set[Hashable] = set()
        self._current: dict[Hashable, Hashable] = {}
        self._last: Hashable = None

    def find(self, index: object, identity: str, name: str) -> tuple[Hashable, bool]:
        """The call's key, and whether this is its first piece."""
        key = self._last = self._key(index, identity, name)
        first = key not in self._ids
        self._ids.setdefault(key, identity)
        return key, first

    def new_name(self, key: Hashable, name: str) -> str:
        """``name`` the first time a piece says one; hosts that repeat it must not make it double."""
        if not name or key in self._named:
            return ""
        self._named.add(key)
        return name

    def _key(self, index: object, identity: str, name: str) -> Hashable:
        if isinstance(index, int):
            key = self._current.setdefault(index, index)
            # Gemini's OpenAI endpoint gives every parallel call the index 0.
            if identity and name and self._ids.get(key, identity) != identity:
                key = self._current[index] = (index, identity)
            return key
        if identity:
            return identity
        return ("call", len(self._ids)) if name or self._last is None else self._last


class Details:
    """OpenRouter's ``reasoning_details``, whose pieces are numbered; they are wanted back joined."""

    def __init__(self) -> None:
        self._blocks: dict[Hashable, Json] = {}

    def __bool__(self) -> bool:
        return bool(self._blocks)

    def add(self, details: list[Json]) -> None:
        for piece in details:
            index = piece.get("index")
            key = (
                as_str(piece.get("type")),
                index if isinstance(index, int) else len(self._blocks),
            )
            join(self._blocks.setdefault(key, {}), piece, ("text", "summary", "data"))

    def state(self) -> State:
        return {FORMAT: {"reasoning_details": list(self._blocks.values())}}


def join(whole: Json, piece: Json, texts: tuple[str, ...]) -> None:
    """Adds a piece to an object: ``texts`` are appended, all else is replaced, empty values say
    nothing.
    """
    for name, value in piece.items():
        if name in texts and isinstance(value, str):
            whole[name] = as_str(whole.get(name)) + value
        elif value or (name not in whole and value is not None):
            whole[name] = value

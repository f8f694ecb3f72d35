"""What ``build`` could not carry over as it was, collected while it works."""

from __future__ import annotations

from typing import Literal

from providers.chat import ChatRequest
from providers.embedding import EmbeddingRequest
from providers.wire import Change

_GIVEN_ANYWAY = {"include": ["reasoning.encrypted_content"]}
"""What a caller may ask for and gets in any case: sealed thoughts are in every answer."""


class Changes:
    """A list of ``Change`` in which the same thing is told once."""

    def __init__(self) -> None:
        self._changes: dict[Change, None] = {}

    def dropped(self, what: str, why: str) -> None:
        self._add("dropped", what, why)

    def changed(self, what: str, why: str) -> None:
        self._add("changed", what, why)

    def emulated(self, what: str, why: str) -> None:
        self._add("emulated", what, why)

    def foreign_extras(self, request: ChatRequest | EmbeddingRequest, own: str) -> None:
        """Reports the parameters that came in the words of other formats than ``own``."""
        for dialect, values in request.extra.items():
            for name, value in values.items() if dialect != own else ():
                if value != _GIVEN_ANYWAY.get(name):
                    self.dropped(name, f"only the {dialect} format knows it")

    def result(self) -> tuple[Change, ...]:
        return tuple(self._changes)

    def _add(self, kind: Literal["dropped", "changed", "emulated"], what: str, why: str) -> None:
        self._changes.setdefault(Change(kind, what, why))

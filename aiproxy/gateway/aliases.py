"""Names that stand for other models: ``fast``, or ``alias/fast``. Read from memory; ``live`` keeps it fresh."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any
from uuid import UUID

from aiproxy.models import Alias

PREFIX = "alias/"


@dataclass(frozen=True, slots=True)
class Step:
    """One place an alias leads to. Exactly one of ``provider`` and ``integration_id`` is set."""

    model: str
    provider: str = ""
    integration_id: UUID | None = None

    def __str__(self) -> str:
        return f"{self.provider or self.integration_id}/{self.model}"

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Step:
        """Raises KeyError or ValueError for what is no step."""
        if "integrationId" in data:
            return cls(str(data["model"]), integration_id=UUID(str(data["integrationId"])))
        return cls(str(data["model"]), provider=str(data["provider"]))

    def to_json(self) -> dict[str, str]:
        if self.integration_id is not None:
            return {"integrationId": str(self.integration_id), "model": self.model}
        return {"provider": self.provider, "model": self.model}


def find(model: str) -> tuple[Step, ...] | None:
    """Where the alias ``model`` leads, in order; None when there is no alias of that name."""
    return _known.get(model.removeprefix(PREFIX))


def everything() -> Mapping[str, tuple[Step, ...]]:
    """All aliases by name, in the order of their names."""
    return _known


def reload() -> None:
    """Read the rows afresh, in sync code."""
    global _known
    with _reading:
        rows = Alias.objects.all()
        _known = MappingProxyType(
            {row.name: tuple(map(Step.from_json, row.targets)) for row in rows}
        )


def forget() -> None:
    """Begin anew, as a new process would."""
    global _known
    with _reading:
        _known = MappingProxyType({})


_known: Mapping[str, tuple[Step, ...]] = MappingProxyType({})
# Reading and replacing are one step, so that what was read earlier never replaces what was read later.
_reading = threading.Lock()

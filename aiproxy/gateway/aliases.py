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
    """One place an alias leads to. Exactly one of ``provider`` and ``integration_id`` is set.

    ``weight`` counts where the alias is ``weighted``: how often it is drawn first, 0 being never.
    """

    model: str
    provider: str = ""
    integration_id: UUID | None = None
    weight: int = 1

    def __str__(self) -> str:
        return f"{self.provider or self.integration_id}/{self.model}"

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Step:
        """Raises KeyError or ValueError for what is no step."""
        weight = int(data.get("weight", 1))
        if "integrationId" in data:
            return cls(str(data["model"]), "", UUID(str(data["integrationId"])), weight)
        return cls(str(data["model"]), str(data["provider"]), weight=weight)

    def to_json(self) -> dict[str, Any]:
        place = (
            {"provider": self.provider}
            if self.integration_id is None
            else {"integrationId": str(self.integration_id)}
        )
        weight = {} if self.weight == 1 else {"weight": self.weight}
        return {**place, "model": self.model, **weight}


@dataclass(frozen=True, slots=True)
class Meaning:
    """What an alias stands for: its places in the owner's order, and which of them is tried first."""

    steps: tuple[Step, ...]
    strategy: str = Alias.PRIORITY


def find(model: str) -> Meaning | None:
    """What the alias ``model`` stands for; None when there is no alias of that name."""
    return _known.get(model.removeprefix(PREFIX))


def everything() -> Mapping[str, Meaning]:
    """All aliases by name, in the order of their names."""
    return _known


def reload() -> None:
    """Read the rows afresh, in sync code."""
    global _known
    with _reading:
        _known = MappingProxyType(
            {
                row.name: Meaning(tuple(map(Step.from_json, row.targets)), row.strategy)
                for row in Alias.objects.all()
            }
        )


def forget() -> None:
    """Begin anew, as a new process would."""
    global _known
    with _reading:
        _known = MappingProxyType({})


_known: Mapping[str, Meaning] = MappingProxyType({})
# Reading and replacing are one step, so that what was read earlier never replaces what was read later.
_reading = threading.Lock()

"""One HTTP exchange as plain values. Nothing here knows a secret until ``auth.sign`` has run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec


@dataclass(frozen=True, slots=True)
class Change:
    """Something of the caller's request that the provider's format could not carry as it was."""

    kind: Literal["dropped", "changed", "emulated"]
    what: str
    """The field in our vocabulary, e.g. ``seed`` or ``messages[2].image``."""
    why: str

    def __str__(self) -> str:
        return f"{self.kind} {self.what}: {self.why}"


@dataclass(frozen=True, slots=True)
class WireRequest:
    """A request to a provider. ``path`` is relative to the endpoint's base URL and carries its own query.

    ``body`` is the JSON value to send, or None for no body. ``changes`` tells what ``build`` had to leave out.
    ``raw`` stands in place of ``body`` where the caller speaks the provider's format itself: the bytes to send as they
    are (none if empty), of the type that ``headers`` say, for an answer that may be of any type.
    """

    method: str
    path: str
    body: Mapping[str, Any] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    stream: bool = False
    changes: tuple[Change, ...] = ()
    raw: bytes | None = None

    def content(self) -> bytes | None:
        """The bytes of the body; raises InvalidRequest-free msgspec errors only for values JSON cannot hold."""
        if self.raw is not None:
            return self.raw or None
        return None if self.body is None else msgspec.json.encode(self.body)


@dataclass(frozen=True, slots=True)
class WireReply:
    """A provider's whole answer. Header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON; raises ``msgspec.DecodeError`` (a ValueError) when it is none."""
        return msgspec.json.decode(self.body)

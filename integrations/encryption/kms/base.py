"""What holds the root of all keys. It is asked when the process starts and when keys rotate, never per call."""

from __future__ import annotations

from typing import ClassVar, Protocol


class KeyWrapper(Protocol):
    """Wraps the keys of the ring. ``kid`` is bound to the result: a wrapped key does not open as another."""

    name: ClassVar[str]
    """How the ring's file calls it."""

    def wrap(self, key: bytes, kid: str) -> bytes: ...

    def unwrap(self, blob: bytes, kid: str) -> bytes:
        """Raises KeyRingError when this root did not wrap ``blob`` as ``kid``."""

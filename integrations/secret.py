"""A value that shows itself to nobody who does not ask for it by name."""

from __future__ import annotations

import hmac
from collections.abc import Iterator, Mapping
from typing import Any, NoReturn, SupportsIndex

MASK = "***"


class Secret:
    """Holds a credential. Only ``plain()`` gives it; it cannot be printed, formatted, pickled or serialised."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def plain(self) -> str:
        return self._value

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._value.encode(), other._value.encode())

    __hash__ = None  # type: ignore[assignment]  # a hash would be a fingerprint of the value

    def __repr__(self) -> str:
        return f"Secret({MASK})" if self._value else "Secret()"

    def __str__(self) -> str:
        return MASK

    def __format__(self, spec: str) -> str:
        return MASK

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Secret:
        return self

    def __getstate__(self) -> NoReturn:
        raise TypeError("a Secret cannot be pickled")

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        raise TypeError("a Secret cannot be pickled")


NO_SECRET = Secret("")


class Headers(Mapping[str, str]):
    """Request headers whose values may be secrets: names are shown, values are not."""

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = dict(values)

    def __getitem__(self, name: str) -> str:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"Headers({', '.join(f'{name}: {MASK}' for name in self._values)})"

    def __copy__(self) -> Headers:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Headers:
        return self

    def __getstate__(self) -> NoReturn:
        raise TypeError("Headers cannot be pickled")

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        raise TypeError("Headers cannot be pickled")

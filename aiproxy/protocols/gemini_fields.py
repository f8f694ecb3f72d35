"""Google's JSON: a name may be written ``inlineData`` or ``inline_data``, and a list of one thing as that thing."""

from __future__ import annotations

import re
from collections.abc import Iterator

from aiproxy.protocols.fields import Fields, wrong
from providers.chat import Json

_JOINT = re.compile(r"(?<=[a-z0-9])_([a-z0-9])")


def camel(name: str) -> str:
    return _JOINT.sub(lambda found: found[1].upper(), name)


class GoogleFields(Fields):
    """An object whose members are known by their camel-case names. ``whole`` is what came."""

    __slots__ = ()

    def __init__(self, value: Json, path: str = "") -> None:
        super().__init__(value, path)
        self._left = {camel(name): inner for name, inner in self._left.items()}

    def object(self, name: str) -> GoogleFields:
        """The object ``name``; an empty one where there is none."""
        value = self.take(name)
        return GoogleFields({} if value is None else value, self.at(name))

    def several(self, name: str) -> Iterator[GoogleFields]:
        """The objects of a list, or the only one."""
        value, path = self.take(name), self.at(name)
        if isinstance(value, dict):
            value = [value]
        if value is not None and not isinstance(value, list):
            raise wrong(path, "a list", value)
        for index, item in enumerate(value or ()):
            yield GoogleFields(item, f"{path}[{index}]")

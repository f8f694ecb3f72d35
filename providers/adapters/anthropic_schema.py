"""A JSON schema in the subset that Anthropic's structured outputs take.

The API refuses a schema with an open object or with a keyword it does not know, so objects are closed
and such keywords move into the description, where the model still reads them
(https://platform.claude.com/docs/en/build-with-claude/structured-outputs#json-schema-limitations).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from providers.adapters.reading import as_list, as_str

_KEPT = frozenset(
    {
        "$ref",
        "type",
        "enum",
        "const",
        "title",
        "description",
        "default",
        "required",
        "anyOf",
        "allOf",
        "format",
    }
    | {"$defs", "definitions", "properties", "items", "additionalProperties", "minItems"}
)
_FORMATS = frozenset(
    {"date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"}
)
_IGNORED = frozenset({"$schema", "$id", "$comment", "examples"})


def closed(schema: Mapping[str, Any]) -> tuple[dict[str, Any], bool]:
    """``schema`` in that subset, and whether anything but closing an unmarked object was needed."""
    walk = _Walk()
    return walk.schema(schema), walk.weakened


class _Walk:
    def __init__(self) -> None:
        self.weakened = False

    def schema(self, old: Mapping[str, Any]) -> dict[str, Any]:
        new: dict[str, Any] = {}
        hints: dict[str, Any] = {}
        for key, value in old.items():
            if key == "oneOf":
                new["anyOf"] = self._value("anyOf", value)
            elif key in _KEPT and _accepted(key, value):
                new[key] = self._value(key, value)
            elif key not in _IGNORED:
                hints[key] = value
        if _is_object(new):
            if new.get("additionalProperties", False) is not False:
                hints["additionalProperties"] = new["additionalProperties"]
            new["additionalProperties"] = False
        else:
            new.pop("additionalProperties", None)
        if hints:
            self.weakened = True
            text = msgspec.json.encode(hints).decode()
            new["description"] = "\n".join(filter(None, (as_str(new.get("description")), text)))
        return new

    def _value(self, key: str, value: Any) -> Any:
        if key in ("properties", "$defs", "definitions") and isinstance(value, Mapping):
            return {name: self._one(item) for name, item in value.items()}
        if key in ("anyOf", "allOf"):
            return [self._one(item) for item in as_list(value)]
        return self._one(value) if key == "items" else value

    def _one(self, value: Any) -> Any:
        return self.schema(value) if isinstance(value, Mapping) else value


def _accepted(key: str, value: Any) -> bool:
    if key == "format":
        return value in _FORMATS
    return key != "minItems" or value in (0, 1)


def _is_object(schema: Mapping[str, Any]) -> bool:
    kind = schema.get("type")
    return kind == "object" or "object" in as_list(kind) or "properties" in schema

"""Google's own schemas as JSON Schema, which every provider understands, Google among them.

``type`` is in capitals or a number, ``nullable`` a member of its own, numbers may be text, and ``propertyOrdering``
says what JSON Schema leaves to the order of the members (https://ai.google.dev/api/caching#Schema).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiproxy.protocols.fields import wrong
from aiproxy.protocols.gemini_fields import camel
from providers.chat import Json

TYPES = ("", "string", "number", "integer", "boolean", "array", "object", "null")
"""By their numbers."""

_COUNTS = ("minItems", "maxItems", "minProperties", "maxProperties", "minLength", "maxLength")
_DEEPEST = 64


def json_schema(value: Json, path: str, depth: int = 0) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise wrong(path, "an object", value)
    if depth > _DEEPEST:
        raise wrong(path, "a schema that is nested less deeply", value)
    schema: dict[str, Any] = {}
    for key, inner in value.items():
        name = camel(key) if not key.startswith("$") else key
        if inner is not None and name not in ("nullable", "propertyOrdering"):
            schema[name] = _member(name, inner, f"{path}.{key[:100]}", depth)
    if "example" in schema:
        schema["examples"] = [schema.pop("example")]
    if value.get("nullable") is True and isinstance(schema.get("type"), str):
        schema["type"] = [schema["type"], "null"]
    return _ordered(schema, value.get("propertyOrdering") or value.get("property_ordering"))


def _member(name: str, value: Json, path: str, depth: int) -> Json:
    match name:
        case "type":
            return _type(value)
        case "properties" | "$defs" if isinstance(value, Mapping):
            return {
                key: json_schema(inner, f"{path}.{key[:100]}", depth + 1)
                for key, inner in value.items()
            }
        case "items":
            return json_schema(value, path, depth + 1)
        case "anyOf" | "oneOf" | "prefixItems" if isinstance(value, list):
            return [json_schema(inner, path, depth + 1) for inner in value]
        case _ if name in _COUNTS and isinstance(value, str) and value.isdecimal():
            return int(value)
        case _:
            return value


def _type(value: Json) -> Json:
    if isinstance(value, str):
        return value.lower()
    if isinstance(value, int) and 0 < value < len(TYPES):
        return TYPES[value]
    return value


def _ordered(schema: dict[str, Any], order: Json) -> dict[str, Any]:
    properties = schema.get("properties")
    if isinstance(order, list) and isinstance(properties, dict):
        first = [name for name in order if isinstance(name, str) and name in properties]
        names = dict.fromkeys([*first, *properties])
        schema["properties"] = {name: properties[name] for name in names}
    return schema

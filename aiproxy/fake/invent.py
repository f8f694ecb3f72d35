"""Makes a JSON value that fits a schema, the same one every time.

What the user's words offer is taken from there (numbers, quoted text, a place after "in", a word of an enum);
the rest is the plainest value the schema allows.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

Schema = Mapping[str, Any]

MAX_DEPTH = 8
"""Where a schema refers to itself for ever, the value ends."""

PLACE = re.compile(
    r"\b(?i:in|at|near|for|of|to|from)\s+((?:[A-ZÀ-Þ][\w'’-]*)(?:\s+[A-ZÀ-Þ][\w'’-]*)*)"
)
_LIST = re.compile(
    r"\s*(?:,\s*(?:(?:and|or)\s+)?|(?:and|or)\s+)([A-ZÀ-Þ][\w'’-]*(?:\s+[A-ZÀ-Þ][\w'’-]*)*)"
)
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_QUOTED = re.compile(r"[\"“']([^\"”']+)[\"”']")
_PLACES = ("city", "location", "place", "town", "country", "address", "destination", "where")
_WHOLE = ("query", "question", "prompt", "message", "text", "input", "content", "q")
_FORMATS = {
    "date": "2025-01-01",
    "date-time": "2025-01-01T12:00:00Z",
    "time": "12:00:00Z",
    "email": "someone@example.com",
    "uri": "https://example.com/",
    "url": "https://example.com/",
    "uuid": "00000000-0000-4000-8000-000000000000",
    "ipv4": "192.0.2.1",
    "hostname": "example.com",
}


def places(text: str) -> list[str]:
    """The places a sentence names: "weather in Paris, Rome and New York" has three."""
    found = PLACE.search(text)
    if found is None:
        return []
    names, at = [found[1]], found.end()
    while more := _LIST.match(text, at):
        names.append(more[1])
        at = more.end()
    return names


def value(schema: Schema, text: str, place: str | None = None) -> Any:
    """A value for ``schema``. ``place`` is the one to use where several are named in ``text``."""
    return _Inventor(schema, text, place).value(schema, "", 0)


class _Inventor:
    def __init__(self, root: Schema, text: str, place: str | None) -> None:
        self.root = root
        self.text = text
        self.place = place or next(iter(places(text)), None)
        self.numbers: Iterator[str] = iter(_NUMBER.findall(text))
        self.quotes: Iterator[str] = iter(_QUOTED.findall(text))

    def value(self, schema: Any, name: str, depth: int) -> Any:
        if not isinstance(schema, Mapping) or depth > MAX_DEPTH:
            return None
        schema = self._resolved(schema)
        if "const" in schema:
            return schema["const"]
        if schema.get("enum"):
            return self._one_of(schema["enum"])
        for key in ("anyOf", "oneOf"):
            if schema.get(key):
                options = [o for o in schema[key] if not _only_null(o)] or schema[key]
                return self.value(options[0], name, depth + 1)
        make = _MAKERS.get(_kind(schema))
        return make(self, schema, name, depth) if make else None

    def _resolved(self, schema: Schema) -> Schema:
        """Follows ``$ref`` within the document and merges ``allOf``."""
        for _ in range(MAX_DEPTH):
            reference = schema.get("$ref")
            if not isinstance(reference, str):
                break
            target: Any = self.root
            for step in reference.removeprefix("#").strip("/").split("/"):
                target = target.get(step, {}) if isinstance(target, Mapping) and step else target
            schema = target if isinstance(target, Mapping) else {}
        merged = dict(schema)
        for part in schema.get("allOf") or ():
            merged |= self._resolved(part) if isinstance(part, Mapping) else {}
        return merged

    def _one_of(self, options: list[Any]) -> Any:
        words = self.text.casefold()
        return next(
            (o for o in options if isinstance(o, str) and o.casefold() in words), options[0]
        )

    def _object(self, schema: Schema, name: str, depth: int) -> dict[str, Any]:
        properties = schema.get("properties") or {}
        required = schema.get("required") or ()
        wanted = [key for key in properties if key in required] or list(properties)
        return {key: self.value(properties[key], key, depth + 1) for key in wanted}

    def _array(self, schema: Schema, name: str, depth: int) -> list[Any]:
        named = places(self.text)
        if len(named) > 1 and any(word.rstrip("y") in name.casefold() for word in _PLACES):
            return named
        count = max(1, int(schema.get("minItems") or 1))
        return [self.value(schema.get("items") or {"type": "string"}, name, depth + 1)] * count

    def _number(self, schema: Schema, name: str, depth: int) -> float:
        return self._within(schema, float(next(self.numbers, schema.get("default") or 1)))

    def _integer(self, schema: Schema, name: str, depth: int) -> int:
        return int(self._within(schema, float(next(self.numbers, schema.get("default") or 1))))

    def _within(self, schema: Schema, number: float) -> float:
        low, high = schema.get("minimum"), schema.get("maximum")
        if isinstance(low, int | float):
            number = max(number, low)
        return min(number, high) if isinstance(high, int | float) else number

    def _string(self, schema: Schema, name: str, depth: int) -> str:
        if schema.get("format") in _FORMATS:
            return _FORMATS[schema["format"]]
        key = name.casefold()
        if any(word in key for word in _PLACES) and self.place:
            return self.place
        if key in _WHOLE:
            return self.text
        return str(schema.get("default") or next(self.quotes, None) or name or "sandbox")


_Maker = Callable[[_Inventor, Schema, str, int], Any]
_MAKERS: dict[str, _Maker] = {
    "object": _Inventor._object,
    "array": _Inventor._array,
    "string": _Inventor._string,
    "integer": _Inventor._integer,
    "number": _Inventor._number,
    "boolean": lambda *_: True,
}


def _kind(schema: Schema) -> str:
    """The type, the first that is not null where several are named. Gemini writes them in capitals."""
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((k for k in kind if k != "null"), "null")
    if isinstance(kind, str):
        return kind.lower()
    return "object" if "properties" in schema else "string"


def _only_null(schema: Any) -> bool:
    return isinstance(schema, Mapping) and schema.get("type") == "null"

from __future__ import annotations

import pytest

from aiproxy.protocols.gemini_schema import json_schema
from providers.errors import InvalidRequest


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ({"type": "STRING"}, {"type": "string"}),
        ({"type": 6}, {"type": "object"}),
        ({"type": "STRING", "nullable": True}, {"type": ["string", "null"]}),
        ({"type": "ARRAY", "minItems": "1"}, {"type": "array", "minItems": 1}),
        ({"type": "STRING", "example": "a"}, {"type": "string", "examples": ["a"]}),
        ({"any_of": [{"type": "NULL"}]}, {"anyOf": [{"type": "null"}]}),
        ({"items": {"type": "NUMBER"}}, {"items": {"type": "number"}}),
        ({"$defs": {"A_b": {"type": "BOOLEAN"}}}, {"$defs": {"A_b": {"type": "boolean"}}}),
        ({"type": "string", "title": None}, {"type": "string"}),
    ],
)
def test_schema_in_googles_words(said, meant):
    assert json_schema(said, "s") == meant


def test_property_ordering_becomes_the_order():
    said = {"properties": {"a_b": {}, "c": {}}, "propertyOrdering": ["c", "x"]}
    assert list(json_schema(said, "s")["properties"]) == ["c", "a_b"]


def test_json_schema_stays_what_it_is():
    schema = {
        "type": "object",
        "properties": {"a_b": {"type": ["string", "null"]}},
        "required": ["a_b"],
        "additionalProperties": False,
    }
    assert json_schema(schema, "s") == schema


def test_bad_schema_is_named():
    with pytest.raises(InvalidRequest) as caught:
        json_schema({"properties": {"a": 5}}, "s")
    assert caught.value.param == "s.properties.a"


def test_schema_has_an_end():
    schema: dict = {}
    for _ in range(100):
        schema = {"items": schema}
    with pytest.raises(InvalidRequest):
        json_schema(schema, "s")

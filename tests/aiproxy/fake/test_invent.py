from __future__ import annotations

from typing import Any

import pytest

from aiproxy.fake.invent import places, value

TREE: dict[str, Any] = {
    "type": "object",
    "properties": {"child": {"$ref": "#/$defs/node"}},
    "$defs": {"node": {"type": "object", "properties": {"child": {"$ref": "#/$defs/node"}}}},
}


@pytest.mark.parametrize(
    ("schema", "text", "expected"),
    [
        ({"const": 7}, "", 7),
        ({"enum": ["red", "green"]}, "make it Green", "green"),
        ({"enum": ["red", "green"]}, "anything", "red"),
        ({"type": "boolean"}, "", True),
        ({"type": "null"}, "", None),
        ({"type": ["null", "integer"]}, "take 5", 5),
        ({"type": "integer", "minimum": 10}, "take 5", 10),
        ({"type": "number", "maximum": 2.5}, "take 5", 2.5),
        ({"type": "integer", "default": 3}, "", 3),
        ({"type": "string", "format": "date"}, "", "2025-01-01"),
        ({"type": "string", "default": "x"}, "“y”", "x"),
        ({"type": "STRING"}, "say 'this'", "this"),
        ({"type": "array", "items": {"type": "integer"}, "minItems": 2}, "4", [4, 4]),
        ({"anyOf": [{"type": "null"}, {"type": "integer"}]}, "9", 9),
        ({"allOf": [{"type": "object"}, {"properties": {"a": {"const": 1}}}]}, "", {"a": 1}),
        ({"properties": {"a": {"const": 1}}}, "", {"a": 1}),
        ({"type": "object"}, "", {}),
        ({}, "", "sandbox"),
        (True, "", None),
        ({"type": "strange"}, "", None),
    ],
)
def test_a_value_fits_its_schema(schema, text, expected):
    assert value(schema, text) == expected


def test_only_what_is_required_is_filled_in():
    schema = {"properties": {"a": {"const": 1}, "b": {"const": 2}}, "required": ["b"]}
    assert value(schema, "") == {"b": 2}


def test_places_go_where_places_belong():
    schema = {"properties": {"city": {"type": "string"}, "query": {"type": "string"}}}
    assert value(schema, "Rain in Rome?") == {"city": "Rome", "query": "Rain in Rome?"}


def test_a_list_of_cities_takes_all_of_them():
    schema = {"properties": {"cities": {"type": "array", "items": {"type": "string"}}}}
    assert value(schema, "From Rome and Oslo") == {"cities": ["Rome", "Oslo"]}


def test_numbers_are_taken_in_order():
    schema = {"properties": {"a": {"type": "integer"}, "b": {"type": "number"}}}
    assert value(schema, "add 3 and 4.5") == {"a": 3, "b": 4.5}


def test_a_schema_that_refers_to_itself_ends():
    assert "child" in value(TREE, "")


@pytest.mark.parametrize("reference", ["#/$defs/none", "#/a/b/c", "elsewhere.json", "#"])
def test_a_reference_that_leads_nowhere_does_no_harm(reference):
    value({"$ref": reference}, "")


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("weather in Paris", ["Paris"]),
        ("weather in New York and São Paulo, please", ["New York", "São Paulo"]),
        ("in Paris, Rome, and Oslo", ["Paris", "Rome", "Oslo"]),
        ("weather in the morning", []),
        ("", []),
    ],
)
def test_places_are_found(text, names):
    assert places(text) == names

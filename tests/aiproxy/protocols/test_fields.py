from __future__ import annotations

import pytest

from aiproxy.protocols.fields import Fields, kind, refuse_destinations
from providers.errors import InvalidRequest


def complaint(call) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        call()
    return caught.value


def test_body_that_is_no_object_is_refused():
    error = complaint(lambda: Fields(["a"]))
    assert error.message == "The body must be an object, not a list."
    assert error.param is None


@pytest.mark.parametrize(
    ("read", "value", "sentence"),
    [
        (lambda f: f.text("x"), 1, "a.x must be a string, not a number."),
        (lambda f: f.number("x"), "1", "a.x must be a number, not a string."),
        (lambda f: f.number("x"), True, "a.x must be a number, not a boolean."),
        (lambda f: f.integer("x"), 1.5, "a.x must be a whole number."),
        (lambda f: f.integer("x", 1), 0, "a.x must be at least 1."),
        (lambda f: f.flag("x"), 1, "a.x must be true or false, not a number."),
        (lambda f: f.mapping("x"), [], "a.x must be an object, not a list."),
        (lambda f: f.items("x"), {}, "a.x must be a list, not an object."),
        (lambda f: f.fields("x"), "", "a.x must be an object, not a string."),
        (lambda f: f.words("x"), 3, "a.x must be a string or a list of strings, not a number."),
        (lambda f: f.word("x", ("b", "c")), "d", "a.x is 'd', but must be one of b, c."),
    ],
)
def test_wrong_value_is_named_with_its_path(read, value, sentence):
    error = complaint(lambda: read(Fields({"x": value}, "a")))
    assert (error.message, error.param) == (sentence, "a.x")


def test_list_names_the_item_at_fault():
    error = complaint(lambda: Fields({"stop": ["a", None]}).words("stop"))
    assert error.message == "stop[1] must be a string, not null."
    error = complaint(lambda: list(Fields({"tools": [{}, 1]}).each("tools")))
    assert error.param == "tools[1]"


def test_needed_member_is_missed():
    assert complaint(lambda: Fields({"x": None}).needed_text("x")).message == "x is missing."


def test_null_counts_as_absent():
    fields = Fields({"a": None, "b": None, "c": None})
    assert (fields.text("a"), fields.integer("b"), fields.words("c")) == (None, None, ())
    assert fields.rest() == {}


def test_whole_float_is_an_integer():
    assert Fields({"n": 100.0}).integer("n") == 100


def test_rest_is_what_nobody_read():
    fields = Fields({"a": "1", "b": 2, "c": None})
    assert fields.text("a") == "1"
    assert fields.rest() == {"b": 2}


def test_whole_is_untouched_by_reading():
    fields = Fields({"a": "1"})
    fields.take("a")
    assert fields.whole == {"a": "1"}


@pytest.mark.parametrize(
    ("value", "word"),
    [
        (None, "null"),
        (False, "a boolean"),
        (1.0, "a number"),
        ("", "a string"),
        ([], "a list"),
        ({}, "an object"),
    ],
)
def test_kind_speaks_of_json(value, word):
    assert kind(value) == word


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"api_base": "https://evil.test"}, "api_base"),
        ({"base_url": "https://evil.test"}, "base_url"),
        ({"baseUrl": "https://evil.test"}, "baseUrl"),
        ({"api_key": "k"}, "api_key"),
        ({"endpoint": "https://evil.test"}, "endpoint"),
        ({"custom_llm_provider": "openai"}, "custom_llm_provider"),
        ({"options": {"api_base": "x"}}, "options.api_base"),
        ({"extra_body": {"a": [{"b": {"API-Base": "x"}}]}}, "extra_body.a[0].b.API-Base"),
        ({"metadata": {"a": {"base_url": "x"}}}, "metadata.a.base_url"),
        ({"extra_body": {"tools": [{"api_base": "x"}]}}, "extra_body.tools[0].api_base"),
    ],
)
def test_destination_in_the_body_is_refused_at_any_depth(body, path):
    error = complaint(lambda: refuse_destinations(body))
    assert error.param == path
    assert "X-Integration-Id" in error.message


def test_error_does_not_repeat_a_long_name_or_value():
    long = "x" * 10_000
    error = complaint(lambda: refuse_destinations({long: {"api_base": "y"}}))
    assert len(error.message) < 1000
    error = complaint(lambda: Fields({"role": long}).word("role", ("a",)))
    assert len(error.message) < 1000


def test_words_and_schemas_may_use_any_name():
    schema = {"type": "object", "properties": {"endpoint": {"type": "string"}}}
    refuse_destinations(
        {
            "messages": [{"role": "user", "content": "x", "base_url": "y"}],
            "tools": [{"function": {"parameters": schema}}],
            "response_format": {"json_schema": {"schema": schema}},
            "options": {"tools": [{"parameters": schema}]},
        }
    )


def test_body_of_another_type_is_left_to_the_reader():
    refuse_destinations(["api_base"])

import pytest

from providers.adapters import reading
from providers.adapters.reading import PartNumbers
from providers.errors import ServerError
from providers.wire import WireReply


@pytest.mark.parametrize("value", [None, [], "x", 1, True])
def test_what_is_no_object_is_an_empty_one(value):
    assert reading.as_dict(value) == {}


@pytest.mark.parametrize("value", [None, {}, "x", 1])
def test_what_is_no_array_is_an_empty_one(value):
    assert reading.as_list(value) == []


@pytest.mark.parametrize("value", [None, {}, 1, True, ["x"]])
def test_what_is_no_text_is_the_empty_one(value):
    assert reading.as_str(value) == ""


@pytest.mark.parametrize(
    ("value", "number"),
    [(3, 3), (3.0, 3), (0, 0), (-1, 0), (1.5, 0), ("3", 0), (True, 0), (None, 0), (1e300, 0)],
)
def test_count_is_a_whole_number_that_is_not_negative(value, number):
    assert reading.as_int(value) == number


def test_nan_is_no_count():
    assert reading.as_int(float("nan")) == 0


def test_first_number_that_counts_something_wins():
    assert reading.first_int(None, 0, "x", 5, 6) == 5


def test_names_are_read_from_lists_and_tuples_only():
    assert reading.as_names(["a", 1, "b"]) == ("a", "b")
    assert reading.as_names(("a",)) == ("a",)
    assert reading.as_names("abc") == ()


@pytest.mark.parametrize(
    "text", ["", "{", "<html>", b"\xff\xfe", "[" * 200_000, "[NaN," * 200_000, "{'a': 1}"]
)
def test_what_is_no_json_is_a_value_error(text):
    with pytest.raises(ValueError):
        reading.decode(text)


def test_nan_becomes_null():
    assert reading.decode('{"a": [NaN, -Infinity, 1.5]}') == {"a": [None, None, 1.5]}


def test_half_a_surrogate_pair_becomes_a_replacement_character():
    assert reading.decode(r'{"a\ud83d": "x\ud83d"}') == {"a\ufffd": "x\ufffd"}


@pytest.mark.parametrize("body", [b"", b"[]", b"<html>"])
def test_reply_without_an_object_is_a_server_error(body):
    with pytest.raises(ServerError) as caught:
        reading.reply_dict(WireReply(200, {}, body))
    assert caught.value.upstream_status == 200


def test_arguments_become_text_and_come_back():
    assert reading.arguments_text({"a": "ä"}) == '{"a":"ä"}'
    assert reading.arguments_text('{"cut') == '{"cut'
    assert reading.arguments_text(None) == "{}"
    assert reading.arguments_dict('{"a":1}') == {"a": 1}
    assert reading.arguments_dict('{"cut') == reading.arguments_dict("[1]") == {}


def test_made_up_ids_are_the_same_for_the_same_facts():
    assert reading.made_up_id("a", 1) == reading.made_up_id("a", 1)
    assert reading.made_up_id("a", 1) != reading.made_up_id("a", 2)


def test_part_number_changes_with_the_kind():
    parts = PartNumbers()
    kinds = ["reasoning", "reasoning", "text", "reasoning"]
    assert [parts.number(kind) for kind in kinds] == [0, 0, 1, 2]


def test_part_with_a_key_is_found_again():
    parts = PartNumbers()
    asked = [("call", 0), ("call", 1), ("call", 0), ("text", None), ("call", 1)]
    assert [parts.number(kind, key=key) for kind, key in asked] == [0, 1, 0, 2, 1]


def test_text_after_a_keyed_part_is_a_new_part():
    parts = PartNumbers()
    assert [parts.number("text"), parts.number("call", key=0), parts.number("text")] == [0, 1, 2]


def test_each_choice_counts_on_its_own():
    parts = PartNumbers()
    assert [parts.number("text", 0), parts.number("text", 1), parts.number("call", 1, 0)] == [
        0,
        0,
        1,
    ]


def test_new_part_is_never_continued():
    parts = PartNumbers()
    assert [parts.new("image"), parts.new("image"), parts.number("image")] == [0, 1, 2]

"""What a mapping may hold, and how its mistakes are told."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.adapters.custom_mapping import MAX_BYTES, BadMapping, CustomMapping, read
from providers.registry import catalogue
from tests.providers.adapters.custom_mappings import MAPPING, changed, streaming


def problems(mapping):
    with pytest.raises(BadMapping) as caught:
        read(mapping)
    return caught.value.problems


def nested(levels):
    value: object = "x"
    for _ in range(levels):
        value = {"x": value}
    return value


def test_good_mapping_is_read():
    mapping = read(MAPPING)
    assert mapping.uses == {"model", "messages", "temperature", "max_tokens", "stream"}
    assert streaming().path == "/v2/say"


def test_example_of_the_catalogue_is_good():
    assert read(catalogue()["custom"].quirks["mapping"]).stream


@pytest.mark.parametrize(
    ("path", "value", "key", "reason"),
    [
        ("path", None, "path", "is needed"),
        ("path", "v2/say", "path", "begin with a slash"),
        ("path", "/v2/{{7*7}}", "path", "address"),
        ("path", "/a/../b", "path", r"\. or \.\."),
        ("path", "/a?x=1#y", "path", "address"),
        ("path", "/a b", "path", "address"),
        ("paths", "/a", "paths", "no such key"),
        ("request", [], "request", "JSON object"),
        ("request", {"$": "messages"}, "request", "JSON object"),
        ("request", {"a": 1}, "request", "no conversation"),
        ("request", {"s": {"$": "system"}}, "request", "no conversation"),
        ("request.settings.heat", {"$": "heat"}, "request.settings.heat", "no placeholder 'heat'"),
        ("request.settings.heat", {"$": 7}, "request.settings.heat", "no placeholder"),
        ("request.engine", {"$": "model", "defualt": 1}, "request.engine.defualt", "no such key"),
        ("request.list", [1, {"$": "x"}], "request.list.1", "no placeholder"),
        ("request.turns.shape", "gemini", "request.turns.shape", "plain"),
        ("request.turns.shape", "openai", "request.turns.shape", "leave role"),
        ("request.turns.role", 1, "request.turns.role", "text"),
        ("request.turns.content", "who", "request.turns.content", "another name"),
        ("request.turns.roles", {"robot": "x"}, "request.turns.roles.robot", "no such key"),
        ("request.turns.roles", {"user": 1}, "request.turns.roles.user", "text"),
        ("answer", None, "answer", "is needed"),
        ("answer.text", None, "answer.text", "is needed"),
        ("answer.text", "out", "answer.text", "begin with a slash"),
        ("answer.text", 5, "answer.text", "path as a text"),
        ("answer.txt", "/a", "answer.txt", "no such key"),
        ("answer.finish_words", {"END": "over"}, "answer.finish_words.END", "one of stop"),
        ("answer.finish_words", [], "answer.finish_words", "JSON object"),
        ("answer.usage.inputs", "/a", "answer.usage.inputs", "input, output"),
        ("answer.tools", {"calls": "/a"}, "answer.tools.name", "is needed"),
        ("stream.framing", "xml", "stream.framing", "sse"),
        ("stream.end", None, "stream.end", "is needed"),
        ("stream.end", {}, "stream.end", "exactly one"),
        ("stream.end", {"data": "x", "body": True}, "stream.end", "exactly one"),
        ("stream.end", {"data": " "}, "stream.end.data", "text"),
        ("stream.end", {"body": False}, "stream.end.body", "true"),
        ("stream.end", {"path": "x"}, "stream.end.path", "begin with a slash"),
        ("stream.text", None, "stream.text", "is needed"),
        ("stream.path", "x", "stream.path", "begin with a slash"),
    ],
)
def test_mistake_is_told_by_its_key(path, value, key, reason):
    found = problems(changed(path, value))
    assert key in found
    assert found[key].startswith(f"{key}: ")
    assert re.search(reason, found[key])


def test_all_mistakes_are_told_at_once():
    mapping = {"path": "x", "request": {"a": {"$": "b"}}, "answer": {}, "stream": {}}
    assert problems(mapping).keys() == {
        "path",
        "request.a",
        "answer.text",
        "stream.framing",
        "stream.text",
        "stream.end",
    }


@pytest.mark.parametrize("value", [None, [], "x", 7, {}])
def test_what_is_no_mapping_is_refused(value):
    assert problems(value)


def test_size_depth_and_number_of_values_have_limits():
    assert "longer" in problems(changed("request.x", "y" * MAX_BYTES))["mapping"]
    assert "deeper" in problems(changed("request.x", nested(20)))["mapping"]
    assert "deeper" in problems(changed("request.x", nested(900)))["mapping"]
    assert "values" in problems(changed("request.x", [0] * 600))["request"]


def test_half_a_character_is_refused():
    assert "JSON" in problems(changed("request.x", "\ud800"))["mapping"]


def test_stream_is_as_the_answer_where_it_says_nothing_else():
    answer = streaming().answer
    assert answer.text.text == "/bit"
    assert answer.error
    assert answer.error.key == "answer.error"
    assert answer.usage.keys() == {"input", "output"}
    assert answer.reasoning is None


def test_stream_can_leave_out_what_the_answer_has():
    mapping = changed("stream", {**MAPPING["stream"], "finish": None, "usage": {"output": "/n"}})
    assert streaming(mapping).answer.finish is None
    assert streaming(mapping).answer.usage.keys() == {"output"}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner),
    max_leaves=20,
)
PLACES = [
    "path",
    "request",
    "request.settings.heat",
    "answer",
    "answer.text",
    "stream",
    "stream.end",
]


@given(st.sampled_from(PLACES), JSON)
def test_nothing_crashes_the_reader(place, value):
    found: CustomMapping | BadMapping
    try:
        found = read(changed(place, value))
    except BadMapping as error:
        found = error
    assert isinstance(found, CustomMapping) or found.problems

import pytest

from providers.adapters.custom_paths import MAX_HITS, BadPath, parse

VALUE = {
    "a": [{"b": "one"}, {"b": "two"}, {"b": None}],
    "c/d": {"~": 1.0},
    "n": None,
    "*": "star",
    "no": False,
}


@pytest.mark.parametrize(
    ("path", "hits"),
    [
        ("/a/0/b", ["one"]),
        ("/a/-1", [{"b": None}]),
        ("/a/*/b", ["one", "two"]),
        ("/a/3/b", []),
        ("/a/01", []),
        ("/a/b", []),
        ("/c~1d/~0", [1.0]),
        ("/n", []),
        ("/n/x", []),
        ("/*", ["star"]),
        ("/", [VALUE]),
    ],
)
def test_path_leads_to_what_stands_there(path, hits):
    assert parse(path).hits(VALUE) == hits


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("", "begin with a slash"),
        ("a/b", "begin with a slash"),
        ("$.a", "begin with a slash"),
        ("/~2", "~"),
        ("/a\n", "control character"),
        ("/a" * 17, "steps"),
        ("/*/*/*", "stars"),
        ("/" + "a" * 300, "characters"),
    ],
)
def test_bad_path_says_why(path, reason):
    with pytest.raises(BadPath, match=reason):
        parse(path)


def test_texts_of_several_hits_are_joined():
    assert parse("/a/*/b").text_in(VALUE) == "onetwo"


def test_number_is_no_text_and_text_no_number():
    assert parse("/c~1d/~0").text_in(VALUE) is None
    assert parse("/c~1d/~0").count_in(VALUE) == 1
    assert parse("/a/0/b").count_in(VALUE) is None


@pytest.mark.parametrize("value", [None, False, 0, "", [], {}])
def test_nothing_is_not_set(value):
    assert not parse("/x").is_set_in({"x": value})
    assert parse("/x").is_set_in({"x": "no"})


def test_hits_have_a_limit():
    assert len(parse("/*/*").hits([[0] * 1000] * 1000)) == MAX_HITS

from __future__ import annotations

import pytest

from providers.errors import ServerError
from providers.framing.json_objects import ObjectSplitter

ARRAY = b'[{"a": "}{\\"[\\\\", "b": [{"c": {}}]}\n,\r\n{"d": "\xc3\xa9\\u0041"} , {}]'
OBJECTS = ['{"a": "}{\\"[\\\\", "b": [{"c": {}}]}', '{"d": "é\\u0041"}', "{}"]


def split(data, size, limit=1000):
    splitter = ObjectSplitter(limit)
    pieces = [data[i : i + size] for i in range(0, len(data), size)]
    return [text for piece in pieces for text in splitter.feed(piece)] + list(splitter.close())


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_objects_of_an_array_however_it_is_cut(size):
    assert split(ARRAY, size) == OBJECTS


def test_objects_one_after_the_other():
    assert split(b'{"a":1}{"b":2}\n{"c":3}', 4) == ['{"a":1}', '{"b":2}', '{"c":3}']


def test_half_an_object_comes_at_the_end():
    assert split(b'[{"a":1},{"b', 5) == ['{"a":1}', '{"b']


def test_nothing_gives_nothing():
    assert split(b"", 1) == []
    assert split(b"[]  ]}", 1) == []


def test_object_beyond_the_limit_is_refused():
    with pytest.raises(ServerError):
        split(b'[{"a":"' + b"x" * 2000, 100)


def test_many_small_objects_are_within_the_limit():
    assert len(split(b'{"a":1},' * 1000, 64)) == 1000

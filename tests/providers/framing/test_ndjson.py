import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.errors import ServerError
from providers.framing.ndjson import NDJSONSplitter


def split(*pieces, limit=1 << 20):
    splitter = NDJSONSplitter(limit)
    texts = [text for piece in pieces for text in splitter.feed(piece)]
    return [*texts, *splitter.close()]


def test_each_line_is_a_text():
    assert split(b'{"a":1}\n{"b":2}\r\n') == ['{"a":1}', '{"b":2}']


def test_blank_lines_are_left_out():
    assert split(b"\n  \n1\n\n") == ["1"]


def test_last_text_without_a_line_end_is_given_at_close():
    assert split(b"1\n2") == ["1", "2"]


def test_line_beyond_the_limit_is_an_error():
    with pytest.raises(ServerError):
        split(b"1234567", limit=5)


@given(st.binary(max_size=200), st.integers(1, 5))
def test_any_cut_of_the_same_bytes_gives_the_same_texts(body, step):
    pieces = [body[i : i + step] for i in range(0, len(body), step)]
    assert split(*pieces) == split(body)

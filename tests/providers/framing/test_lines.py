import pytest

from providers.errors import ServerError
from providers.framing.lines import LineSplitter


def split(*pieces, limit=1 << 20):
    splitter = LineSplitter(limit)
    lines = [line for piece in pieces for line in splitter.feed(piece)]
    return [*lines, *splitter.close()]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_every_line_end_ends_a_line(end):
    assert split(b"one" + end + b"two" + end) == ["one", "two"]


def test_cr_and_lf_in_two_pieces_are_one_line_end():
    assert split(b"one\r", b"\ntwo\n") == ["one", "two"]


def test_empty_piece_between_cr_and_lf_changes_nothing():
    assert split(b"one\r", b"", b"\ntwo\n") == ["one", "two"]


def test_character_cut_in_two_stays_whole():
    data = "ä€😀\n".encode()
    assert split(*(data[i : i + 1] for i in range(len(data)))) == ["ä€😀"]


def test_bytes_that_are_no_utf8_become_replacement_characters():
    assert split(b"a\xffb\n") == ["a\ufffdb"]


def test_byte_order_mark_is_left_out_at_the_start_only():
    assert split(b"\xef\xbb", b"\xbfone\n\xef\xbb\xbftwo\n") == ["one", "\ufefftwo"]


def test_last_line_without_an_end_is_given_at_close():
    assert split(b"one\ntw", b"o") == ["one", "two"]


@pytest.mark.parametrize("pieces", [[b"x" * 11 + b"\n"], [b"x" * 6, b"x" * 5]])
def test_line_beyond_the_limit_is_an_error(pieces):
    with pytest.raises(ServerError):
        split(*pieces, limit=10)


def test_lines_before_one_that_is_too_long_are_given():
    lines = LineSplitter(10).feed(b"good\n" + b"x" * 11)
    assert next(lines) == "good"
    with pytest.raises(ServerError):
        next(lines)

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.errors import ServerError
from providers.framing.sse import Frame, SSESplitter


def split(*pieces, limit=1 << 20):
    splitter = SSESplitter(limit)
    frames = [frame for piece in pieces for frame in splitter.feed(piece)]
    return [*frames, *splitter.close()]


def test_data_and_blank_line_make_a_frame_without_a_name():
    assert split(b'data: {"a":1}\n\n') == [Frame("", '{"a":1}')]


def test_event_names_a_frame_and_only_that_one():
    assert split(b"event: ping\ndata: 1\n\ndata: 2\n\n") == [Frame("ping", "1"), Frame("", "2")]


def test_lines_of_data_are_joined():
    assert split(b"data: one\ndata:two\ndata\n\n") == [Frame("", "one\ntwo\n")]


def test_only_one_space_after_the_colon_is_left_out():
    assert split(b"data:  x\n\n") == [Frame("", " x")]


@pytest.mark.parametrize("line", [b": OPENROUTER PROCESSING", b":", b"id: 7", b"retry: 100"])
def test_comments_ids_and_retries_say_nothing(line):
    assert split(line + b"\n\ndata: x\n" + line + b"\n\n") == [Frame("", "x")]


def test_event_without_data_is_no_frame():
    assert split(b"event: ping\n\n") == []


def test_unknown_field_is_shown_as_a_frame_of_its_own():
    # GPUStack (llama-box) ends a broken stream so; the standard would have it dropped.
    assert split(b'error: {"message":"x"}\n\n') == [Frame("error", '{"message":"x"}')]


def test_last_frame_without_a_blank_line_is_given_at_close():
    assert split(b"data: 1\n\ndata: 2") == [Frame("", "1"), Frame("", "2")]


@pytest.mark.parametrize("text", ['{"error": {"message": "no"}}', "<html>", "Bad gateway: x"])
def test_lines_that_are_no_sse_are_kept_aside(text):
    splitter = SSESplitter()
    assert [*splitter.feed(text.encode()), *splitter.close()] == []
    assert splitter.stray == text + "\n"


def test_stray_text_does_not_grow_without_end():
    splitter = SSESplitter()
    for _ in range(200):
        list(splitter.feed(b"<" + b"x" * 1000 + b"\n"))
    assert len(splitter.stray) < 70_000


def test_frame_of_too_many_lines_is_an_error():
    with pytest.raises(ServerError):
        split(b"data: 12345\n" * 3, limit=14)


PIECE = st.sampled_from(
    ["data: ", "data", "event: e", "error: x", ": c", "\n", "\r", "\r\n", "ä", "😀", "{}", "\ufeff"]
)


@given(st.lists(PIECE).map("".join), st.data())
def test_any_cut_of_the_same_bytes_gives_the_same_frames(text, data):
    body = text.encode()
    places = st.lists(st.integers(0, len(body))).map(sorted)
    cuts = [0, *data.draw(places), len(body)]
    pieces = [body[a:b] for a, b in pairwise(cuts)]
    assert split(*pieces) == split(body)


@given(st.binary(max_size=200), st.integers(1, 5))
def test_garbage_is_cut_without_an_exception(body, step):
    pieces = [body[i : i + step] for i in range(0, len(body), step)]
    assert split(*pieces) == split(body)


NAME = st.text("abcdefgh_-.", max_size=8)
DATA = st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), max_size=30)


@given(st.lists(st.tuples(NAME, st.lists(DATA, min_size=1))), st.sampled_from(["\n", "\r\n", "\r"]))
def test_what_a_server_writes_is_what_is_read(events, end):
    lines = []
    for name, data in events:
        lines += [f"event: {name}"] if name else []
        lines += [f"data: {line}" for line in data] + [""]
    body = "".join(line + end for line in lines).encode()
    assert split(body) == [Frame(name, "\n".join(data)) for name, data in events]

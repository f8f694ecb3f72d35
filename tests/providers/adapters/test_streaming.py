import pytest

from providers.adapters.streaming import EventStream, cut
from providers.errors import InvalidRequest, ServerError, StreamCut
from providers.events import Ended, Failed, TextDelta
from providers.framing.ndjson import NDJSONSplitter


class Stream(EventStream[str]):
    """Lines of JSON: a text, an end, or an error."""

    def __init__(self):
        super().__init__(NDJSONSplitter(100))

    def read(self, frame):
        value = self.decode(frame)
        if "text" in value:
            yield TextDelta(0, value["text"])
        if "error" in value:
            raise InvalidRequest("no")
        if "end" in value:
            yield Ended()

    def finish(self):
        return [Failed(cut())]


def run(*pieces):
    stream = Stream()
    return [event for piece in pieces for event in stream.feed(piece)] + stream.close()


def test_nothing_follows_the_end():
    assert run(b'{"text":"a"}\n{"end":1}\n{"text":"b"}\n', b"nonsense\n") == [
        TextDelta(0, "a"),
        Ended(),
    ]


def test_error_in_a_frame_ends_the_stream_after_what_came_before():
    text, failed = run(b'{"text":"a"}\n{"text":"b","error":1}\n{"end":1}\n')[::2]
    assert text == TextDelta(0, "a")
    assert isinstance(failed, Failed)
    assert isinstance(failed.error, InvalidRequest)


def test_body_without_its_end_is_cut():
    (failed,) = run(b"")
    assert isinstance(failed, Failed)
    assert isinstance(failed.error, StreamCut)


def test_half_a_frame_at_the_end_is_a_cut():
    assert isinstance(run(b'{"text":"a')[-1].error, StreamCut)


@pytest.mark.parametrize("line", [b"<html>\n", b"[1]\n", b'{"text":"a\n'])
def test_frame_that_cannot_be_read_is_nonsense(line):
    error = run(line)[-1].error
    assert isinstance(error, ServerError)
    assert line.decode().strip() in (error.detail or "")
    assert line.decode().strip() not in error.message


def test_line_beyond_the_limit_fails_after_what_came_before():
    events = run(b'{"text":"a"}\n' + b"x" * 101)
    assert events[0] == TextDelta(0, "a")
    assert isinstance(events[-1], Failed)
    assert not isinstance(events[-1].error, StreamCut)


def test_closing_twice_gives_nothing_more():
    stream = Stream()
    assert len(stream.close()) == 1
    assert stream.close() == []
    assert stream.feed(b'{"end":1}\n') == []

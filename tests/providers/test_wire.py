import pytest

from providers.wire import Change, WireReply, WireRequest


def test_body_becomes_bytes():
    assert (
        WireRequest("POST", "/x", {"a": "ä", "b": (1, 2)}).content()
        == '{"a":"ä","b":[1,2]}'.encode()
    )


def test_request_without_a_body_has_no_bytes():
    assert WireRequest("GET", "/x").content() is None


def test_raw_bytes_stand_in_place_of_a_body():
    assert WireRequest("POST", "/x", raw=b"\x00form").content() == b"\x00form"
    assert WireRequest("GET", "/x", raw=b"").content() is None


def test_reply_is_read_as_json():
    assert WireReply(200, {}, b'{"a":1}').json() == {"a": 1}
    with pytest.raises(ValueError):
        WireReply(200, {}, b"<html>").json()


def test_change_is_a_line_of_words():
    assert str(Change("dropped", "seed", "not known")) == "dropped seed: not known"

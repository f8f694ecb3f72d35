from __future__ import annotations

import pytest

from aiproxy.protocols import content
from providers.chat import File, Image, Message, Opaque, Text, ToolResult
from providers.errors import InvalidRequest


def test_data_url_becomes_inline_picture():
    assert content.image("data:IMAGE/png;base64,QUJD", "p") == Image("image/png", "QUJD")


def test_parameters_of_a_data_url_are_skipped():
    media_type, data = content.split_data_url("data:text/plain;charset=utf-8;base64,QUJD", "p")
    assert (media_type, data) == ("text/plain", "QUJD")


@pytest.mark.parametrize("url", ["https://a.test/x.png", "http://a.test/x", "gs://b/x", "s3://b/x"])
def test_address_is_left_to_the_provider(url):
    assert content.image(url, "p", "low") == Image(url=url, detail="low")


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "x.png", "", "data:image/png,abc", "data:image/png;base64,"]
)
def test_other_addresses_are_refused(url):
    with pytest.raises(InvalidRequest) as caught:
        content.image(url, "messages[0].content[1].image_url.url")
    assert caught.value.param == "messages[0].content[1].image_url.url"


@pytest.mark.parametrize(
    ("text", "media_type"),
    [
        ("iVBORw0KGgoAAAA", "image/png"),
        ("/9j/4AAQ", "image/jpeg"),
        ("R0lGODlh", "image/gif"),
        ("UklGRiQA", "image/webp"),
    ],
)
def test_bare_base64_tells_its_format(text, media_type):
    assert content.bare_image(text, "p") == Image(media_type, text)


def test_bare_picture_may_be_an_address():
    assert content.bare_image("https://a.test/x", "p") == Image(url="https://a.test/x")


def test_bare_text_is_no_picture():
    with pytest.raises(InvalidRequest):
        content.bare_image("hello", "images[0]")


def test_file_keeps_its_name():
    assert content.file("data:application/pdf;base64,QUJD", "p", "a.pdf") == File(
        "application/pdf", "QUJD", name="a.pdf"
    )
    assert content.file("https://a.test/a.pdf", "p") == File(url="https://a.test/a.pdf")


def test_user_turn_keeps_results_apart_and_in_order():
    result, words = ToolResult("1", (Text("r"),)), Text("and?")
    assert content.user_turn((result, words)) == [
        Message("tool", (result,)),
        Message("user", (words,)),
    ]


def test_result_holds_words_and_media_only():
    assert content.of_result((Text("a"), Image(url="https://a.test")), "c") == (
        Text("a"),
        Image(url="https://a.test"),
    )
    with pytest.raises(InvalidRequest) as caught:
        content.of_result((Text("a"), Opaque("x")), "messages[1].content")
    assert caught.value.param == "messages[1].content[1]"


def test_state_is_an_object_of_objects():
    assert content.checked_state({"gemini": {"thoughtSignature": "s"}}, "p")
    assert content.checked_state(None, "p") == {}
    for bad in ("x", {"gemini": "x"}):
        with pytest.raises(InvalidRequest):
            content.checked_state(bad, "state")

import pytest

from aiproxy.cors import policy

ORIGIN = "https://good.example"
STRANGERS = [
    "null",
    "https://evil",
    "https://good.example.evil",
    "https://evil.good.example",
    "http://good.example",
    "https://good.example:444",
    "https://Good.example",
    "HTTPS://good.example",
    "https://good.example.",
    "https://good.example/",
    " https://good.example",
    "https://good.example, https://evil",
    "*",
    "",
]


@pytest.mark.parametrize("origin", STRANGERS)
def test_only_the_very_origin_is_let_in(origin):
    assert policy.answer(origin, {ORIGIN}) == {"vary": "Origin"}
    assert policy.preflight(origin, "authorization", {ORIGIN}) is None


def test_the_origin_itself_is_let_in_by_name_and_without_credentials():
    told = policy.preflight(ORIGIN, "Authorization, x-stainless-os, cookie, x-evil", {ORIGIN})
    assert told == {
        "access-control-allow-origin": ORIGIN,
        "vary": "Origin",
        "access-control-allow-methods": "GET, POST",
        "access-control-allow-headers": "authorization, x-stainless-os",
        "access-control-max-age": "600",
    }


def test_only_what_the_format_is_made_of_goes_to_the_provider():
    sent = {
        b"content-type": b"multipart/form-data; boundary=x",
        b"anthropic-version": b"2023-06-01",
        b"anthropic-beta": b"one,two",
        b"accept": b"caf\xe9",
        b"authorization": b"Bearer aimp_x",
        b"cookie": b"sessionid=1",
        b"x-forwarded-for": b"1.2.3.4",
        b"openai-organization": b"org-other",
        b"connection": b"keep-alive",
    }
    assert policy.to_provider(sent) == {
        "content-type": "multipart/form-data; boundary=x",
        "anthropic-version": "2023-06-01",
        "anthropic-beta": "one,two",
    }


def test_only_known_headers_come_back():
    given = {
        "content-type": "application/json",
        "set-cookie": "a=b",
        "location": "https://evil",
        "access-control-allow-origin": "*",
        "access-control-allow-credentials": "true",
        "clear-site-data": '"*"',
        "strict-transport-security": "max-age=1",
        "link": "<https://evil>; rel=preload",
        "refresh": "0; url=https://evil",
        "content-length": "2",
        "content-disposition": "inline",
        "server": "nginx",
        "retry-after": "2",
        "x-request-id": "theirs",
        "x-ratelimit-remaining-requests": "9",
        "anthropic-ratelimit-tokens-limit": "8",
    }
    assert policy.from_provider(given) == {
        "content-type": "application/json",
        "retry-after": "2",
        "x-provider-request-id": "theirs",
        "x-ratelimit-remaining-requests": "9",
        "anthropic-ratelimit-tokens-limit": "8",
    }


@pytest.mark.parametrize(
    "media",
    [
        "application/json",
        "application/json; charset=utf-8",
        "application/problem+json",
        "text/event-stream",
        "text/event-stream;charset=utf-8",
        "application/x-ndjson",
        "text/plain; charset=utf-8",
        "audio/mpeg",
        "audio/L16;rate=24000;codecs=pcm",
        "image/png",
        "application/vnd.amazon.eventstream",
    ],
)
def test_harmless_types_stay_what_they_are(media):
    assert policy.from_provider({"content-type": media}) == {"content-type": media}


@pytest.mark.parametrize(
    "media",
    [
        "text/html",
        "text/html; charset=utf-8",
        "TEXT/HTML",
        "application/xhtml+xml",
        "image/svg+xml",
        "text/xml",
        "text/javascript",
        "application/pdf",
        "multipart/x-mixed-replace; boundary=x",
        "application/json, text/html",
        "text/plain; charset=utf-8, text/html",
        'text/plain; x="text/html"',
        "nonsense",
    ],
)
def test_what_a_browser_could_run_becomes_a_download(media):
    assert policy.from_provider({"content-type": media}) == {
        "content-type": "application/octet-stream",
        "content-disposition": "attachment",
    }


def test_an_answer_without_a_type_is_mere_bytes():
    assert policy.from_provider({}) == {"content-type": "application/octet-stream"}

"""The expected signatures are AWS's own example and what botocore 1.44.5 (SigV4Auth) makes of the same requests."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from providers import sigv4
from providers.sigv4 import AwsKey, Scope

SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
SESSION = "IQoJb3JpZ2luX2VjEXAMPLE//token=="
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
HOST = "bedrock-runtime.us-east-1.amazonaws.com"
HAIKU = "/model/anthropic.claude-3-haiku-20240307-v1%3A0/converse"
PROFILE = (
    "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3Ainference-profile"
    "%2Fus.amazon.nova-lite-v1%3A0/converse-stream"
)
LONG = AwsKey("AKIDEXAMPLE", SECRET)
SHORT = AwsKey("ASIAEXAMPLE", SECRET, SESSION)


def made(key: AwsKey, path: str, now: datetime = NOON) -> dict[str, str]:
    return sigv4.headers(
        key,
        Scope("us-east-1", "bedrock"),
        "POST",
        HOST,
        path,
        b'{"messages":[]}',
        {"content-type": "application/json"},
        now,
    )


def test_example_of_the_documentation():
    found = sigv4.headers(
        LONG,
        Scope("us-east-1", "iam"),
        "GET",
        "iam.amazonaws.com",
        "/?Action=ListUsers&Version=2010-05-08",
        b"",
        {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"},
        datetime(2015, 8, 30, 12, 36, tzinfo=UTC),
    )
    assert found == {
        "x-amz-date": "20150830T123600Z",
        "authorization": "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, "
        "SignedHeaders=content-type;host;x-amz-date, "
        "Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7",
    }


@pytest.mark.parametrize(
    ("key", "path", "signature"),
    [
        (LONG, HAIKU, "0cc1b477b10ac6fac351a36855f6aabc108aa126d883d051727c4ac7c4ff524a"),
        (LONG, PROFILE, "64c5c50fab358933fd8454d78895739257d6067c236afc3d9656b04117911a12"),
        (
            LONG,
            "/a?b=1&a=x%20y",
            "987ec0f7bf339508028d9c4c864c96860ee595beaf97d4127cf4fc5cdbf7cace",
        ),
        (SHORT, HAIKU, "b74b212cca39e65c6e883502091961e53705602177011674dd3d108c051e88e9"),
        (SHORT, PROFILE, "fd16995637713f7cc97f4fd78ab09f1851834b673a4ba171f6d62f40ee493c2e"),
    ],
)
def test_same_signature_as_botocore(key, path, signature):
    assert made(key, path)["authorization"].endswith(f"Signature={signature}")


def test_session_token_is_sent_and_signed():
    found = made(SHORT, HAIKU)
    assert found["x-amz-security-token"] == SESSION
    assert (
        "SignedHeaders=content-type;host;x-amz-date;x-amz-security-token," in found["authorization"]
    )


def test_time_counts_in_utc_wherever_it_was_read():
    elsewhere = NOON.astimezone(timezone(timedelta(hours=-8)))
    assert made(LONG, HAIKU, elsewhere) == made(LONG, HAIKU)


def test_key_is_read_from_its_text():
    assert AwsKey.parse(f"AKIDEXAMPLE:{SECRET}") == LONG
    assert AwsKey.parse(f"ASIAEXAMPLE:{SECRET}:{SESSION}") == SHORT


@pytest.mark.parametrize("text", ["", "AKID", "AKID:", ":secret", "a:b:", "a:b:c:d"])
def test_text_that_is_no_key_is_none(text):
    assert AwsKey.parse(text) is None


def test_showing_a_key_shows_no_secret():
    assert SECRET not in repr(SHORT)
    assert SESSION not in repr(SHORT)

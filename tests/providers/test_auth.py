from datetime import UTC, datetime

import pytest

from providers.auth import sign
from providers.catalogue.spec import Auth
from providers.endpoint import parse_endpoint
from providers.errors import AuthFailed, InvalidRequest
from providers.wire import WireRequest

REQUEST = WireRequest("POST", "/chat?x=1", {"a": 1}, {"accept": "text/event-stream"})


def way(**facts):
    return Auth(**{"id": "key", "type": "api_key", "label": "Key", **facts})


def test_bearer_goes_into_the_header():
    signed = sign(REQUEST, way(prefix="Bearer "), "sk-1")
    assert signed.headers == {"accept": "text/event-stream", "Authorization": "Bearer sk-1"}
    assert signed.body == REQUEST.body


def test_bare_key_goes_into_its_own_header():
    assert sign(REQUEST, way(name="x-api-key"), "sk-1").headers["x-api-key"] == "sk-1"


def test_secret_wins_over_a_header_of_the_same_name():
    signed = sign(REQUEST, way(prefix="Bearer "), "sk-1", {"authorization": "Bearer other"})
    assert [n for n in signed.headers if n.lower() == "authorization"] == ["Authorization"]
    assert signed.headers["Authorization"] == "Bearer sk-1"


def test_integrations_headers_lie_underneath():
    signed = sign(REQUEST, way(headers={"x-kind": "pat"}), "sk-1", {"x-own": "1", "accept": "x"})
    assert signed.headers["x-own"] == "1"
    assert signed.headers["accept"] == "text/event-stream"
    assert signed.headers["x-kind"] == "pat"


@pytest.mark.parametrize(
    ("path", "signed"), [("/m", "/m?key=a%2Fb"), ("/m?x=1", "/m?x=1&key=a%2Fb")]
)
def test_key_in_the_query_is_quoted(path, signed):
    request = WireRequest("GET", path)
    assert sign(request, way(place="query", name="key"), "a/b").path == signed


@pytest.mark.parametrize("place", ["header", "query", "none"])
def test_without_a_secret_nothing_is_added(place):
    signed = sign(REQUEST, way(place=place, prefix="Bearer "), "")
    assert signed.path == REQUEST.path
    assert signed.headers == REQUEST.headers


def test_way_without_a_place_sends_no_secret():
    assert "sk-1" not in str(sign(REQUEST, way(place="none"), "sk-1"))


# --- signatures ---

AWS = Auth(id="sigv4", type="aws_sigv4", label="Access key", place="signature")
AWS_KEY = "AKIDEXAMPLE:wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
AT = parse_endpoint("https://bedrock-runtime.us-east-1.amazonaws.com")
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
CONVERSE = WireRequest(
    "POST", "/model/anthropic.claude-3-haiku-20240307-v1%3A0/converse", {"messages": []}
)


def test_signature_is_made_for_the_region_of_the_address():
    signed = sign(CONVERSE, AWS, AWS_KEY, endpoint=AT, now=NOON)
    assert signed.headers["authorization"].endswith(
        "Signature=0cc1b477b10ac6fac351a36855f6aabc108aa126d883d051727c4ac7c4ff524a"
    )
    assert signed.headers["x-amz-date"] == "20261120T120000Z"
    assert signed.headers["content-type"] == "application/json"
    assert (signed.path, signed.body) == (CONVERSE.path, CONVERSE.body)


def test_raw_bytes_are_signed_as_what_they_are():
    content = CONVERSE.content()
    same = WireRequest(
        "POST", CONVERSE.path, headers={"Content-Type": "application/json"}, raw=content
    )
    signed = sign(same, AWS, AWS_KEY, endpoint=AT, now=NOON)
    usual = sign(CONVERSE, AWS, AWS_KEY, endpoint=AT, now=NOON)
    assert signed.headers["authorization"] == usual.headers["authorization"]
    other = WireRequest("POST", CONVERSE.path, headers={"content-type": "audio/mpeg"}, raw=content)
    assert (
        sign(other, AWS, AWS_KEY, endpoint=AT, now=NOON).headers["authorization"]
        != usual.headers["authorization"]
    )


def test_signature_replaces_headers_of_the_same_names():
    own = {"Authorization": "Bearer other", "X-Amz-Date": "1", "x-own": "1"}
    signed = sign(CONVERSE, AWS, AWS_KEY, own, endpoint=AT, now=NOON)
    assert sorted(map(str.lower, signed.headers)) == sorted(set(map(str.lower, signed.headers)))
    assert signed.headers["authorization"].startswith("AWS4-HMAC-SHA256 ")
    assert signed.headers["x-own"] == "1"


@pytest.mark.parametrize(
    "host",
    [
        "vpce-1.bedrock-runtime.us-east-1.vpce.amazonaws.com",
        "bedrock-runtime-fips.us-east-1.amazonaws.com",
    ],
)
def test_region_is_found_in_other_addresses_of_aws(host):
    signed = sign(CONVERSE, AWS, AWS_KEY, endpoint=parse_endpoint(f"https://{host}"), now=NOON)
    assert "/us-east-1/bedrock/" in signed.headers["authorization"]


def test_address_without_a_region_cannot_be_signed_for():
    with pytest.raises(InvalidRequest):
        sign(CONVERSE, AWS, AWS_KEY, endpoint=parse_endpoint("https://example.com"), now=NOON)


def test_key_that_is_none_is_refused_without_being_told():
    with pytest.raises(AuthFailed) as caught:
        sign(CONVERSE, AWS, "canary-secret-without-colon", endpoint=AT, now=NOON)
    assert "canary" not in str(caught.value) + repr(caught.value.__dict__)

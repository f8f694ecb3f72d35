import pytest

from providers.auth import sign
from providers.catalogue.spec import Auth
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

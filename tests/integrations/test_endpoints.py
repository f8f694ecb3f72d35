from __future__ import annotations

import pytest

from integrations import endpoints
from providers.catalogue.spec import Auth, Field, ProviderSpec
from providers.endpoint import BadEndpoint, PrivateEndpoints, parse_endpoint

KEY = Auth(id="key", type="api_key", label="API key")


def spec(**values) -> ProviderSpec:
    given = {"id": "x", "name": "X", "description": "", "category": "llm", "auth": (KEY,), **values}
    return ProviderSpec(**given)


AZURE = spec(
    base_url="https://{resource}.openai.example/v1",
    base_url_suffix=".openai.example",
    fields=(Field(name="resource", label="Resource", variable="resource"),),
)


def test_provider_is_called_at_its_own_address():
    assert (
        endpoints.resolve(spec(base_url="https://a.example/v1"), "", {}).url
        == "https://a.example/v1"
    )


def test_given_address_wins():
    found = endpoints.resolve(spec(base_url="https://a.example/v1"), "https://b.example", {})
    assert found.url == "https://b.example"


def test_address_is_needed_where_the_provider_has_none():
    with pytest.raises(BadEndpoint, match="Give the address"):
        endpoints.resolve(spec(), "", {})


def test_unknown_provider_with_an_address_has_an_endpoint():
    assert endpoints.resolve(None, "https://b.example", {}).host == "b.example"


def test_variables_are_filled():
    assert endpoints.resolve(AZURE, "", {"resource": "mine"}).host == "mine.openai.example"


def test_missing_variable_is_named():
    with pytest.raises(BadEndpoint, match="Fill in Resource"):
        endpoints.resolve(AZURE, "", {})


def test_variable_nobody_fills_is_named():
    with pytest.raises(BadEndpoint, match="Fill in region"):
        endpoints.resolve(spec(base_url="https://{region}.a.example"), "", {})


@pytest.mark.parametrize("value", ["evil.example/", "evil.example#", "evil.example:443/x"])
def test_variable_cannot_leave_the_providers_domain(value):
    with pytest.raises(BadEndpoint):
        endpoints.resolve(AZURE, "", {"resource": value})


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("my-resource_1.x", True),
        ("a/b", False),
        ("a@b", False),
        ("a:1", False),
        ("a#", False),
        ("", False),
    ],
)
def test_only_plain_text_fits_an_address(text, fits):
    assert endpoints.fits_address(text) is fits


def test_only_the_built_in_provider_may_use_its_scheme():
    with pytest.raises(BadEndpoint, match="https://"):
        endpoints.resolve(spec(base_url="https://a.example"), "sandbox:local", {})
    assert (
        endpoints.resolve(spec(base_url="sandbox:local", deployment="builtin"), "", {}).scheme
        == "sandbox"
    )


NOTHING = PrivateEndpoints()
LOCAL = PrivateEndpoints.parse("localhost:11434, 127.0.0.1:8080, 169.254.169.254:80, [::1]:1234")


@pytest.mark.parametrize(
    "url",
    [
        "https://api.example.com/v1",
        "https://8.8.8.8",
        "https://api.example.com:8443",
        "sandbox:local",
    ],
)
def test_public_address_is_allowed(url):
    endpoints.refuse_private(parse_endpoint(url), NOTHING)


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost:11434",
        "https://localhost",
        "https://a.localhost",
        "https://127.0.0.1",
        "https://10.0.0.5",
        "https://192.168.1.2:8443",
        "https://[::1]",
        "https://[::ffff:127.0.0.1]",
        "https://[fd00::1]",
        "https://169.254.1.1",
        "https://100.64.0.1",
        "https://0.0.0.0",
    ],
)
def test_private_address_needs_the_operators_leave(url):
    with pytest.raises(BadEndpoint, match="AIM_PRIVATE_ENDPOINTS"):
        endpoints.refuse_private(parse_endpoint(url), NOTHING)


@pytest.mark.parametrize(
    "url", ["http://localhost:11434/v1", "http://127.0.0.1:8080", "http://[::1]:1234"]
)
def test_operator_may_allow_a_private_address(url):
    endpoints.refuse_private(parse_endpoint(url), LOCAL)


@pytest.mark.parametrize(
    "url", ["http://localhost:11435", "http://127.0.0.1:11434", "http://127.0.0.2:8080"]
)
def test_leave_holds_for_that_host_and_port_alone(url):
    with pytest.raises(BadEndpoint):
        endpoints.refuse_private(parse_endpoint(url), LOCAL)


@pytest.mark.parametrize(
    "url", ["http://169.254.169.254", "https://100.100.100.200", "https://[fd00:ec2::254]"]
)
def test_metadata_service_is_refused_even_if_allowed(url):
    with pytest.raises(BadEndpoint, match="metadata"):
        endpoints.refuse_private(parse_endpoint(url), LOCAL)


@pytest.mark.parametrize("url", ["http://api.example.com", "http://8.8.8.8"])
def test_key_is_not_sent_over_plain_http(url):
    with pytest.raises(BadEndpoint, match="https://"):
        endpoints.refuse_private(parse_endpoint(url), NOTHING)

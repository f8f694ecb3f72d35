import ipaddress

import pytest

from providers.endpoint import BadEndpoint, PrivateEndpoints, is_metadata, is_public, parse_endpoint


@pytest.mark.parametrize(
    ("text", "url", "origin"),
    [
        ("https://api.openai.com/v1", "https://api.openai.com/v1", "https://api.openai.com:443"),
        (" https://API.example.com/ ", "https://api.example.com", "https://api.example.com:443"),
        ("https://a.example:443/v1/", "https://a.example/v1", "https://a.example:443"),
        ("https://a.example:8443//v1", "https://a.example:8443/v1", "https://a.example:8443"),
        ("http://localhost:11434", "http://localhost:11434", "http://localhost:11434"),
        ("http://[::1]:1234/v1", "http://[::1]:1234/v1", "http://[::1]:1234"),
        ("http://[::0001]/", "http://[::1]", "http://[::1]:80"),
        ("https://a.example./v1", "https://a.example/v1", "https://a.example:443"),
        ("sandbox:local", "sandbox:local", "sandbox:local"),
    ],
)
def test_address_is_brought_into_one_form(text, url, origin):
    endpoint = parse_endpoint(text)
    assert (endpoint.url, endpoint.origin) == (url, origin)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "api.openai.com/v1",
        "ftp://a.example",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "https://",
        "https://user:pw@a.example",
        "https://a.example@127.0.0.1/",
        "http://127.0.0.1\\@evil.example/",
        "http://a@b@127.0.0.1/",
        "https://evil.example#@10.0.0.1/",
        "https://a.example?x=1",
        "https://a.example/?",
        "https://a.example/#",
        "https://a.example/%2e%2e/x",
        "https://a.example/../x",
        "https://a.example/v1/.",
        "https://a.example:0/",
        "https://a.example:99999/",
        "https://a.example:x/",
        "https://exämple.com",
        "https://①②⑦.0.0.1/",
        "https://a b.example",
        "https://a.example/\r\nHost: evil",
        "https://-a.example",
        "https://a..example",
        "https://[::1",
        "https://[zz::1]",
        "https://{host}/v1",
    ],
)
def test_anything_else_is_refused_in_words(text):
    with pytest.raises(BadEndpoint) as caught:
        parse_endpoint(text)
    assert str(caught.value).endswith(".")


def test_paths_are_joined():
    endpoint = parse_endpoint("https://a.example/v1")
    assert endpoint.join("/models?limit=1") == "https://a.example/v1/models?limit=1"


@pytest.mark.parametrize("text", ["8.8.8.8", "1.1.1.1", "2606:4700::1111", "::ffff:8.8.8.8"])
def test_public_addresses(text):
    assert is_public(ipaddress.ip_address(text))


@pytest.mark.parametrize(
    "text",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "168.63.129.16",
        "::1",
        "::",
        "fe80::1",
        "fc00::1",
        "fec0::1",
        "ff02::1",
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:a9fe:a9fe",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "2001:db8::1",
    ],
)
def test_addresses_that_are_not_public(text):
    assert not is_public(ipaddress.ip_address(text))


METADATA = ["169.254.169.254", "::ffff:169.254.169.254", "100.100.100.200", "fd00:ec2::254"]


@pytest.mark.parametrize("text", METADATA)
def test_metadata_service_is_refused_even_where_its_network_is_allowed(text):
    address = ipaddress.ip_address(text)
    assert is_metadata(address)
    assert not PrivateEndpoints(frozenset({("h", 80)})).permits("h", 80, address)


def test_private_endpoints_are_host_and_port():
    allowed = PrivateEndpoints.parse("localhost:11434, 10.0.0.5:8080,, [::1]:1234")
    assert allowed.allows("localhost", 11434)
    assert allowed.allows("10.0.0.5", 8080)
    assert allowed.allows("::1", 1234)
    assert not allowed.allows("localhost", 80)
    loopback = ipaddress.ip_address("127.0.0.1")
    assert allowed.permits("localhost", 11434, loopback)
    assert not allowed.permits("evil.example", 11434, loopback)
    assert allowed.permits("api.example.com", 443, ipaddress.ip_address("8.8.8.8"))


@pytest.mark.parametrize(
    "text", ["localhost", "localhost:", "localhost:x", "a:0", "a:70000", "a:①", "a b:80"]
)
def test_bad_entry_is_named(text):
    with pytest.raises(BadEndpoint):
        PrivateEndpoints.parse(f"localhost:1, {text}")

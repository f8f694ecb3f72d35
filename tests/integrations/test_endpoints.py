from __future__ import annotations

import pytest
from msgspec.structs import replace

from integrations import endpoints
from integrations.rules import Problems, fields
from providers.catalogue.loader import load_builtin
from providers.catalogue.spec import Auth, ConnectionTest, Field, ProviderSpec
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


@pytest.mark.parametrize("value", ["evil.example", "MINE", "a--", "..", "mine.other"])
def test_variable_is_checked_by_its_pattern_again_when_it_is_used(value):
    field = Field(
        name="resource", label="Resource", variable="resource", pattern="[a-z0-9]+(-[a-z0-9]+)*"
    )
    with pytest.raises(BadEndpoint, match="Resource does not fit"):
        endpoints.resolve(replace(AZURE, fields=(field,)), "", {"resource": value})


def test_host_may_end_in_one_of_several_domains():
    host = Field(name="host", label="Host", variable="host")
    of_two = spec(
        base_url="https://{host}/v1", base_url_suffix=(".a.example", ".b.example"), fields=(host,)
    )
    assert endpoints.resolve(of_two, "", {"host": "me.b.example"}).host == "me.b.example"
    for other in ("evil.example", "a.example", "me.a.example.evil.example"):
        with pytest.raises(BadEndpoint, match=r"must end in \.a\.example or \.b\.example"):
            endpoints.resolve(of_two, "", {"host": other})


# --- The providers of the catalogue whose address has variables ---

TEMPLATES = [one for one in load_builtin() if "{" in one.base_url]
GOOD = {
    "resource": "my-resource",
    "region": "us-east-1",
    "account_id": "0123456789abcdef" * 2,
    "host": "dbc-a1b2c3d4-e5f6.cloud.databricks.com",
    "account": "myorg-account1",
    "project": "my-project-1",
    "location": "europe-west4",
}
HOSTILE = [
    "evil.com#",
    "a/../b",
    "x@y",
    "x?y",
    "evil.com",
    "evil.com/",
    "evil.com:443",
    "..",
    "%2e",
]
HOSTILE += ["a\\b", "a b", "a\nb", "ünicode", "{model}", "x" * 300]


def filled(template, **changed):
    fields = {one.name: one.default or GOOD.get(one.name, "") for one in template.fields}
    return {name: value for name, value in (fields | changed).items() if value}


ATTACKS = [
    pytest.param(template, one.name, value, id=f"{template.id}-{one.name}-{number}")
    for template in TEMPLATES
    for one in template.fields
    if f"{{{one.variable}}}" in template.base_url
    for number, value in enumerate(HOSTILE)
]


def test_some_providers_have_variables_in_their_address():
    found = {template.id for template in TEMPLATES}
    assert found >= {"azure-openai", "bedrock", "cloudflare-workers-ai", "databricks"}
    assert found >= {"snowflake-cortex", "vertex"}


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda template: template.id)
def test_address_of_the_catalogue_is_filled(template):
    found = endpoints.resolve(template, "", filled(template))
    assert found.scheme == "https"
    assert "{" not in found.url


@pytest.mark.parametrize(("template", "name", "value"), ATTACKS)
def test_hostile_value_is_refused_when_it_is_saved(template, name, value):
    problems = Problems()
    fields(template.fields, filled(template, **{name: value}), problems)
    assert f"fields.{name}" in problems.found


@pytest.mark.parametrize(("template", "name", "value"), ATTACKS)
def test_hostile_value_that_got_into_the_database_is_refused_when_it_is_used(template, name, value):
    with pytest.raises(BadEndpoint):
        endpoints.resolve(template, "", filled(template, **{name: value}))


@pytest.mark.parametrize(
    "host",
    [
        "cloud.databricks.com",
        "a.cloud.databricks.com.evil.example",
        "evil.example/.cloud.databricks.com",
        "acloud.databricks.com",
        "a.b.c.azuredatabricks.net",
    ],
)
def test_workspace_is_one_of_databricks(host):
    (template,) = [one for one in TEMPLATES if one.id == "databricks"]
    with pytest.raises(BadEndpoint):
        endpoints.resolve(template, "", {"host": host})


@pytest.mark.parametrize(
    "account", ["myorg-account1", "xy12345.us-east-2.aws", "ab1.west-europe.azure"]
)
def test_account_of_snowflake_may_name_its_region(account):
    (template,) = [one for one in TEMPLATES if one.id == "snowflake-cortex"]
    found = endpoints.resolve(template, "", {"account": account})
    assert found.host == f"{account}.snowflakecomputing.com"


@pytest.mark.parametrize(
    "host", ["adb-1234567890123456.7.azuredatabricks.net", "1234567890123456.7.gcp.databricks.com"]
)
def test_workspace_may_be_in_any_cloud(host):
    (template,) = [one for one in TEMPLATES if one.id == "databricks"]
    assert endpoints.resolve(template, "", {"host": host}).host == host


# --- variables of paths ---

VERSION = Field(
    name="version",
    label="Version",
    variable="version",
    pattern=r"\d{4}",
    paths={"chat": "/{model}/chat?v={version}", "test": "/models?v={version}"},
)
PLACE = Field(
    name="place",
    label="Place",
    variable="place",
    default="all",
    base_urls={"all": "https://api.a.example/v1"},
)
PLACED = spec(
    base_url="https://{place}-api.a.example/v1",
    base_url_suffix=".a.example",
    fields=(PLACE, VERSION),
    paths={"chat": "/places/{place}/{model}", "models": "/models"},
    test=ConnectionTest(path="/places/{place}"),
)


def test_paths_are_filled_but_for_the_model():
    found = endpoints.placed(PLACED, {"place": "eu"})
    assert found.paths == {"chat": "/places/eu/{model}", "models": "/models"}
    assert found.test.path == "/places/eu"


def test_default_stands_for_an_empty_variable():
    assert endpoints.placed(PLACED, {}).test.path == "/places/all"


def test_value_may_have_a_base_url_of_its_own():
    assert endpoints.resolve(PLACED, "", {}).host == "api.a.example"
    assert endpoints.resolve(PLACED, "", {"place": "eu"}).host == "eu-api.a.example"


def test_filled_field_replaces_paths():
    found = endpoints.placed(PLACED, {"version": "2024"})
    assert found.paths == {"chat": "/{model}/chat?v=2024", "models": "/models"}
    assert found.test.path == "/models?v=2024"


@pytest.mark.parametrize("value", ["../x", "a/b", "20 24", "{model}", "a?b=c", "20245"])
def test_hostile_value_does_not_get_into_a_path(value):
    with pytest.raises(BadEndpoint):
        endpoints.placed(PLACED, {"version": value})


def test_provider_without_variables_stays_as_it_is():
    own = spec(paths={"chat": "/{model}/x"})
    assert endpoints.placed(own, {}) is own


@pytest.mark.parametrize(
    ("location", "host"),
    [
        ("", "aiplatform.googleapis.com"),
        ("global", "aiplatform.googleapis.com"),
        ("eu", "aiplatform.eu.rep.googleapis.com"),
        ("europe-west4", "europe-west4-aiplatform.googleapis.com"),
    ],
)
def test_vertex_is_called_where_the_location_is(location, host):
    (vertex,) = [one for one in TEMPLATES if one.id == "vertex"]
    fields = {"project": "acme-project", "location": location}
    assert endpoints.resolve(vertex, "", fields).host == host
    chat = endpoints.placed(vertex, fields).paths["chat"]
    assert chat.startswith(f"/projects/acme-project/locations/{location or 'global'}/")


@pytest.mark.parametrize(
    ("version", "chat"),
    [
        ("", "/v1/chat/completions"),
        ("2024-10-21", "/deployments/{model}/chat/completions?api-version=2024-10-21"),
    ],
)
def test_azure_has_an_api_with_and_one_without_a_version(version, chat):
    (azure,) = [one for one in TEMPLATES if one.id == "azure-openai"]
    found = endpoints.placed(azure, {"resource": "acme", "api_version": version})
    assert found.paths["chat"] == chat
    assert ("api-version" in found.test.path) == bool(version)


@pytest.mark.parametrize("region", ["evil", "us-east-1.evil.example/", "us-east-1@x", "US-EAST-1"])
def test_region_of_bedrock_is_one_of_aws(region):
    (bedrock,) = [one for one in TEMPLATES if one.id == "bedrock"]
    with pytest.raises(BadEndpoint):
        endpoints.resolve(bedrock, "", {"region": region})

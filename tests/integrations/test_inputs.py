"""Against a provider made here, so that no change of the catalogue decides them."""

from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError

from integrations import credentials, inputs
from integrations.inputs import IntegrationInput
from integrations.models import Integration
from providers import registry
from providers.catalogue.spec import Auth, Field, ProviderSpec

KEY = Auth(id="key", type="api_key", label="API key", prefix="Bearer ")
OTHER = Auth(id="other", type="pat", label="Access token", name="x-api-key")
NONE = Auth(id="none", type="none", label="No key", place="none")
OAUTH = Auth(id="oauth", type="oauth", label="Sign in")

HOSTED = ProviderSpec(
    id="hosted",
    name="Hosted",
    description="",
    category="llm",
    adapter="openai",
    base_url="https://api.hosted.example/v1",
    auth=(KEY, OTHER, OAUTH),
    fields=(Field(name="organization", label="Organization", header="X-Organization"),),
)
LOCAL = ProviderSpec(
    id="local",
    name="Local",
    description="",
    category="local",
    adapter="openai",
    base_url="http://localhost:11434",
    auth=(NONE, KEY),
)
TEMPLATE = ProviderSpec(
    id="template",
    name="Template",
    description="",
    category="llm",
    adapter="openai",
    base_url="https://{resource}.template.example",
    base_url_suffix=".template.example",
    auth=(KEY,),
    fields=(Field(name="resource", label="Resource", variable="resource", required=True),),
)
BUILTIN = ProviderSpec(
    id="builtin",
    name="Builtin",
    description="",
    category="llm",
    adapter="openai",
    base_url="sandbox:local",
    deployment="builtin",
    auth=(NONE,),
)
LISTED = ProviderSpec(id="listed", name="Listed", description="", category="llm", auth=(KEY,))


@pytest.fixture(autouse=True)
def catalogue(monkeypatch, db):
    """Stored rows look their provider up by its id."""
    made = registry.Catalogue((HOSTED, LOCAL, TEMPLATE, BUILTIN, LISTED))
    monkeypatch.setattr("integrations.models.integration.catalogue", lambda: made)


@pytest.fixture
def stored(alice) -> Integration:
    row = Integration(owner=alice, provider_id="hosted", name="Mine", auth_id="key")
    credentials.store(row, "sk-stored-key-1234")
    credentials.store_headers(row, {"X-One": "1", "X-Two": "2"})
    row.save()
    return row


def problems(spec, data, row=None) -> dict[str, list[str]]:
    with pytest.raises(ValidationError) as caught:
        inputs.check(spec, data, row)
    return caught.value.message_dict


def test_key_alone_makes_an_integration():
    checked = inputs.check(HOSTED, IntegrationInput(key=" sk-new "))
    assert (checked.auth, checked.key, checked.base_url) == (KEY, "sk-new", "")
    assert checked.endpoint.origin == "https://api.hosted.example:443"
    assert (checked.name, checked.moved, checked.keep_key) == ("", False, False)


def test_unknown_provider_is_refused():
    assert list(problems(None, IntegrationInput())) == ["provider_id"]


def test_provider_that_is_only_listed_is_refused():
    assert "cannot be called yet" in problems(LISTED, IntegrationInput(key="x"))["provider_id"][0]


def test_everything_wrong_is_said_at_once():
    data = IntegrationInput(
        name="x" * 101,
        auth_id="magic",
        key="two words",
        base_url="ftp://x",
        model="x" * 201,
        fields={"colour": "red"},
        defaults={"temperature": 9},
        headers={"Host": "x"},
        metadata={"x": "x" * 20_000},
    )
    assert set(problems(HOSTED, data)) == {
        "name", "auth_id", "key", "base_url", "model", "fields.colour", "defaults.temperature", "headers.Host",
        "metadata",
    }  # fmt: skip


def test_no_message_repeats_a_secret():
    data = IntegrationInput(key="sk secret canary", headers={"X-One": "canary\n"})
    assert "canary" not in str(problems(HOSTED, data))


# --- The way to sign in ---


def test_new_integration_needs_a_key():
    assert list(problems(HOSTED, IntegrationInput())) == ["key"]


def test_first_way_is_taken_when_none_is_named():
    assert inputs.check(HOSTED, IntegrationInput(key="k")).auth == KEY


def test_named_way_is_taken():
    assert inputs.check(HOSTED, IntegrationInput(key="k", auth_id="other")).auth == OTHER


def test_way_that_is_not_carried_is_refused():
    assert "Sign in" in problems(HOSTED, IntegrationInput(key="k", auth_id="oauth"))["auth_id"][0]


def test_no_key_takes_the_way_without(settings, allow_private):
    allow_private("localhost:11434")
    assert inputs.check(LOCAL, IntegrationInput()).auth == NONE


def test_key_takes_the_way_with_one(allow_private):
    allow_private("localhost:11434")
    assert inputs.check(LOCAL, IntegrationInput(key="k")).auth == KEY


def test_changing_the_way_keeps_the_key(stored):
    checked = inputs.check(HOSTED, IntegrationInput(auth_id="other"), stored)
    assert (checked.auth, checked.keep_key) == (OTHER, True)


def test_way_without_a_key_drops_the_stored_one(alice, allow_private):
    allow_private("localhost:11434")
    row = Integration(owner=alice, provider_id="local", name="Mine", auth_id="key")
    credentials.store(row, "sk-stored")
    assert not inputs.check(LOCAL, IntegrationInput(auth_id="none"), row).keep_key


def test_way_with_a_key_needs_one(alice, allow_private):
    allow_private("localhost:11434")
    row = Integration(owner=alice, provider_id="local", name="Mine", auth_id="none")
    assert list(problems(LOCAL, IntegrationInput(auth_id="key"), row)) == ["key"]


# --- Where calls go ---


def test_providers_own_address_is_not_stored():
    data = IntegrationInput(key="k", base_url="https://API.hosted.example:443/v1/")
    assert inputs.check(HOSTED, data).base_url == ""


def test_other_address_is_stored_in_its_plain_form():
    data = IntegrationInput(key="k", base_url=" https://Proxy.example//v1/ ")
    assert inputs.check(HOSTED, data).base_url == "https://proxy.example/v1"


def test_filled_address_is_not_stored():
    data = IntegrationInput(key="k", fields={"resource": "mine"})
    checked = inputs.check(TEMPLATE, data)
    assert (checked.base_url, checked.endpoint.host) == ("", "mine.template.example")


def test_private_address_is_refused_unless_the_operator_allows_it(allow_private):
    assert "AIM_PRIVATE_ENDPOINTS" in problems(LOCAL, IntegrationInput())["base_url"][0]
    allow_private("localhost:11434")
    assert inputs.check(LOCAL, IntegrationInput()).endpoint.port == 11434


def test_built_in_provider_has_no_address_to_set():
    assert list(problems(BUILTIN, IntegrationInput(base_url="https://a.example"))) == ["base_url"]
    assert inputs.check(BUILTIN, IntegrationInput()).endpoint.origin == "sandbox:local"


# --- What is stored stays, unless calls would go elsewhere ---


@pytest.mark.parametrize("key", [None, "", "  "])
def test_empty_key_keeps_the_stored_one(stored, key):
    checked = inputs.check(HOSTED, IntegrationInput(key=key), stored)
    assert checked.keep_key
    assert checked.key == ""


def test_new_key_replaces_the_stored_one(stored):
    checked = inputs.check(HOSTED, IntegrationInput(key="sk-new"), stored)
    assert (checked.key, checked.keep_key) == ("sk-new", False)


@pytest.mark.parametrize(
    "base_url",
    [
        "https://attacker.example/v1",
        "https://api.hosted.example:444/v1",
        "https://api.hosted.example.attacker.example/v1",
        "https://8.8.8.8",
    ],
)
def test_nothing_is_kept_for_another_origin(stored, base_url):
    checked = inputs.check(HOSTED, IntegrationInput(base_url=base_url), stored)
    assert checked.moved
    assert not checked.keep_key
    assert checked.kept_headers == ()


def test_header_named_to_be_kept_is_not_kept_for_another_origin(stored):
    data = IntegrationInput(base_url="https://attacker.example", headers={"X-One": ""})
    checked = inputs.check(HOSTED, data, stored)
    assert (checked.headers, checked.kept_headers) == ({}, ())


def test_another_field_of_a_filled_address_is_another_origin(alice):
    row = Integration(
        owner=alice, provider_id="template", name="Mine", auth_id="key", fields={"resource": "mine"}
    )
    credentials.store(row, "sk-stored")
    assert inputs.check(TEMPLATE, IntegrationInput(fields={"resource": "yours"}), row).moved


def test_key_given_with_another_origin_is_for_it(stored):
    data = IntegrationInput(
        base_url="https://proxy.example", key="sk-new", headers={"X-One": "new"}
    )
    checked = inputs.check(HOSTED, data, stored)
    assert (checked.moved, checked.key, checked.headers) == (True, "sk-new", {"X-One": "new"})


def test_another_path_keeps_everything(stored):
    checked = inputs.check(
        HOSTED, IntegrationInput(base_url="https://api.hosted.example/v2"), stored
    )
    assert (checked.moved, checked.keep_key, checked.kept_headers) == (
        False,
        True,
        ("X-One", "X-Two"),
    )


def test_headers_not_given_stay(stored):
    assert inputs.check(HOSTED, IntegrationInput(), stored).kept_headers == ("X-One", "X-Two")


def test_headers_given_are_all_there_shall_be(stored):
    checked = inputs.check(HOSTED, IntegrationInput(headers={"x-two": "", "X-Three": "3"}), stored)
    assert (checked.headers, checked.kept_headers) == ({"X-Three": "3"}, ("X-Two",))


def test_header_without_a_value_must_be_stored(stored):
    assert list(problems(HOSTED, IntegrationInput(headers={"X-New": ""}), stored)) == [
        "headers.X-New"
    ]


def test_values_not_given_stay(stored):
    stored.model, stored.models, stored.defaults = "m", ["n"], {"temperature": 1}
    stored.metadata, stored.fields = {"a": 1}, {"organization": "org"}
    checked = inputs.check(HOSTED, IntegrationInput(), stored)
    assert (checked.name, checked.model, checked.models) == ("Mine", "m", ["n"])
    assert (checked.defaults, checked.metadata) == ({"temperature": 1}, {"a": 1})
    assert checked.fields == {"organization": "org"}


def test_empty_values_clear(stored):
    stored.model, stored.models, stored.defaults = "m", ["n"], {"temperature": 1}
    checked = inputs.check(HOSTED, IntegrationInput(model="", models=[], defaults={}), stored)
    assert (checked.model, checked.models, checked.defaults) == ("", [], {})


def test_integration_that_lost_its_key_can_be_edited(stored):
    credentials.wipe_key(stored)
    assert inputs.check(HOSTED, IntegrationInput(name="Renamed"), stored).name == "Renamed"


def test_checked_integration_shows_no_secret(stored):
    checked = inputs.check(
        HOSTED, IntegrationInput(key="sk-canary", headers={"X": "canary"}), stored
    )
    assert "canary" not in repr(checked)


def test_address_that_is_no_longer_one_keeps_nothing(stored):
    stored.base_url = "no address"
    checked = inputs.check(HOSTED, IntegrationInput(base_url=""), stored)
    assert (checked.moved, checked.keep_key) == (True, False)


# --- What is kept ---


def test_kept_secrets_are_opened(stored):
    checked = inputs.check(HOSTED, IntegrationInput(headers={"X-One": ""}), stored)
    assert inputs.kept_key(stored, checked).plain() == "sk-stored-key-1234"
    assert inputs.kept_headers(stored, checked) == {"X-One": "1"}


def test_nothing_kept_is_nothing_opened(stored):
    checked = inputs.check(HOSTED, IntegrationInput(base_url="https://attacker.example"), stored)
    assert not inputs.kept_key(stored, checked)
    assert inputs.kept_headers(stored, checked) == {}


def test_kept_secret_that_does_not_open_is_asked_for_again(stored):
    stored.sealed_key = stored.sealed_headers = "aim1.k1.AA.AA"
    checked = inputs.check(HOSTED, IntegrationInput(), stored)
    for keep, field in ((inputs.kept_key, "key"), (inputs.kept_headers, "headers")):
        with pytest.raises(ValidationError, match="again") as caught:
            keep(stored, checked)
        assert list(caught.value.message_dict) == [field]

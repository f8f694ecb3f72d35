from __future__ import annotations

import json
from typing import Any

import pytest
from django.core.exceptions import ValidationError

from integrations import rules
from integrations.rules import Problems
from providers.catalogue.spec import Auth, Field
from providers.registry import catalogue
from tests.providers.adapters.custom_mappings import MAPPING

BEARER = Auth(id="key", type="api_key", label="API key", prefix="Bearer ")
X_API_KEY = Auth(id="key", type="api_key", label="API key", name="x-api-key")
NONE = Auth(id="none", type="none", label="No key", place="none")


@pytest.fixture
def problems() -> Problems:
    return Problems()


def test_problems_are_raised_together():
    problems = Problems()
    problems.add("key", "one")
    problems.add("key", "two")
    problems.add("name", "three")
    with pytest.raises(ValidationError) as caught:
        problems.raise_if_any()
    assert caught.value.message_dict == {"key": ["one", "two"], "name": ["three"]}


def test_without_problems_nothing_is_raised(problems):
    problems.raise_if_any()


@pytest.mark.parametrize("text", ["sk-abc", "  sk-abc\n", "AIza_x.y~z!", "a" * 8000])
def test_key_is_taken_without_its_margins(problems, text):
    assert rules.key(BEARER, text, problems) == text.strip()
    assert not problems.found


@pytest.mark.parametrize("text", ["sk abc", "sk-a\r\nHost: x", "schlüssel", "a\x00b", "a" * 8001])
def test_key_that_is_none_is_refused(problems, text):
    rules.key(BEARER, text, problems)
    assert list(problems.found) == ["key"]
    assert text not in str(problems.found)


def test_key_where_none_is_sent_is_refused(problems):
    rules.key(NONE, "sk-abc", problems)
    assert "No key" in problems.found["key"][0]


ORGANIZATION = Field(
    name="organization", label="Organization", header="OpenAI-Organization", pattern="org-.*"
)
REGION = Field(name="region", label="Region", variable="region", required=True)


def test_fields_are_cleaned_and_empty_ones_left_out(problems):
    given = {"organization": "", "region": " eu "}
    assert rules.fields((ORGANIZATION, REGION), given, problems) == {"region": "eu"}
    assert not problems.found


@pytest.mark.parametrize(
    ("values", "at"),
    [
        ({"region": ""}, "fields.region"),
        ({}, "fields.region"),
        ({"region": "a/b"}, "fields.region"),
        ({"region": "a\nb"}, "fields.region"),
        ({"region": 5}, "fields.region"),
        ({"region": "eu", "organization": "x"}, "fields.organization"),
        ({"region": "eu", "organization": "org-é"}, "fields.organization"),
        ({"region": "eu", "organization": "org-" + "x" * 500}, "fields.organization"),
        ({"region": "eu", "colour": "red"}, "fields.colour"),
    ],
)
def test_field_that_does_not_fit_is_named(problems, values, at):
    rules.fields((ORGANIZATION, REGION), values, problems)
    assert list(problems.found) == [at]


def test_headers_are_taken(problems):
    given = {"X-Title": " My app ", "HTTP-Referer": "https://a.example/?q=1"}
    assert rules.headers(BEARER, given, problems) == {
        "X-Title": "My app",
        "HTTP-Referer": "https://a.example/?q=1",
    }
    assert not problems.found


@pytest.mark.parametrize(
    "name", [*sorted(rules.OUR_HEADERS), "Authorization", "HOST", "x-api-key", "X-API-Key"]
)
def test_header_of_ours_is_refused(problems, name):
    rules.headers(X_API_KEY, {name: "x"}, problems)
    assert list(problems.found) == [f"headers.{name}"]


def test_key_header_of_another_way_is_allowed(problems):
    rules.headers(BEARER, {"x-api-key": "x"}, problems)
    assert not problems.found


@pytest.mark.parametrize(
    "name", ["", "X Title", "X:Title", "X-Title\r\nHost", "Ünicode", "a" * 101, "X\x00"]
)
def test_header_name_that_is_none_is_refused(problems, name):
    rules.headers(BEARER, {name: "x"}, problems)
    assert list(problems.found) == [f"headers.{name}"]


@pytest.mark.parametrize(
    "value", ["a\r\nHost: evil", "a\nb", "a\rb", "a\x00b", "é", "x" * 4001, 5, None]
)
def test_header_value_that_is_none_is_refused(problems, value: Any):
    rules.headers(BEARER, {"X-Title": value}, problems)
    assert list(problems.found) == ["headers.X-Title"]


def test_header_given_twice_is_refused(problems):
    rules.headers(BEARER, {"X-Title": "a", "x-title": "b"}, problems)
    assert list(problems.found) == ["headers.x-title"]


def test_too_many_headers_are_refused(problems):
    rules.headers(BEARER, {f"X-{number}": "a" for number in range(21)}, problems)
    assert list(problems.found) == ["headers"]


def test_models_are_kept_once_each(problems):
    assert rules.models(["a", "b", "a", "", " c "], problems) == ["a", "b", "c"]


@pytest.mark.parametrize(
    "values", [["a\nb"], [5], [None], ["x" * 201], [str(n) for n in range(201)]]
)
def test_models_that_are_none_are_refused(problems, values):
    rules.models(values, problems)
    assert list(problems.found) == ["models"]


def test_defaults_are_taken_and_empty_ones_left_out(problems):
    given = {"temperature": 0, "max_tokens": 100, "top_p": 0.5, "system_prompt": "Hi\nthere"}
    assert rules.defaults({**given}, problems) == given
    assert rules.defaults({"temperature": None, "system_prompt": ""}, problems) == {}
    assert not problems.found


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("temperature", -0.1),
        ("temperature", 2.1),
        ("temperature", "1"),
        ("temperature", True),
        ("temperature", float("nan")),
        ("top_p", 1.1),
        ("max_tokens", 0),
        ("max_tokens", 1.5),
        ("max_tokens", True),
        ("max_tokens", 10_000_001),
        ("system_prompt", 5),
        ("system_prompt", "x" * 50_001),
        ("colour", "red"),
    ],
)
def test_default_out_of_range_is_named(problems, name, value):
    rules.defaults({name: value}, problems)
    assert list(problems.found) == [f"defaults.{name}"]


def test_metadata_is_any_json_object(problems):
    value = {"team": {"id": 5, "tags": ["a", None]}}
    assert rules.metadata(value, problems) == value
    assert not problems.found


@pytest.mark.parametrize(
    "value", [[], "x", 5, None, {"a": object()}, {"a": "x" * 16_001}, {1.5: {1}, "x": object()}]
)
def test_metadata_that_is_none_is_refused(problems, value):
    rules.metadata(value, problems)
    assert list(problems.found) == ["metadata"]


def test_line_has_no_line_breaks_or_terminal_codes(problems):
    for text in ("a\nb", "a\x1b[31mb", "a\u2028b"):
        rules.line("name", text, 100, problems)
    assert len(problems.found["name"]) == 3


CUSTOM = catalogue()["custom"]
KEY_HEADER = next(field for field in CUSTOM.fields if field.name == "key_header")


@pytest.mark.parametrize("name", ["X-Own-Key", "Authorization", "api_key"])
def test_header_of_a_key_can_be_named(problems, name):
    assert rules.fields([KEY_HEADER], {"key_header": name}, problems) == {"key_header": name}
    assert not problems.found


@pytest.mark.parametrize("name", ["Host", "content-length", "Cookie", "X Key", "X:", "Ä", "a\r\nb"])
def test_header_that_cannot_carry_a_key_is_refused(problems, name):
    rules.fields([KEY_HEADER], {"key_header": name}, problems)
    assert list(problems.found) == ["fields.key_header"]


def test_mapping_is_for_providers_without_a_format(problems):
    assert rules.mapping(CUSTOM, MAPPING, problems) == MAPPING
    assert rules.mapping(CUSTOM, {}, problems) == {}
    assert not problems.found
    rules.mapping(catalogue()["openai"], MAPPING, problems)
    assert list(problems.found) == ["mapping"]


def test_every_mistake_of_a_mapping_is_told(problems):
    rules.mapping(CUSTOM, {"path": "x", "request": {}, "answer": {}}, problems)
    assert problems.found.keys() == {"mapping.path", "mapping.request", "mapping.answer.text"}
    rules.mapping(CUSTOM, ["x"], problems)  # type: ignore[arg-type]
    assert "mapping" in problems.found


# --- keys that are more than one word ---

AWS = Auth(id="sigv4", type="aws_sigv4", label="Access key", place="signature")
JSON = Auth(id="service_account", type="service_account", label="Service account", prefix="Bearer ")
ACCOUNT = {
    "type": "service_account",
    "project_id": "acme",
    "private_key": "-----BEGIN PRIVATE KEY-----\nMIIE\nvQIB\n-----END PRIVATE KEY-----\n",
    "client_email": "robot@acme.iam.gserviceaccount.com",
    "note": "Größe",
}


@pytest.mark.parametrize("text", ["AKIA:secret/+=", " AKIA:secret:session/+== "])
def test_access_key_of_aws(problems, text):
    assert rules.key(AWS, text, problems) == text.strip()
    assert not problems.found


@pytest.mark.parametrize("text", ["AKIA", "AKIA:", "AKIA:a:b:c", "AKIA secret"])
def test_half_an_access_key_is_refused(problems, text):
    rules.key(AWS, text, problems)
    assert list(problems.found) == ["key"]


@pytest.mark.parametrize("indent", [None, 2])
def test_service_account_is_kept_in_one_line(problems, indent):
    found = rules.key(JSON, json.dumps(ACCOUNT, indent=indent, ensure_ascii=False), problems)
    assert not problems.found
    assert json.loads(found) == ACCOUNT
    assert found.isascii() and found.isprintable()


def test_line_breaks_that_a_password_field_drops_do_no_harm(problems):
    pasted = json.dumps(ACCOUNT, indent=2).replace("\n", "")
    assert json.loads(rules.key(JSON, pasted, problems)) == ACCOUNT
    assert not problems.found


@pytest.mark.parametrize(
    "text",
    [
        "sk-plain",
        "[]",
        json.dumps({**ACCOUNT, "type": "authorized_user"}),
        json.dumps({**ACCOUNT, "private_key": ""}),
        json.dumps(ACCOUNT)[:-5],
        json.dumps({**ACCOUNT, "note": "x" * 9000}),
    ],
)
def test_what_is_no_service_account_is_refused_without_being_repeated(problems, text):
    rules.key(JSON, text, problems)
    assert list(problems.found) == ["key"]
    assert "PRIVATE KEY-" not in str(problems.found)


def test_policy_keeps_what_differs_from_the_usual():
    given = {"attempts": 3, "maxWait": 2, "idleTimeout": None, "origins": ["https://a.example"]}
    assert of(rules.policy, given) == {"maxWait": 2.0, "origins": ["https://a.example"]}


@pytest.mark.parametrize(
    "given",
    [
        {"attempts": 4},
        {"attempts": True},
        {"maxWait": "2"},
        {"retryOn": ["auth_failed"]},
        {"origins": "https://a.example"},
        {"origins": ["null"]},
        {"origins": ["*"]},
        {"origins": ["https://a.example/"]},
        {"origins": ["https://A.example"]},
        {"origins": ["https://a.example:443"]},
        {"origins": ["https://a.example."]},
        {"colour": 1},
    ],
)
def test_policy_refuses_what_cannot_work(given):
    with pytest.raises(ValidationError):
        of(rules.policy, given)


def of(rule, value):
    problems = rules.Problems()
    found = rule(value, problems)
    problems.raise_if_any()
    return found

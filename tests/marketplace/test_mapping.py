"""A person's own mapping in the dialog: filling it in, its mistakes, trying it."""

import json

import pytest
from django.urls import reverse

from integrations.models import Integration
from marketplace.forms import mapping as mapping_form
from providers.registry import catalogue
from tests.aiproxy.own_format import HEADER, KEY, MAPPING, serve_own_format
from tests.factories import make_integration

HTMX = {"HX-Request": "true"}
PARTS = ("request", "answer", "stream")
TRY = reverse("integration-try-mapping")


def url(name, *args):
    return reverse(f"integration-{name}", args=args)


def typed(**changes):
    """The form as a person fills it in; a change names a part of the mapping or a field."""
    data = {
        "provider": "custom",
        "auth_id": "header",
        "key": KEY,
        "base_url": "https://own.example.com",
        "fields.key_header": HEADER,
        "mapping.path": MAPPING["path"],
        **{f"mapping.{name}": json.dumps(MAPPING[name]) for name in PARTS},
    }
    for name, value in changes.items():
        place = f"mapping.{name}" if name in (*PARTS, "path") else name
        data[place] = value if isinstance(value, str) else json.dumps(value)
    return data


def save(client, **changes):
    return client.post(url("new", "custom"), typed(**changes), headers=HTMX)


@pytest.fixture
def own(allow_private):
    with serve_own_format() as own:
        allow_private(f"127.0.0.1:{own.port}")
        yield own


def test_new_integration_begins_with_the_example(alice_client):
    response = alice_client.get(url("new", "custom"), headers=HTMX)
    example = catalogue()["custom"].quirks["mapping"]
    form = response.context["form"]
    assert {name: json.loads(form[f"mapping.{name}"].value()) for name in PARTS} == {
        name: example[name] for name in PARTS
    }
    assert "/tokens_evaluated" in response.content.decode()


def test_other_providers_have_no_mapping(alice_client):
    page = alice_client.get(url("new", "openai"), headers=HTMX).content.decode()
    assert "Test mapping" not in page


def test_mapping_is_stored_and_comes_back(alice, alice_client):
    assert save(alice_client, model="big").status_code == 200
    made = Integration.objects.get(owner=alice, provider_id="custom")
    assert (made.mapping, made.model) == (MAPPING, "big")
    assert made.fields == {"key_header": HEADER}
    page = alice_client.get(url("credentials", made.pk), headers=HTMX).content.decode()
    assert "/out/0/say" in page
    response = alice_client.post(url("credentials", made.pk), typed(key="", path="/v3"))
    assert response.status_code == 302
    made.refresh_from_db()
    assert made.mapping["path"] == "/v3"
    assert made.has_key


def test_stream_can_be_left_out(alice, alice_client):
    save(alice_client, stream="")
    assert "stream" not in Integration.objects.get(owner=alice, provider_id="custom").mapping


@pytest.mark.parametrize(
    ("part", "value", "sentence"),
    [
        ("path", "", "Path of the chat is needed."),
        ("path", "say", "path: must begin with a slash"),
        ("request", "", "Request is needed."),
        ("request", '{"a": ', "Request is not JSON: line 1, column"),
        ("request", "[" * 30_000, "Request is nested too deep"),
        ("request", {"p": {"$": "promt"}}, "request.p: there is no placeholder 'promt'"),
        ("answer", {"text": "out"}, "answer.text: this path must begin with a slash"),
        ("stream", {"framing": "sse", "text": "/a"}, "stream.end: is needed"),
    ],
)
def test_mistake_stands_beside_its_field(alice_client, part, value, sentence):
    response = save(alice_client, **{part: value})
    assert response.status_code == 422
    errors = response.context["form"].errors
    assert errors.keys() == {f"mapping.{part}"}
    assert errors[f"mapping.{part}"][0].startswith(sentence)


@pytest.mark.parametrize("text", ["{{7*7}}", "${7*7}", "{x.__class__}", "{% debug %}", "<script>"])
def test_templates_of_other_languages_stay_text(alice, alice_client, text):
    save(alice_client, request={"p": {"$": "prompt"}, "x": text})
    made = Integration.objects.get(owner=alice, provider_id="custom")
    assert made.mapping["request"]["x"] == text
    page = alice_client.get(url("credentials", made.pk), headers=HTMX).content.decode()
    assert "<script>" not in page.partition("Your mapping")[2].partition("What can stand here")[0]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("way", ["", "stream"])
def test_typed_mapping_is_tried_without_saving(alice, alice_client, own, way):
    response = alice_client.post(TRY, typed(base_url=own.url) | {"as": way}, headers=HTMX)
    page = response.content.decode()
    assert "The mapping works · status 200" in page
    assert "Say hello in one short sentence." in page
    assert "3 tokens in, 5 out" in page
    assert "POST /v2/say" in page
    assert KEY not in page
    assert not Integration.objects.filter(owner=alice, provider_id="custom").exists()


@pytest.mark.django_db(transaction=True)
def test_trial_shows_which_path_found_nothing_in_which_answer(alice_client, own):
    data = typed(base_url=own.url, answer={"text": "/out/0/says"})
    page = alice_client.post(TRY, data, headers=HTMX).content.decode()
    assert "It does not work yet · status 200" in page
    assert "answer.text (/out/0/says) found no text" in page
    assert "You said" in page


@pytest.mark.django_db(transaction=True)
def test_stored_key_is_tried_where_none_is_typed(alice, alice_client, own):
    made = make_integration(
        alice,
        "custom",
        key=KEY,
        base_url=own.url,
        auth_id="header",
        fields={"key_header": HEADER},
        mapping=MAPPING,
    )
    data = typed(key="", base_url=own.url) | {"integration": made.pk}
    assert "The mapping works" in alice_client.post(TRY, data, headers=HTMX).content.decode()


@pytest.mark.django_db(transaction=True)
def test_mistakes_are_told_instead_of_calling(alice_client, own):
    data = typed(base_url=own.url, answer={"text": "out"})
    page = alice_client.post(TRY, data, headers=HTMX).content.decode()
    assert "Not tested" in page
    assert "answer.text: this path must begin with a slash" in page
    assert own.requests == []


@pytest.mark.django_db(transaction=True)
def test_strangers_integration_and_other_providers_are_not_found(alice, carol_client):
    theirs = make_integration(alice, "custom", base_url="https://own.example.com", mapping=MAPPING)
    assert carol_client.post(TRY, typed() | {"integration": theirs.pk}).status_code == 404
    data = {"provider": "openai", "key": KEY, "base_url": "https://a.example.com"}
    assert carol_client.post(TRY, data).status_code == 404


@pytest.mark.parametrize(
    "value",
    [{}, [], {"a": []}, {"a": {"$": "prompt"}}, {"a": [{"b": "x" * 80}, 1]}, {"é\n": None}],
)
def test_pretty_json_is_the_same_json(value):
    assert json.loads(mapping_form.pretty(value)) == value


def test_short_things_stand_in_one_line():
    assert mapping_form.pretty({"p": {"$": "prompt"}}) == '{\n  "p": { "$": "prompt" }\n}'


@pytest.mark.django_db(transaction=True)
def test_connection_test_goes_through_the_mapping_too(alice_client, own):
    data = typed(base_url=own.url)
    page = alice_client.post(reverse("integration-test"), data, headers=HTMX).content.decode()
    assert "It works" in page
    page = alice_client.post(
        reverse("integration-test"), data | {"key": "wrong-key-12345"}, headers=HTMX
    ).content.decode()
    assert "The key was refused" in page

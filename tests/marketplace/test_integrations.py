"""The dialog of an integration: opening it, saving, testing, switching off, deleting."""

import json
from html import escape

import pytest
from django.urls import reverse
from django.utils import timezone

from integrations import credentials
from integrations.models import AuditEvent, Integration
from providers.rate_limits import Allowance, RateLimitState
from tests.factories import make_call, make_integration, make_token
from tests.fakes import serve_fake

HTMX = {"HX-Request": "true"}
KEY = "sk-test-0123456789"


def url(name, *args):
    return reverse(f"integration-{name}", args=args)


def events(response):
    return json.loads(response.headers.get("HX-Trigger", "{}"))


def mine(user, provider_id="openai"):
    return Integration.objects.get(owner=user, provider_id=provider_id)


@pytest.fixture
def openai(alice):
    return make_integration(alice, name="Work", key=KEY)


# --- Opening ---


def test_provider_without_integration_leads_to_a_new_one(alice_client):
    response = alice_client.get(reverse("provider", args=["openai"]))
    assert response.url == url("new", "openai")


def test_provider_with_one_integration_leads_to_it(alice_client, openai):
    response = alice_client.get(reverse("provider", args=["openai"]))
    assert response.url == url("credentials", openai.pk)


def test_provider_with_several_lets_choose(alice, alice_client, openai):
    make_integration(alice, name="Private")
    page = alice_client.get(reverse("provider", args=["openai"])).content.decode()
    assert "Work" in page
    assert "Private" in page
    assert "Add another" in page


def test_unknown_provider_is_not_found(alice_client):
    assert alice_client.get(reverse("provider", args=["nobody"])).status_code == 404
    assert alice_client.get(url("new", "nobody")).status_code == 404


def test_nobody_adds_a_second_sandbox(alice_client):
    assert alice_client.get(url("new", "sandbox")).status_code == 302


def test_htmx_gets_the_dialog_alone(alice_client):
    page = alice_client.get(url("new", "openai"), headers=HTMX).content.decode()
    assert 'id="dialog-title"' in page
    assert "<html" not in page


def test_opened_directly_the_dialog_lies_open_on_the_marketplace(alice_client):
    page = alice_client.get(url("new", "openai")).content.decode()
    assert 'data-behind="/" open' in page
    assert 'id="card-groq"' in page


@pytest.mark.parametrize("name", ["credentials", "settings", "usage", "delete", "models"])
def test_stranger_gets_404(carol_client, openai, name):
    assert carol_client.get(url(name, openai.pk)).status_code == 404


@pytest.mark.parametrize("name", ["credentials", "settings", "toggle", "delete"])
def test_stranger_changes_nothing(carol_client, openai, name):
    assert carol_client.post(url(name, openai.pk), {"name": "Mine"}).status_code == 404
    assert mine(openai.owner).name == "Work"


def test_form_without_csrf_token_is_refused(alice, signed_in, openai):
    client = signed_in(alice, enforce_csrf_checks=True)
    assert client.post(url("toggle", openai.pk)).status_code == 403


# --- Saving credentials ---


def test_saving_connects_and_tells_the_page(alice, alice_client):
    response = alice_client.post(url("new", "openai"), {"key": KEY}, headers=HTMX)
    made = mine(alice)
    assert response.headers["HX-Replace-Url"] == url("credentials", made.pk)
    assert {"integration-changed", "toast"} <= events(response).keys()
    assert credentials.reveal(made).plain() == KEY


def test_saving_without_scripts_leads_to_the_same_place(alice, alice_client):
    response = alice_client.post(url("new", "openai"), {"key": KEY})
    assert response.url == url("credentials", mine(alice).pk)


def test_everything_typed_is_stored(alice, alice_client):
    data = {
        "auth_id": "bearer",
        "key": KEY,
        "base_url": "https://models.example.com/v1",
        "name": "House",
        "headers.name": ["X-Team", ""],
        "headers.value": ["blue", ""],
    }
    alice_client.post(url("new", "openai-compatible"), data)
    made = mine(alice, "openai-compatible")
    assert (made.name, made.base_url) == ("House", "https://models.example.com/v1")
    assert dict(credentials.reveal_headers(made)) == {"X-Team": "blue"}


def test_missing_key_is_said_beside_its_field(alice, alice_client):
    response = alice_client.post(url("new", "openai"), {"key": ""}, headers=HTMX)
    assert response.status_code == 422
    assert response.context["form"].errors.keys() == {"key"}
    assert not Integration.objects.filter(owner=alice, provider_id="openai").exists()


def test_stored_key_is_shown_masked_and_never_sent(alice_client, openai):
    page = alice_client.get(url("credentials", openai.pk)).content.decode()
    assert "****6789" in page
    assert KEY not in page


def test_typed_key_is_never_sent_back(alice_client):
    response = alice_client.post(url("new", "openai"), {"key": KEY, "base_url": "nonsense"})
    assert response.status_code == 422
    assert KEY not in response.content.decode()


def test_empty_key_keeps_the_stored_one(alice, alice_client, openai):
    alice_client.post(url("credentials", openai.pk), {"key": "", "fields.organization": "org-1"})
    assert credentials.reveal(mine(alice)).plain() == KEY


def test_another_server_erases_the_key_and_says_so(alice, alice_client, openai):
    data = {"base_url": "https://elsewhere.example.com/v1"}
    response = alice_client.post(url("credentials", openai.pk), data, headers=HTMX)
    assert "erased" in events(response)["toast"]["text"]
    assert mine(alice).status == "needs_attention"


def test_header_values_are_kept_when_left_empty(alice, alice_client):
    base = {"auth_id": "bearer", "key": KEY, "base_url": "https://models.example.com/v1"}
    headers = {"headers.name": ["X-Team"], "headers.value": ["blue"]}
    alice_client.post(url("new", "openai-compatible"), base | headers)
    made = mine(alice, "openai-compatible")
    page = alice_client.get(url("credentials", made.pk)).content.decode()
    assert "X-Team" in page
    assert "blue" not in page
    data = base | {"key": "", "headers.name": ["X-Team", "X-New"], "headers.value": ["", "green"]}
    alice_client.post(url("credentials", made.pk), data)
    made.refresh_from_db()
    assert dict(credentials.reveal_headers(made)) == {"X-Team": "blue", "X-New": "green"}


def test_what_a_person_typed_is_text_and_not_markup(alice, alice_client):
    nasty = "<img src=x onerror=alert(1)>"
    made = make_integration(alice, name=nasty)
    for name in ("credentials", "settings", "delete"):
        page = alice_client.get(url(name, made.pk)).content.decode()
        assert nasty not in page
        assert escape(nasty) in page


# --- Settings ---


def test_settings_are_stored(alice, alice_client, openai):
    data = {
        "name": "Office",
        "model": "gpt-5.1",
        "defaults.temperature": "0.2",
        "defaults.max_tokens": "500",
        "defaults.top_p": "",
        "defaults.system_prompt": "Be brief.",
        "fields.organization": "org-1",
        "models": "my-model\nother",
    }
    response = alice_client.post(url("settings", openai.pk), data, headers=HTMX)
    assert "integration-changed" in events(response)
    stored = mine(alice)
    assert (stored.name, stored.model) == ("Office", "gpt-5.1")
    assert stored.defaults == {"temperature": 0.2, "max_tokens": 500, "system_prompt": "Be brief."}
    assert stored.fields == {"organization": "org-1"}
    assert stored.models == ["my-model", "other"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("defaults.temperature", "3"),
        ("defaults.temperature", "warm"),
        ("defaults.max_tokens", "0"),
        ("base_url", "ftp://example.com"),
        ("base_url", "http://10.0.0.1/v1"),
        ("name", ""),
    ],
)
def test_bad_setting_is_said_beside_its_field(alice_client, openai, field, value):
    response = alice_client.post(url("settings", openai.pk), {"name": "Work", field: value})
    assert response.status_code == 422
    assert response.context["form"].errors.keys() == {field}


def test_name_of_another_integration_is_refused(alice, alice_client, openai):
    make_integration(alice, name="Private")
    response = alice_client.post(url("settings", openai.pk), {"name": "private"})
    assert response.context["form"].errors.keys() == {"name"}


def test_switch_off_and_on(alice, alice_client, openai):
    for state in (False, True):
        response = alice_client.post(url("toggle", openai.pk), headers=HTMX)
        assert "integration-changed" in events(response)
        assert mine(alice).enabled is state


def test_switch_only_by_post(alice_client, openai):
    assert alice_client.get(url("toggle", openai.pk)).status_code == 405


def test_what_was_done_is_recorded_with_who_and_where(alice, alice_client, openai):
    alice_client.post(url("toggle", openai.pk))
    event = AuditEvent.objects.get(action="integration.disabled")
    assert (event.actor_id, event.ip) == (alice.pk, "127.0.0.1")
    assert event.request_id.startswith("req_")


# --- Keys that are more than one word ---


def test_service_account_is_pasted_into_the_key_s_field(alice, alice_client):
    account = {
        "type": "service_account",
        "private_key": "-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----\n",
        "client_email": "robot@acme.iam.gserviceaccount.com",
    }
    pasted = json.dumps(account, indent=2).replace("\n", "")  # as a password field leaves it
    data = {"auth_id": "service_account", "fields.project": "acme-project", "key": pasted}
    alice_client.post(url("new", "vertex"), data, headers=HTMX)
    integration = mine(alice, "vertex")
    assert json.loads(credentials.reveal(integration).plain()) == account
    assert integration.key_hint == ""


def test_half_a_service_account_is_refused_and_not_shown_again(alice_client):
    data = {"auth_id": "service_account", "fields.project": "acme-project", "key": '{"canary": 1'}
    page = alice_client.post(url("new", "vertex"), data, headers=HTMX).content.decode()
    assert "not the JSON file of a service account" in page
    assert "canary" not in page


def test_access_key_of_aws_is_told_how_it_is_typed(alice, alice_client):
    page = alice_client.get(url("new", "bedrock")).content.decode()
    assert "ACCESS_KEY_ID:SECRET_ACCESS_KEY" in page
    data = {"auth_id": "sigv4", "fields.region": "eu-central-1", "key": "AKIAEXAMPLE:secret/key"}
    alice_client.post(url("new", "bedrock"), data, headers=HTMX)
    assert mine(alice, "bedrock").endpoint.host == "bedrock-runtime.eu-central-1.amazonaws.com"


# --- Deleting ---


def test_delete_asks_first_and_names_the_tokens(alice, alice_client, openai):
    make_token(alice, "Nightly job", expires_at=None, integrations=[openai])
    make_token(alice, "Everything", expires_at=None)
    page = alice_client.get(url("delete", openai.pk)).content.decode()
    assert "Nightly job" in page
    assert "Everything" in page  # a token for all integrations uses this one too
    assert Integration.objects.filter(pk=openai.pk).exists()


def test_delete_closes_the_dialog(alice, alice_client, openai):
    response = alice_client.post(url("delete", openai.pk), headers=HTMX)
    assert response.status_code == 204
    assert {"dialog:close", "integration-changed", "toast"} <= events(response).keys()
    assert not Integration.objects.filter(pk=openai.pk).exists()


def test_delete_without_scripts_leads_to_the_marketplace(alice_client, openai):
    assert alice_client.post(url("delete", openai.pk)).url == reverse("home")


# --- Testing before saving ---


@pytest.fixture
def fake(allow_private):
    with serve_fake() as provider:
        allow_private(f"127.0.0.1:{provider.port}")
        yield provider


def try_out(client, **data):
    return client.post(reverse("integration-test"), data, headers=HTMX)


def typed(fake, key=KEY):
    return {"provider": "openai", "base_url": f"{fake.url}/v1", "key": key}


@pytest.mark.django_db(transaction=True)
def test_what_was_typed_is_tried_without_saving(alice, alice_client, fake):
    response = try_out(alice_client, **typed(fake))
    assert "It works" in response.content.decode()
    assert KEY not in response.content.decode()
    assert not Integration.objects.filter(owner=alice, provider_id="openai").exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("key", "headline"),
    [
        ("sk-bad-0123456789", "The key was refused"),
        ("sk-restricted-0123456789", "The key is restricted"),
        ("sk-broke-0123456789", "No credit left"),
        ("sk-limited-0123456789", "Too many requests"),
    ],
)
def test_what_is_wrong_with_a_key_is_said_in_words(alice_client, fake, key, headline):
    assert headline in try_out(alice_client, **typed(fake, key)).content.decode()


@pytest.mark.django_db(transaction=True)
def test_unreachable_server_is_said_in_words(alice_client, allow_private):
    allow_private("127.0.0.1:9")
    data = {"provider": "openai", "key": KEY, "base_url": "http://127.0.0.1:9/v1"}
    response = try_out(alice_client, **data)
    assert "Not reachable" in response.content.decode()


@pytest.mark.django_db(transaction=True)
def test_unfinished_form_is_not_tried(alice_client):
    page = try_out(alice_client, provider="openai", key="").content.decode()
    assert "Not tested" in page
    assert "API key is needed." in page


@pytest.mark.django_db(transaction=True)
def test_test_of_the_stored_key_is_noted(alice, alice_client, fake):
    made = make_integration(alice, key=KEY, base_url=f"{fake.url}/v1")
    data = {**typed(fake, key=""), "integration": str(made.pk)}
    response = try_out(alice_client, **data)
    assert "integration-changed" in events(response)
    assert mine(alice).test_result == "ok"


@pytest.mark.django_db(transaction=True)
def test_test_of_an_unsaved_key_is_not_noted(alice, alice_client, fake):
    made = make_integration(alice, key=KEY, base_url=f"{fake.url}/v1")
    try_out(alice_client, **typed(fake, key="sk-another-0123456789"), integration=str(made.pk))
    assert mine(alice).test_result == ""


@pytest.mark.django_db(transaction=True)
def test_another_persons_integration_cannot_be_tested(carol_client, openai):
    response = try_out(carol_client, provider="openai", integration=str(openai.pk))
    assert response.status_code == 404


@pytest.mark.django_db(transaction=True)
def test_too_many_tests_are_refused(alice_client):
    for _ in range(30):
        try_out(alice_client, provider="openai", key="")
    assert "Too many tests" in try_out(alice_client, provider="openai", key="").content.decode()


@pytest.mark.django_db(transaction=True)
def test_models_are_the_providers_own_list(alice, alice_client, fake):
    made = make_integration(alice, key=KEY, base_url=f"{fake.url}/v1")
    page = alice_client.get(url("models", made.pk)).content.decode()
    assert f'<option value="{fake.app.models[0]}">' in page
    assert "now." in page


@pytest.mark.django_db(transaction=True)
def test_models_fall_back_on_the_catalogue(alice, alice_client, allow_private):
    allow_private("127.0.0.1:9")
    made = make_integration(alice, "openai", key=KEY, base_url="http://127.0.0.1:9/v1")
    page = alice_client.get(url("models", made.pk)).content.decode()
    assert "from the catalogue" in page
    assert "<option" in page


# --- Of the catalogue ---


def test_provider_whose_format_is_not_carried_says_so_and_why(alice_client):
    page = alice_client.get(reverse("provider", args=["deepgram"]), headers=HTMX).content.decode()
    assert "Deepgram is not callable yet." in page
    assert "Speech has no place" in page
    assert "<form" not in page


def test_provider_that_has_closed_says_so(alice_client):
    url = reverse("provider", args=["github-models"])
    page = alice_client.get(url, headers=HTMX).content.decode()
    assert "GitHub Models has closed." in page
    assert "<form" not in page


def test_way_to_sign_in_that_is_not_possible_is_not_offered(alice_client):
    page = alice_client.get(url("new", "databricks"), headers=HTMX).content.decode()
    assert "Personal access token" in page
    assert "client credentials" not in page


def test_what_is_worth_knowing_about_a_provider_stands_in_its_dialog(alice_client):
    page = alice_client.get(url("new", "moonshot"), headers=HTMX).content.decode()
    assert "Good to know" in page
    assert "It also has https://api.moonshot.cn/v1." in page


def test_hostile_value_of_an_address_is_told_beside_its_field(alice, alice_client):
    data = {"provider": "databricks", "key": KEY, "fields.host": "evil.com#", "auth_id": ""}
    response = alice_client.post(url("new", "databricks"), data, headers=HTMX)
    assert response.status_code == 422
    assert "Workspace host does not look right" in response.content.decode()
    assert not Integration.objects.filter(owner=alice, provider_id="databricks").exists()


# --- How it does ---


def used(integration, outcome="ok"):
    return make_call(integration.owner, integration, outcome=outcome, latency_ms=840)


def test_dialog_tells_what_failed_lately_on_every_tab(alice_client, openai):
    used(openai)
    used(openai, "rate_limit")
    for tab in ("credentials", "settings", "usage"):
        page = alice_client.get(url(tab, openai.pk)).content.decode()
        assert "1 of 2 calls failed since " in page
        assert " UTC: rate limit" in page


def test_usage_tells_that_all_is_well(alice_client, openai):
    used(openai)
    page = alice_client.get(url("usage", openai.pk)).content.decode()
    assert "none failed · 840 ms on average" in page


def test_usage_tells_what_the_provider_still_allows(alice_client, openai):
    openai.rate_limit = RateLimitState(timezone.now(), tokens=Allowance(6000, 5999)).to_json()
    openai.save()
    page = alice_client.get(url("usage", openai.pk)).content.decode()
    assert "Tokens left" in page
    assert "of 6,000" in page
    assert "Requests left" not in page


def test_usage_of_an_unused_connection_says_nothing_of_how_it_does(alice_client, openai):
    assert "<dt>Since" not in alice_client.get(url("usage", openai.pk)).content.decode()

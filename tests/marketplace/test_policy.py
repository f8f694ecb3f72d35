"""The sections of the settings tab about how calls are made."""

import pytest
from django.urls import reverse

from tests.factories import make_integration

HTMX = {"HX-Request": "true"}
ALL = ["network_error", "rate_limit", "server_error", "timeout"]
USUAL = {
    "policy.attempts": "3",
    "policy.multiplier": "",
    "policy.maxWait": "",
    "policy.retryOn": ALL,
    "policy.connectTimeout": "",
    "policy.firstTokenTimeout": "",
    "policy.idleTimeout": "",
    "policy.totalTimeout": "",
    "policy.cache": "0",
    "policy.cacheSeconds": "",
    "policy.priority": "",
    "policy.weight": "",
    "policy.origins": "",
}


@pytest.fixture
def openai(alice):
    return make_integration(alice, name="Work")


@pytest.fixture
def send(alice_client, openai):
    def post(**changed):
        data = {
            "name": "Work",
            **USUAL,
            **{f"policy.{name}": value for name, value in changed.items()},
        }
        response = alice_client.post(url(openai), data, headers=HTMX)
        openai.refresh_from_db()
        return response

    return post


def url(integration):
    return reverse("integration-settings", args=[integration.pk])


def states(response):
    """What the closed sections say."""
    return {part.title: part.summary for part in response.context["form"].sections}


def opened(response):
    return [part.title for part in response.context["form"].sections if part.wrong]


def test_untouched_sections_say_usual_and_store_nothing(send, openai):
    response = send()
    assert states(response) == {
        "Retries": "Usual",
        "Deadlines": "Usual",
        "Cache": "Off",
        "Routing": "Usual",
        "Browser apps": "None",
    }
    assert openai.policy == {}


def test_what_is_typed_is_kept_and_summed_up(send, openai):
    response = send(
        attempts="2",
        maxWait="4.5",
        retryOn=["rate_limit", "server_error", "network_error"],
        totalTimeout="90",
        connectTimeout="2",
        cache="3600",
        weight="3",
        origins="https://a.example\nhttps://b.example",
    )
    assert openai.policy == {
        "attempts": 2,
        "maxWait": 4.5,
        "retryOn": ["network_error", "rate_limit", "server_error"],
        "totalTimeout": 90,
        "connectTimeout": 2,
        "cacheSeconds": 3600,
        "weight": 3,
        "origins": ["https://a.example", "https://b.example"],
    }
    assert states(response) == {
        "Retries": "2 attempts, waits up to 4.5 s, not after timeout",
        "Deadlines": "Connect 2 s, whole call 90 s",
        "Cache": "1 hour",
        "Routing": "Weight 3",
        "Browser apps": "2 origins",
    }


def test_stored_values_are_shown_again(send, alice_client, openai):
    send(idleTimeout="12.5", cache="custom", cacheSeconds="86405", origins="https://a.example")
    page = alice_client.get(url(openai)).text
    for text in ('value="12.5"', 'value="86405"', 'value="custom" selected', "https://a.example"):
        assert text in page


def test_no_box_ticked_is_never_again(send, openai):
    assert states(send(retryOn=[]))["Retries"] == "Never again"
    assert openai.policy == {"retryOn": []}


def test_emptied_fields_are_usual_again(send, openai):
    send(weight="3", cache="300")
    send()
    assert openai.policy == {}


def test_origins_may_be_copied_from_the_address_bar(send, openai):
    send(origins="HTTPS://App.Example.com/")
    assert openai.policy == {"origins": ["https://app.example.com"]}


@pytest.mark.parametrize(
    ("wrong", "field", "section"),
    [
        ({"maxWait": "soon"}, "maxWait", "Retries"),
        ({"totalTimeout": "0"}, "totalTimeout", "Deadlines"),
        ({"cache": "custom"}, "cacheSeconds", "Cache"),
        ({"cache": "custom", "cacheSeconds": "9999999"}, "cacheSeconds", "Cache"),
        ({"weight": "1.5"}, "weight", "Routing"),
        ({"origins": "app.example.com"}, "origins", "Browser apps"),
    ],
)
def test_mistake_opens_its_section_and_stays_as_typed(send, openai, wrong, field, section):
    response = send(**wrong, priority="7")
    assert response.status_code == 422
    assert opened(response) == [section]
    form = response.context["form"]
    assert list(form.errors) == [f"policy.{field}"]
    assert form[f"policy.{field}"].value() == wrong.get(field, "")
    assert form["policy.priority"].value() == "7"
    assert openai.policy == {}


def test_empty_deadline_shows_the_servers_own(alice_client, openai, settings):
    settings.AIM_TOTAL_TIMEOUT = 321.0
    assert 'placeholder="321"' in alice_client.get(url(openai)).text


def test_page_without_these_fields_leaves_them(send, alice_client, openai):
    send(weight="3")
    alice_client.post(url(openai), {"name": "Other"})
    openai.refresh_from_db()
    assert (openai.name, openai.policy) == ("Other", {"weight": 3})

"""What every page request passes."""

import re
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.conf import settings
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from marketplace.middleware import OWN_DOOR, PAGES_OF_OWN_DOOR, PUBLIC_URLS

EXPECTED_PUBLIC = {"sign-in", "setup", "healthz", "readyz", "csp-report"}


def patterns(resolver=None, prefix="", namespace=""):
    """Every URL of the site as (namespace, name, path with sample values)."""
    for entry in (resolver or get_resolver()).url_patterns:
        path = prefix + re.sub(r"<(\w+:)?(\w+)>", _sample, str(entry.pattern).lstrip("^"))
        if isinstance(entry, URLResolver):
            yield from patterns(entry, path, entry.namespace or namespace)
        elif isinstance(entry, URLPattern):
            yield namespace, entry.name, "/" + path


def _sample(match):
    return "0a9e1e35-5c8b-4d2c-9d50-2f7a57c0a1ff" if match[1] == "uuid:" else "sample"


# --- Who may come in ---


def test_list_of_public_pages_changes_on_purpose_only():
    assert PUBLIC_URLS == EXPECTED_PUBLIC


def test_every_other_page_asks_for_a_session(client, db):
    open_pages = [
        (name, path)
        for namespace, name, path in patterns()
        if name not in PUBLIC_URLS and namespace not in OWN_DOOR
        and not client.get(path).headers.get("Location", "").startswith("/sign-in/")
    ]  # fmt: skip
    assert open_pages == []


@pytest.mark.parametrize("method", ["get", "post", "put", "delete"])
def test_every_operation_of_the_api_asks_who_calls(client, db, method):
    answers = {
        path: getattr(client, method)(path)
        for namespace, name, path in patterns()
        if namespace in OWN_DOOR and name not in PAGES_OF_OWN_DOOR
    }
    assert answers
    assert {
        path for path, answer in answers.items() if answer.status_code not in (401, 405)
    } == set()


def test_document_of_the_api_is_for_who_is_signed_in(client, alice_client):
    assert client.get("/api/docs").url.startswith("/sign-in/")
    assert alice_client.get("/api/docs").status_code == 200


def test_htmx_is_told_to_leave_the_page(client, db):
    response = client.get(
        reverse("password"),
        headers={"HX-Request": "true", "HX-Current-URL": "http://testserver/tokens/?x=1#y"},
    )
    assert response.status_code == 401
    assert response["HX-Redirect"] == "/sign-in/?next=%2Ftokens%2F%3Fx%3D1"


def test_post_without_session_is_not_repeated_after_signing_in(client, db):
    assert client.post(reverse("password")).url == "/sign-in/"


@pytest.mark.parametrize("path", ["/sign-in/", "/sign-out/", "/api/integrations"])
def test_another_site_cannot_make_a_browser_send_anything(alice_client, path):
    response = alice_client.post(path, headers={"Sec-Fetch-Site": "cross-site"})
    assert response.status_code == 403
    assert "_auth_user_id" in alice_client.session


def test_link_on_another_site_may_lead_here(client, db):
    assert client.get("/sign-in/", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 200


# --- Headers ---


def test_policy_allows_own_files_and_nothing_else(client, db):
    directives = dict(
        directive.strip().split(" ", 1)
        for directive in client.get(reverse("sign-in"))["Content-Security-Policy"].split(";")
    )
    assert directives == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self' data:",
        "font-src": "'self'",
        "connect-src": "'self'",
        "form-action": "'self'",
        "frame-ancestors": "'none'",
        "base-uri": "'none'",
        "object-src": "'none'",
        "report-uri": "/csp-report",
    }


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("X-Frame-Options", "DENY"),
        ("X-Content-Type-Options", "nosniff"),
        ("Referrer-Policy", "same-origin"),
        ("Cross-Origin-Opener-Policy", "same-origin"),
        ("Cross-Origin-Resource-Policy", "same-origin"),
        ("Cache-Control", "no-store"),
    ],
)
def test_every_page_carries_the_security_headers(client, db, name, value):
    for path in (reverse("sign-in"), "/no-such-page", reverse("healthz")):
        assert value in client.get(path)[name]


def test_no_page_may_use_the_camera(client, db):
    assert "camera=()" in client.get(reverse("sign-in"))["Permissions-Policy"]


def test_request_id_is_made_here(client, db):
    answer = client.get(reverse("healthz"), headers={"X-Request-Id": "req_forged"})
    assert re.fullmatch(r"req_[0-9a-f]{24}", answer["X-Request-Id"])
    assert answer["X-Request-Id"] != client.get(reverse("healthz"))["X-Request-Id"]


# --- How long a session lasts ---


@pytest.fixture
def clock():
    with time_machine.travel(datetime(2026, 11, 20, 12, tzinfo=UTC), tick=False) as clock:
        yield clock


def is_signed_in(client):
    return client.get(reverse("password")).status_code == 200


def test_session_ends_after_twelve_idle_hours(clock, alice, signed_in):
    client = signed_in(alice)
    clock.shift(timedelta(hours=12, seconds=1))
    assert not is_signed_in(client)


def test_session_in_use_goes_on(clock, alice, signed_in):
    client = signed_in(alice)
    for _ in range(4):
        clock.shift(timedelta(hours=11))
        assert is_signed_in(client)


def test_session_ends_after_fourteen_days_whatever_happens(clock, alice, signed_in):
    client = signed_in(alice)
    for _ in range(31):
        assert is_signed_in(client)
        clock.shift(timedelta(hours=11))
    assert not is_signed_in(client)


def test_page_views_in_quick_succession_write_the_session_once(
    clock, alice, signed_in, django_assert_max_num_queries
):
    client = signed_in(alice)
    is_signed_in(client)
    clock.shift(timedelta(minutes=1))
    with django_assert_max_num_queries(2):  # the session, the account
        is_signed_in(client)


def test_session_cookie_is_out_of_reach_for_scripts(alice):
    client = Client()
    client.post(reverse("sign-in"), {"username": alice.email, "password": "correct horse battery"})
    cookie = client.cookies[settings.SESSION_COOKIE_NAME]
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"
    assert not cookie["domain"]
    assert cookie["path"] == "/"


def test_nobody_gets_a_session_without_signing_in(client, db):
    client.get(reverse("sign-in"))
    assert settings.SESSION_COOKIE_NAME not in client.cookies


# --- Error pages ---


def test_missing_page_says_little(alice_client):
    response = alice_client.get("/no-such-page")
    assert response.status_code == 404
    assert response["X-Request-Id"] in response.text
    assert "no-such-page" not in response.text


def test_program_gets_an_error_object(client, db):
    response = client.get("/api/no-such-thing")
    assert response.json()["error"]["code"] == "not_found"
    assert response.json()["error"]["requestId"] == response["X-Request-Id"]

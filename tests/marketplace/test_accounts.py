"""Setup, sign in, sign out, new password."""

from typing import ClassVar

import pytest
from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import MD5PasswordHasher
from django.test import Client
from django.urls import reverse

from marketplace import first_run
from tests.factories import PASSWORD

WRONG = "The e-mail address or the password is wrong."
NEW = "another long passphrase"


def sign_in(client, email="alice@example.com", password=PASSWORD, **extra):
    return client.post(reverse("sign-in"), {"username": email, "password": password, **extra})


class CountingHasher(MD5PasswordHasher):
    hashed: ClassVar[list[str]] = []

    def encode(self, password, salt):
        self.hashed.append(password)
        return super().encode(password, salt)


@pytest.fixture
def setup_link(db):
    link = reverse("setup", args=[first_run.new_token()])
    yield link
    first_run.forget()


def new_account(**changes):
    data = {"email": "Owner@Example.com", "password1": NEW, "password2": NEW}
    return {**data, **changes}


# --- Sign in ---


def test_right_password_leads_to_the_marketplace(client, alice):
    response = sign_in(client)
    assert (response.status_code, response.url) == (302, "/")
    assert client.session["_auth_user_id"] == str(alice.pk)


def test_address_is_taken_in_any_case(client, alice):
    assert sign_in(client, "ALICE@Example.com").status_code == 302


@pytest.mark.parametrize(
    ("email", "password"),
    [
        ("alice@example.com", "wrong"),
        ("nobody@example.com", PASSWORD),
        ("nobody@example.com", "wrong"),
    ],
)
def test_every_failure_says_the_same(client, alice, email, password):
    response = sign_in(client, email, password)
    assert response.status_code == 422
    assert WRONG in response.text
    assert "_auth_user_id" not in client.session


def test_switched_off_account_looks_like_a_wrong_password(client, alice):
    alice.is_active = False
    alice.save()
    assert WRONG in sign_in(client).text


def test_unknown_address_costs_a_hash_like_a_known_one(client, alice, settings):
    settings.PASSWORD_HASHERS = [f"{__name__}.CountingHasher"]
    CountingHasher.hashed.clear()
    sign_in(client, "nobody@example.com", "secret")
    assert CountingHasher.hashed == ["secret"]


def test_session_id_changes_at_sign_in(client, alice):
    session = client.session
    session["before"] = True
    session.save()
    client.cookies[settings.SESSION_COOKIE_NAME] = session.session_key
    sign_in(client)
    assert client.session.session_key != session.session_key


def test_page_asked_for_comes_after_signing_in(client, alice):
    response = client.get("/account/password/?a=b")
    assert response.url == "/sign-in/?next=%2Faccount%2Fpassword%2F%3Fa%3Db"
    assert 'value="/account/password/?a=b"' in client.get(response.url).text
    assert sign_in(client, next="/account/password/?a=b").url == "/account/password/?a=b"


@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "\\\\evil",
        "javascript:alert(1)",
        "x",
    ],
)
def test_nobody_is_led_to_another_site(client, alice, elsewhere):
    assert sign_in(client, next=elsewhere).url == "/"


def test_who_is_signed_in_needs_no_sign_in_page(alice_client):
    assert alice_client.get(reverse("sign-in")).url == "/"


def test_errors_are_tied_to_their_field(client, db):
    page = sign_in(client, "", "").text
    assert 'aria-invalid="true"' in page
    assert 'aria-describedby="id_username_error"' in page
    assert 'id="id_username_error"' in page


def test_typed_password_is_not_sent_back(client, alice):
    assert "mistyped-word" not in sign_in(client, password="mistyped-word").text


def test_form_without_csrf_token_is_refused(alice):
    response = sign_in(Client(enforce_csrf_checks=True))
    assert response.status_code == 403
    assert "Load the page again" in response.text


def test_too_many_tries_on_one_account_have_to_wait(client, alice):
    for _ in range(10):
        assert sign_in(client, password="wrong").status_code == 422
    response = sign_in(client)  # even with the right one
    assert response.status_code == 429
    assert 0 < int(response["Retry-After"]) <= 300
    assert "Too many attempts" in response.text


def test_signing_in_rightly_is_no_try_against_the_limit(client, alice):
    for _ in range(25):
        assert sign_in(client).status_code == 302
        client.post("/sign-out/")


def test_too_many_tries_from_one_address_have_to_wait(client, alice, bob):
    for number in range(20):
        sign_in(client, f"user{number}@example.com", "wrong")
    assert sign_in(client).status_code == 429
    assert sign_in(Client(REMOTE_ADDR="192.0.2.7")).status_code == 302


# --- Sign out ---


def test_sign_out_ends_the_session(alice_client):
    key = alice_client.session.session_key
    assert alice_client.post(reverse("sign-out")).url == reverse("sign-in")
    assert not alice_client.session.exists(key)


def test_link_cannot_sign_anybody_out(alice_client):
    assert alice_client.get(reverse("sign-out")).status_code == 405
    assert "_auth_user_id" in alice_client.session


# --- Password ---


def change(client, old=PASSWORD, new=NEW, again=None):
    data = {"old_password": old, "new_password1": new, "new_password2": again or new}
    return client.post(reverse("password"), data)


def test_new_password_ends_other_sessions_and_keeps_this_one(alice, signed_in):
    here, elsewhere = signed_in(alice), signed_in(alice)
    assert change(here).status_code == 302
    assert here.get(reverse("password")).status_code == 200
    assert elsewhere.get(reverse("password")).status_code == 302


def test_new_password_is_the_one_that_works(alice_client, client):
    change(alice_client)
    assert sign_in(client).status_code == 422
    assert sign_in(client, password=NEW).status_code == 302


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"old": "wrong"}, "old password was entered incorrectly"),
        ({"again": "something else entirely"}, "didn’t match"),
        ({"new": "short"}, "too short"),
        ({"new": "alice@example.com"}, "too similar"),
        ({"new": "password1234"}, "too common"),
    ],
)
def test_bad_new_password_is_explained(alice_client, data, words):
    response = change(alice_client, **data)
    assert response.status_code == 422
    assert words in response.text


# --- Setup ---


def test_link_makes_the_first_account_and_signs_it_in(client, setup_link):
    assert client.get(setup_link).status_code == 200
    response = client.post(setup_link, new_account())
    assert (response.status_code, response.url) == (302, "/")
    owner = get_user_model().objects.get()
    assert owner.email == "owner@example.com"
    assert owner.is_superuser
    assert client.session["_auth_user_id"] == str(owner.pk)


def test_link_works_once(client, setup_link):
    client.post(setup_link, new_account())
    assert Client().get(setup_link).status_code == 404
    assert Client().post(setup_link, new_account(email="second@example.com")).status_code == 404
    assert get_user_model().objects.count() == 1


def test_wrong_link_is_no_page(client, setup_link):
    assert client.get(reverse("setup", args=["x" * 43])).status_code == 404


def test_older_link_stops_working(client, setup_link):
    first_run.new_token()
    assert client.get(setup_link).status_code == 404


def test_link_is_dead_once_there_is_an_account(client, setup_link, bob):
    assert client.get(setup_link).status_code == 404


def test_slower_of_two_gets_no_account(client, setup_link, monkeypatch):
    # Both have passed the first look when the other one finishes.
    monkeypatch.setattr(first_run, "accepts", lambda token: True)
    assert first_run.consume()
    assert client.post(setup_link, new_account()).status_code == 404
    assert not get_user_model().objects.exists()


def test_only_a_hash_of_the_link_is_kept_for_its_owner_alone(setup_link):
    (file,) = settings.AIM_DATA_DIR.glob("setup*")
    assert setup_link.split("/")[2] not in file.read_text()
    assert file.stat().st_mode & 0o777 == 0o600


def test_weak_first_password_is_refused(client, setup_link):
    response = client.post(setup_link, new_account(password1="1234567890", password2="1234567890"))
    assert response.status_code == 422
    assert not get_user_model().objects.exists()

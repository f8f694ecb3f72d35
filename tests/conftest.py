"""Who is who in the tests: alice owns, bob is another user, carol is a stranger with nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from django.test import AsyncClient, Client

from aiproxy.endpoints import strikes
from integrations import live
from providers.endpoint import PrivateEndpoints
from tests.factories import make_user


@pytest.fixture
def alice(db):
    return make_user("alice@example.com", is_superuser=True, is_staff=True)


@pytest.fixture
def bob(db):
    return make_user("bob@example.com")


@pytest.fixture
def carol(db):
    return make_user("carol@example.com")


@pytest.fixture
def signed_in(db) -> Callable[..., Client]:
    """``signed_in(user)`` is a browser with that user's session; pass ``enforce_csrf_checks=True`` to be strict."""

    def client(user, **options) -> Client:
        browser = Client(**options)
        browser.force_login(user)
        return browser

    return client


@pytest.fixture
def alice_client(alice, signed_in) -> Client:
    return signed_in(alice)


@pytest.fixture
def bob_client(bob, signed_in) -> Client:
    return signed_in(bob)


@pytest.fixture
def carol_client(carol, signed_in) -> Client:
    return signed_in(carol)


@pytest.fixture
def async_signed_in(db) -> Callable[..., AsyncClient]:
    """The same for async views; call it in a test that is not async, or through sync_to_async."""

    def client(user, **options) -> AsyncClient:
        browser = AsyncClient(**options)
        browser.force_login(user)
        return browser

    return client


@pytest.fixture
def allow_private(settings) -> Callable[[str], None]:
    """``allow_private("127.0.0.1:4711")`` lets the test reach what it serves on that port."""

    def allow(pairs: str) -> None:
        known = settings.AIM_PRIVATE_ENDPOINTS.pairs
        settings.AIM_PRIVATE_ENDPOINTS = PrivateEndpoints(
            known | PrivateEndpoints.parse(pairs).pairs
        )

    return allow


@pytest.fixture(autouse=True)
def _nothing_remembered() -> Iterator[None]:
    """What one test cached is not another's; a rolled-back transaction tells no cache."""
    yield
    live.forget()
    strikes.forget()

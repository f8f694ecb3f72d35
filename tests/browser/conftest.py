"""A real browser on the whole running application, with a fake provider behind it.

A run of its own (see scripts/test): synchronous Playwright keeps an event loop running in this thread, which Django
takes for an async caller and in which pytest-asyncio cannot work.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

import pytest
from django.conf import settings as django_settings
from playwright.sync_api import BrowserContext, ConsoleMessage, Page

from tests.factories import make_user
from tests.fakes import Fake, serve_fake, serve_site

os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "1")

_CALM = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

# A form that comes back with its errors; the browser logs every status from 400 on.
_EXPECTED = re.compile(r"Failed to load resource: .* 422 ")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.parent.name == "browser":
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args):
    path = os.environ.get("CHROMIUM", "/usr/bin/chromium")
    return {**browser_type_launch_args, "executable_path": path, "args": _CALM}


@pytest.fixture
def fake(allow_private) -> Iterator[Fake]:
    with serve_fake() as provider:
        allow_private(f"127.0.0.1:{provider.port}")
        yield provider


@pytest.fixture
def site(transactional_db, fake, settings) -> Iterator[str]:
    """The address of the running application. The fake provider is there first: the gateway reads its address."""
    with serve_site() as url:
        settings.AIM_PUBLIC_URL = url
        yield url


@pytest.fixture
def alice(site):
    return make_user("alice@example.com", is_superuser=True, is_staff=True)


@pytest.fixture
def complaints(context: BrowserContext) -> list[str]:
    """What the browser complained about: errors of scripts, refused by the content policy, failed loads."""
    found: list[str] = []

    def heard(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not _EXPECTED.match(message.text):
            found.append(message.text)

    context.on("console", heard)
    context.on("weberror", lambda error: found.append(str(error.error)))
    return found


@pytest.fixture
def visitor(page: Page, site: str, complaints: list[str]) -> Iterator[Page]:
    """A browser without a session. Any complaint of the browser fails the test."""
    page.set_default_timeout(10_000)
    yield page
    assert complaints == []


@pytest.fixture
def marketplace(visitor: Page, site: str, alice, client) -> Page:
    """Alice, signed in, on the marketplace."""
    client.force_login(alice)
    name = django_settings.SESSION_COOKIE_NAME
    visitor.context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": site}])
    visitor.goto(f"{site}/")
    return visitor

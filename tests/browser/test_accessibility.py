"""axe-core finds nothing serious on the pages and in the dialogs, in light and in dark."""

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page, expect

from aiproxy.actions import LimitInput, set_limit
from aiproxy.models import UsageRecord
from integrations.audit import SYSTEM
from tests.factories import make_integration, make_token

GRAVE = ("serious", "critical")


def findings(page: Page) -> list[str]:
    """Each as ``rule: element``."""
    page.evaluate(AXE_SCRIPT)
    result = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{violation['id']}: {node['html']} {node['failureSummary']}"
        for violation in result["violations"]
        if violation["impact"] in GRAVE
        for node in violation["nodes"]
    ]


@pytest.fixture(params=["light", "dark"])
def calm(request, visitor: Page) -> Page:
    """Colours of both schemes, and no animation half way through."""
    visitor.emulate_media(color_scheme=request.param, reduced_motion="reduce")
    return visitor


@pytest.fixture
def openai(alice, fake):
    return make_integration(alice, name="OpenAI", key="sk-0123456789", base_url=f"{fake.url}/v1")


def test_sign_in(calm: Page, site):
    calm.goto(f"{site}/sign-in/")
    assert findings(calm) == []


def test_marketplace(calm: Page, marketplace: Page, openai):
    marketplace.reload()
    assert findings(marketplace) == []


@pytest.mark.parametrize("tab", ["credentials", "settings", "usage", "delete"])
def test_integration(calm: Page, marketplace: Page, openai, tab):
    marketplace.goto(f"{marketplace.url}integrations/{openai.pk}/{tab}/")
    expect(marketplace.get_by_role("dialog")).to_be_visible()
    assert findings(marketplace) == []


def test_settings_with_every_section_open(calm: Page, marketplace: Page, openai):
    marketplace.goto(f"{marketplace.url}integrations/{openai.pk}/settings/")
    for part in marketplace.locator("details.part").all():
        part.evaluate("part => { part.open = true }")
    expect(marketplace.get_by_label("Allowed origins")).to_be_visible()
    assert findings(marketplace) == []


def test_limits(calm: Page, marketplace: Page, alice):
    for kind, data in (("user", {"requests_per_minute": 9}), ("provider", {"provider_id": "groq"})):
        set_limit(SYSTEM, alice, LimitInput(kind, concurrent=5, **data))
    marketplace.goto(f"{marketplace.url}limits/")
    expect(marketplace.get_by_role("meter").first).to_be_visible()
    assert findings(marketplace) == []
    marketplace.get_by_role("link", name="Set a limit").click()
    expect(marketplace.get_by_role("dialog")).to_be_visible()
    assert findings(marketplace) == []


def test_call_that_is_explained(calm: Page, marketplace: Page, alice):
    attempt = {"integration": "Work", "at": 1, "ms": 9, "outcome": "ok"}
    journey = {
        "route": {"by": "alias", "strategy": "cheapest", "targets": ["openai/m"]},
        "attempts": [{**attempt, "outcome": "server_error"}, {**attempt, "at": 20, "waited": 10}],
    }
    call = UsageRecord.objects.create(
        owner=alice,
        operation="chat",
        dialect="native",
        outcome="ok",
        journey=journey,
        latency_ms=30,
    )
    marketplace.goto(f"{marketplace.url}calls/{call.pk}/")
    expect(marketplace.get_by_role("heading", name="How it went")).to_be_visible()
    assert findings(marketplace) == []


def test_new_integration(calm: Page, marketplace: Page):
    marketplace.goto(f"{marketplace.url}integrations/new/openai-compatible/")
    marketplace.get_by_role("button", name="Connect", exact=True).click()
    expect(marketplace.get_by_role("dialog").locator("[aria-invalid=true]").first).to_be_visible()
    assert findings(marketplace) == []


def test_tokens(calm: Page, marketplace: Page, alice):
    make_token(alice, "Editor", expires_at=None)
    marketplace.goto(f"{marketplace.url}tokens/")
    assert findings(marketplace) == []
    marketplace.get_by_role("link", name="New token").click()
    expect(marketplace.get_by_role("dialog")).to_be_visible()
    assert findings(marketplace) == []


def test_usage_and_missing_page(calm: Page, marketplace: Page, complaints):
    marketplace.goto(f"{marketplace.url}usage/")
    assert findings(marketplace) == []
    marketplace.goto(marketplace.url.replace("usage", "nowhere"))
    assert findings(marketplace) == []
    complaints.clear()  # the 404 itself

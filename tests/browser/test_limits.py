"""Limits in a browser: set, watched while they fill, changed, removed."""

import pytest
from playwright.sync_api import Page, expect

from aiproxy.models import UsageRecord
from tests.factories import make_token


@pytest.fixture
def limits(marketplace: Page, site) -> Page:
    marketplace.goto(f"{site}/limits/")
    return marketplace


def set_limit(page: Page, **typed: str) -> None:
    page.get_by_role("link", name="Set a limit").first.click()
    dialog = page.get_by_role("dialog")
    for label, text in typed.items():
        dialog.get_by_label(label.replace("_", " ")).fill(text)
    dialog.get_by_role("button", name="Set limit").click()


def test_limit_is_set_changed_and_removed(limits: Page):
    set_limit(limits, Requests_a_minute="60")
    dialog = limits.get_by_role("dialog")
    expect(dialog).to_be_hidden()
    expect(limits.get_by_role("meter", name="0 of 60 requests this minute")).to_be_visible()
    change = limits.get_by_role("link", name="Change the limit of The whole account")
    change.click()
    dialog.get_by_label("Requests a minute").fill("many")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog.get_by_label("Requests a minute")).to_be_focused()
    expect(dialog.get_by_text("Enter a whole number.")).to_be_visible()
    dialog.get_by_label("Requests a minute").fill("90")
    dialog.get_by_role("button", name="Save").click()
    expect(limits.get_by_text("0 of 90 requests this minute")).to_be_visible()
    change.click()
    dialog.get_by_role("link", name="Remove…").click()
    dialog.get_by_role("button", name="Remove").click()
    expect(limits.get_by_role("heading", name="No limits yet")).to_be_visible()


def test_open_page_follows_the_calls(limits: Page, site, alice):
    set_limit(limits, Tokens_a_day="1,000,000")
    expect(limits.get_by_text("0 of 1M tokens today")).to_be_visible()
    _, token = make_token(alice, expires_at=None)
    limits.request.post(
        f"{site}/api/ai/chat",
        headers={"Authorization": f"Bearer {token}"},
        data={"model": "sandbox/sandbox", "messages": [{"role": "user", "content": "Hello!"}]},
    )
    used = UsageRecord.objects.get().total_tokens
    assert used > 0
    limits.get_by_role("link", name="Change").focus()
    limits.evaluate("document.body.dispatchEvent(new Event('tick'))")  # as every five seconds
    expect(limits.get_by_text(f"{used} of 1M tokens today")).to_be_visible()
    expect(limits.get_by_role("link", name="Change")).to_be_focused()


def test_limit_of_a_token_is_set_from_its_row(marketplace: Page, site, alice):
    make_token(alice, "Editor", expires_at=None)
    marketplace.goto(f"{site}/tokens/")
    marketplace.get_by_role("link", name="Set a limit for Editor").click()
    dialog = marketplace.get_by_role("dialog")
    expect(dialog.get_by_label("Holds for").locator("option:checked")).to_have_text("Editor")
    dialog.get_by_label("US dollars a month").fill("20")
    dialog.get_by_role("button", name="Set limit").click()
    row = marketplace.get_by_role("row", name="Editor")
    expect(row).to_contain_text("$0.00 of $20.00 this month")
    expect(marketplace).to_have_url(f"{site}/tokens/")

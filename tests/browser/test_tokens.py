"""An access token from its form to its end."""

import pytest
from playwright.sync_api import Page, expect


@pytest.fixture
def tokens(marketplace: Page, site) -> Page:
    marketplace.goto(f"{site}/tokens/")
    return marketplace


def create(page: Page, name="Editor"):
    page.get_by_role("link", name="New token").first.click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name").fill(name)
    dialog.get_by_role("button", name="Create token").click()
    expect(dialog.get_by_role("heading", name=f"{name} is ready")).to_be_visible()
    return dialog


def test_token_is_shown_once_with_calls_to_paste(tokens: Page, site):
    dialog = create(tokens)
    text = dialog.locator("#token-text").inner_text()
    for language in ("curl", "Python", "JavaScript"):
        dialog.get_by_text(language, exact=True).click()
        shown = dialog.locator("pre:visible")
        expect(shown).to_have_count(1)
        expect(shown).to_contain_text(text)
        expect(shown).to_contain_text(site)
    dialog.get_by_text("Done").click()
    expect(tokens.get_by_role("row", name="Editor")).to_contain_text("Active")
    expect(tokens).to_have_url(f"{site}/tokens/")
    tokens.reload()
    assert text not in tokens.content()


def test_token_is_copied(tokens: Page, site):
    tokens.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=site)
    dialog = create(tokens)
    dialog.get_by_role("button", name="Copy").first.click()
    expect(dialog.get_by_role("button", name="Copied")).to_be_visible()
    text = dialog.locator("#token-text").inner_text()
    assert tokens.evaluate("navigator.clipboard.readText()") == text


def test_faults_are_shown_in_the_dialog(tokens: Page):
    tokens.get_by_role("link", name="New token").first.click()
    dialog = tokens.get_by_role("dialog")
    dialog.get_by_label("Expires after").select_option("Until a date…")
    expect(dialog.get_by_label("Expires on")).to_be_visible()
    dialog.get_by_role("button", name="Create token").click()
    expect(dialog.get_by_text("Choose the day.")).to_be_visible()
    expect(dialog.get_by_label("Name")).to_be_focused()


def test_revoking_asks_first(tokens: Page):
    create(tokens).get_by_text("Done").click()
    tokens.get_by_role("link", name="Revoke Editor").click()
    tokens.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    expect(tokens.get_by_role("dialog")).to_be_hidden()
    expect(tokens.get_by_role("row", name="Editor")).to_contain_text("Revoked")

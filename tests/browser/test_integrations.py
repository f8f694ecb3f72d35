"""Connecting a provider in the dialog, and what the dialog does to address, history and focus."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.factories import make_integration, make_token

GOOD, BAD = "sk-good-0123456789", "sk-bad-0123456789"


@pytest.fixture
def openai(alice, fake):
    return make_integration(alice, name="OpenAI", key=GOOD, base_url=f"{fake.url}/v1")


def card(page: Page, name="OpenAI"):
    return page.get_by_role("link", name=name, exact=True)


def badge(page: Page):
    return page.locator(".card", has=card(page)).locator(".badge")


def dialog(page: Page):
    return page.get_by_role("dialog")


def press(page: Page, name: str):
    dialog(page).get_by_role("button", name=name, exact=True).click()


# --- Connecting ---


def test_key_is_tested_before_it_is_saved(marketplace: Page, fake):
    page = marketplace
    page.evaluate("window.same = true")
    card(page).click()
    key = dialog(page).get_by_label(re.compile("^API key"))
    expect(key).to_be_focused()
    key.fill(BAD)
    dialog(page).get_by_text("Advanced").click()
    dialog(page).get_by_label("Base URL").fill(f"{fake.url}/v1")
    press(page, "Test connection")
    expect(dialog(page).get_by_text("The key was refused")).to_be_visible()
    expect(dialog(page).get_by_role("button", name="Test connection")).to_be_focused()
    expect(key).to_have_value(BAD)
    key.fill(GOOD)
    press(page, "Test connection")
    expect(dialog(page).get_by_text("It works")).to_be_visible()
    expect(badge(page)).to_have_text("Not connected")
    press(page, "Connect")
    expect(dialog(page).get_by_text("OpenAI is connected.")).to_be_visible()
    expect(badge(page)).to_have_text("Connected")
    page.keyboard.press("Escape")
    card(page).click()
    expect(dialog(page).get_by_label("API key")).to_have_attribute("placeholder", "****6789")
    assert page.evaluate("window.same")  # all of it without loading the page again


def test_typed_key_survives_a_refused_form(marketplace: Page):
    card(marketplace).click()
    key = dialog(marketplace).get_by_label(re.compile("^API key"))
    key.fill(GOOD)
    dialog(marketplace).get_by_text("Advanced").click()
    address = dialog(marketplace).get_by_label("Base URL")
    address.fill("nonsense")
    press(marketplace, "Connect")
    expect(address).to_have_attribute("aria-invalid", "true")
    expect(address).to_be_focused()
    expect(key).to_have_value(GOOD)


def test_key_can_be_shown(marketplace: Page):
    card(marketplace).click()
    key = dialog(marketplace).get_by_label(re.compile("^API key"))
    expect(key).to_have_attribute("type", "password")
    press(marketplace, "Show the key")
    expect(key).to_have_attribute("type", "text")


def test_unusual_key_gets_a_hint(marketplace: Page):
    card(marketplace).click()
    hint = dialog(marketplace).get_by_text("does not look like a usual OpenAI key")
    expect(hint).to_be_hidden()
    dialog(marketplace).get_by_label(re.compile("^API key")).fill("hello")
    expect(hint).to_be_visible()


def test_provider_without_key_has_no_field_for_it(marketplace: Page):
    card(marketplace, "Ollama").click()
    keyless = dialog(marketplace).get_by_role("radio").first
    keyed = dialog(marketplace).get_by_role("radio").last
    field = dialog(marketplace).locator("[name=key]")
    expect(keyless).to_be_checked()
    expect(field).to_be_hidden()
    keyed.check()
    expect(field).to_be_visible()


def test_another_server_is_warned_about(marketplace: Page, openai):
    marketplace.goto(f"{marketplace.url}integrations/{openai.pk}/settings/")
    warning = dialog(marketplace).get_by_text("This is another server.")
    address = dialog(marketplace).get_by_label("Base URL")
    expect(warning).to_be_hidden()
    address.fill("https://elsewhere.example.com/v1")
    expect(warning).to_be_visible()


def test_header_rows_are_added_and_removed(marketplace: Page):
    card(marketplace, "OpenAI-compatible (custom)").click()
    dialog(marketplace).get_by_text("Advanced").click()
    rows = dialog(marketplace).locator("[data-row]")
    expect(rows).to_have_count(1)
    press(marketplace, "Add a header")
    expect(rows).to_have_count(2)
    rows.first.get_by_role("button").click()
    expect(rows).to_have_count(1)


# --- Settings, usage, deleting ---


def test_switching_off_changes_the_card(marketplace: Page, openai):
    marketplace.reload()
    card(marketplace).click()
    dialog(marketplace).get_by_role("tab", name="Settings").click()
    switch = dialog(marketplace).get_by_role("switch", name="Enabled")
    switch.click()
    expect(switch).not_to_be_checked()
    expect(badge(marketplace)).to_have_text("Disabled")


def test_models_of_the_provider_are_offered(marketplace: Page, openai, fake):
    marketplace.goto(f"{marketplace.url}integrations/{openai.pk}/settings/")
    count = len(fake.app.models)
    expect(dialog(marketplace).get_by_text(f"OpenAI offers {count} model")).to_be_visible()
    expect(dialog(marketplace).locator("datalist option")).to_have_count(count)


def test_call_made_elsewhere_is_in_the_usage_tab(marketplace: Page, site, alice):
    _, token = make_token(alice, expires_at=None)
    answer = marketplace.request.post(
        f"{site}/api/ai/chat",
        headers={"Authorization": f"Bearer {token}"},
        data={"model": "sandbox/sandbox", "messages": [{"role": "user", "content": "Hello!"}]},
    )
    assert answer.status == 200
    card(marketplace, "Sandbox").click()
    dialog(marketplace).get_by_role("tab", name="Usage").click()
    row = dialog(marketplace).get_by_role("row").nth(1)
    expect(row).to_contain_text("OK")
    row.get_by_role("link").click()
    expect(marketplace.get_by_role("heading", name="Chat call answered")).to_be_visible()
    marketplace.go_back()
    expect(dialog(marketplace).get_by_role("tab", name="Usage")).to_be_visible()


def test_deleting_asks_first(marketplace: Page, openai):
    marketplace.reload()
    card(marketplace).click()
    dialog(marketplace).get_by_role("tab", name="Settings").click()
    dialog(marketplace).get_by_role("link", name="Delete…").click()
    expect(dialog(marketplace).get_by_role("link", name="Keep it")).to_be_focused()
    press(marketplace, "Delete")
    expect(dialog(marketplace)).to_be_hidden()
    expect(marketplace.get_by_text("OpenAI is deleted.")).to_be_visible()
    expect(badge(marketplace)).to_have_text("Not connected")


# --- Address, history, focus ---


def test_escape_gives_back_the_page_and_the_focus(marketplace: Page, site):
    page = marketplace
    page.goto(f"{site}/?q=a")
    card(page, "Groq").press("Enter")
    expect(dialog(page)).to_be_visible()
    expect(page).to_have_url(f"{site}/integrations/new/groq/")
    page.keyboard.press("Escape")
    expect(dialog(page)).to_be_hidden()
    expect(page).to_have_url(f"{site}/?q=a")
    expect(card(page, "Groq")).to_be_focused()


def test_back_closes_the_dialog_and_forward_opens_it(marketplace: Page, site):
    card(marketplace, "Groq").click()
    expect(dialog(marketplace)).to_be_visible()
    marketplace.go_back()
    expect(dialog(marketplace)).to_be_hidden()
    expect(marketplace).to_have_url(f"{site}/")
    marketplace.go_forward()
    expect(dialog(marketplace).get_by_role("heading", name="Groq")).to_be_visible()
    marketplace.keyboard.press("Escape")
    expect(dialog(marketplace)).to_be_hidden()
    expect(marketplace).to_have_url(f"{site}/")


def test_address_of_a_dialog_opens_it(marketplace: Page, site):
    marketplace.goto(f"{site}/integrations/new/groq/")
    expect(dialog(marketplace).get_by_role("heading", name="Groq")).to_be_visible()
    dialog(marketplace).get_by_label("Close").click()
    expect(dialog(marketplace)).to_be_hidden()
    expect(marketplace).to_have_url(f"{site}/")


def test_tabs_follow_the_arrow_keys(marketplace: Page, openai):
    marketplace.reload()
    card(marketplace).click()
    credentials = dialog(marketplace).get_by_role("tab", name="Credentials")
    settings = dialog(marketplace).get_by_role("tab", name="Settings")
    credentials.focus()
    credentials.press("ArrowRight")
    expect(settings).to_be_focused()
    settings.press("Enter")
    expect(settings).to_have_attribute("aria-selected", "true")
    expect(settings).to_be_focused()


def test_search_narrows_the_cards_as_one_types(marketplace: Page, site):
    marketplace.get_by_label("Search providers").fill("codestral")
    expect(marketplace.locator(".card")).to_have_count(1)
    expect(marketplace).to_have_url(re.compile(r"\?q=codestral"))
    marketplace.get_by_label("Status").select_option("Connected")
    expect(marketplace.get_by_text("No provider fits")).to_be_visible()

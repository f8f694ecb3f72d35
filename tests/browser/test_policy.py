"""How calls are made, set in the settings tab."""

from playwright.sync_api import Page, expect

from tests.factories import make_integration


def test_section_tells_its_state_and_opens_for_a_mistake(marketplace: Page, site, alice):
    integration = make_integration(alice, name="Work")
    marketplace.goto(f"{site}/integrations/{integration.pk}/settings/")
    dialog = marketplace.get_by_role("dialog")
    deadlines = dialog.locator("details", has_text="Deadlines")
    whole = dialog.get_by_label("Whole call")
    expect(deadlines.locator("summary")).to_contain_text("Usual")
    expect(whole).to_be_hidden()
    deadlines.locator("summary").press("Enter")
    whole.fill("soon")
    deadlines.locator("summary").press("Enter")
    dialog.get_by_role("button", name="Save").click()
    expect(whole).to_be_focused()
    expect(whole).to_have_value("soon")
    expect(deadlines.get_by_text("Enter a number.")).to_be_visible()
    whole.fill("60")
    dialog.get_by_role("button", name="Save").click()
    expect(deadlines.locator("summary")).to_contain_text("Whole call 60 s")
    expect(whole).to_be_hidden()


def test_another_time_for_the_cache_is_asked_for(marketplace: Page, site, alice):
    integration = make_integration(alice, name="Work")
    marketplace.goto(f"{site}/integrations/{integration.pk}/settings/")
    dialog = marketplace.get_by_role("dialog")
    cache = dialog.locator("details", has_text="Keep answers for")
    cache.locator("summary").click()
    expect(cache.get_by_label("Seconds")).to_be_hidden()
    cache.get_by_label("Keep answers for").select_option("Another time…")
    cache.get_by_label("Seconds").fill("7200")
    dialog.get_by_role("button", name="Save").click()
    expect(cache.locator("summary")).to_contain_text("2 h")

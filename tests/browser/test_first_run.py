"""The first minute: the link that the server printed, the first account, the marketplace."""

import pytest
from playwright.sync_api import Page, expect

from marketplace import first_run
from tests.factories import PASSWORD


@pytest.fixture
def link(site):
    yield f"{site}/setup/{first_run.new_token()}/"
    first_run.forget()


def test_first_account_lands_on_the_marketplace(visitor: Page, link, site):
    visitor.goto(link)
    visitor.get_by_label("E-mail address").fill("owner@example.com")
    visitor.locator("[name=password1]").fill("a long enough passphrase")
    visitor.locator("[name=password2]").fill("a long enough passphrase")
    visitor.get_by_role("button", name="Create account").click()
    expect(visitor).to_have_url(f"{site}/")
    expect(visitor.get_by_role("listitem").first).to_contain_text("Sandbox")
    expect(visitor.get_by_role("listitem").first).to_contain_text("Connected")


def test_sign_in_and_out(visitor: Page, site, alice):
    visitor.goto(f"{site}/tokens/")
    visitor.get_by_label("E-mail address").fill("alice@example.com")
    visitor.get_by_label("Password").fill(PASSWORD)
    visitor.get_by_role("button", name="Sign in").click()
    expect(visitor).to_have_url(f"{site}/tokens/")
    visitor.get_by_label("Account").click()
    visitor.get_by_role("button", name="Sign out").click()
    expect(visitor.get_by_role("heading", name="Sign in")).to_be_visible()

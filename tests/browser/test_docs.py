"""The page of the API, drawn by Swagger UI."""

import pytest
from playwright.sync_api import Page, expect


@pytest.mark.parametrize(("scheme", "dark"), [("light", False), ("dark", True)])
def test_page_follows_the_systems_colours(marketplace: Page, site, scheme, dark):
    marketplace.emulate_media(color_scheme=scheme)
    marketplace.goto(f"{site}/api/docs")
    heading = marketplace.get_by_role("heading", name="AI Integration Marketplace")
    expect(heading).to_be_visible()
    colour = "getComputedStyle(document.querySelector('.swagger-ui')).color"
    bright = sum(map(int, marketplace.evaluate(colour)[4:-1].split(","))) > 3 * 128
    assert bright == dark

"""The list of calls on a phone."""

import pytest
from playwright.sync_api import Page, expect

from aiproxy.models import UsageRecord


@pytest.fixture
def calls(alice):
    facts = {"operation": "chat", "dialect": "native", "outcome": "rate_limit", "request_id": "req"}
    name = "a-long-name-of-a-vendor/and-a-longer-one-of-a-model"
    UsageRecord.objects.create(owner=alice, model=name, integration_name="Work", **facts)


def test_calls_on_a_phone_are_read_without_scrolling_sideways(marketplace: Page, site, calls):
    marketplace.set_viewport_size({"width": 390, "height": 844})
    marketplace.goto(f"{site}/usage/")
    region = marketplace.get_by_role("region", name="Calls")
    expect(region).to_contain_text("a-long-name")
    for text in ("Just now", "Work", "Rate limit"):
        expect(region.get_by_text(text)).to_be_in_viewport()
    assert region.evaluate("box => box.scrollWidth <= box.clientWidth")

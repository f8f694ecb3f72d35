"""A mapping of one's own, typed and tried in a browser."""

import json

from playwright.sync_api import Page, expect

from integrations.models import Integration
from tests.aiproxy.own_format import HEADER, KEY, MAPPING, serve_own_format


def test_mapping_is_typed_tried_corrected_and_saved(marketplace: Page, site, allow_private):
    page = marketplace
    with serve_own_format() as own:
        allow_private(f"127.0.0.1:{own.port}")
        page.goto(f"{site}/integrations/new/custom/")
        dialog = page.locator("#dialog")
        expect(dialog.get_by_label("Header of the key")).to_be_hidden()
        dialog.get_by_text("API key in a header of its own").click()
        dialog.get_by_label("Header of the key").fill(HEADER)
        dialog.locator("[name=key]").fill(KEY)
        dialog.get_by_label("Base URL").fill(own.url)
        dialog.get_by_label("Path of the chat").fill(MAPPING["path"])
        for part in ("request", "answer", "stream"):
            dialog.locator(f"[name='mapping.{part}']").fill(json.dumps(MAPPING[part]))

        dialog.locator("[name='mapping.answer']").fill('{"text": "/out/0/says"}')
        dialog.get_by_role("button", name="Test mapping").click()
        expect(dialog.locator("#trial")).to_contain_text("answer.text (/out/0/says) found no text")
        dialog.locator("[name='mapping.answer']").fill('{"text": "out"}')
        dialog.locator("#save").click()
        expect(dialog.locator("[name='mapping.answer']")).to_have_attribute("aria-invalid", "true")
        expect(dialog).to_contain_text("answer.text: this path must begin with a slash")

        dialog.locator("[name='mapping.answer']").fill(json.dumps(MAPPING["answer"]))
        dialog.get_by_role("button", name="Test stream").click()
        expect(dialog.locator("#trial")).to_contain_text("The mapping works · status 200")
        dialog.locator("#save").click()
        expect(page.locator(".toast")).to_contain_text("is connected")
    assert Integration.objects.get(provider_id="custom").mapping == MAPPING

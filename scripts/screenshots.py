#!/usr/bin/env python
"""Make the README's pictures: docs/screenshots/*.png.

    .venv/bin/python scripts/screenshots.py

Starts the application on a free port with an empty data folder of its own, goes through it in a browser as a
newcomer would, and takes pictures on the way. Nothing outside this machine is called. Needs Chromium.
"""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
PICTURES = ROOT / "docs" / "screenshots"
SIZE = {"width": 1280, "height": 860}
KEYS = {"anthropic": "sk-ant-demonstration-4f7a", "openai": "sk-demonstration-91c2"}


@contextmanager
def server() -> Iterator[str]:
    """The application with nothing in it; gives the one-time link to the first account."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as data:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "serve", "--port", str(port)],
            cwd=ROOT,
            env={**os.environ, "AIM_DATA_DIR": data},
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            yield _link(process)
        finally:
            process.terminate()
            process.wait(10)


def _link(process: subprocess.Popen[str]) -> str:
    for line in process.stdout or ():
        if found := re.search(r"http://\S+/setup/\S+", line):
            return found[0]
    raise SystemExit("The server ended before it printed its link.")


def make_account(page: Page, link: str) -> None:
    page.goto(link)
    page.get_by_label("E-mail address").fill("ada@example.com")
    page.locator("[name=password1]").fill("a long enough passphrase")
    page.locator("[name=password2]").fill("a long enough passphrase")
    page.get_by_role("button", name="Create account").click()
    page.wait_for_selector(".grid")


def connect(page: Page, provider: str, key: str) -> None:
    page.click(f"#card-{provider}")
    page.fill("[name=key]", key)
    page.click("#save")
    page.wait_for_selector(".dialog .badge.good")
    page.keyboard.press("Escape")
    page.wait_for_selector(".dialog", state="hidden")


def make_token(page: Page) -> str:
    page.get_by_role("link", name="Tokens").click()
    page.get_by_role("link", name="New token").first.click()
    page.fill("[name=name]", "Editor on my laptop")
    page.click("#save")
    token = page.inner_text("#token-text")
    page.get_by_text("Done").click()
    page.wait_for_selector(".dialog", state="hidden")
    return token


def call(page: Page, token: str) -> None:
    """A few calls to the sandbox, one of them with a fault in it."""
    origin = page.evaluate("location.origin")
    for model in ("sandbox", "sandbox", "sandbox", "fake-error-429", "sandbox"):
        page.request.post(
            f"{origin}/api/ai/chat",
            headers={"Authorization": f"Bearer {token}"},
            data={
                "model": f"sandbox/{model}",
                "messages": [{"role": "user", "content": "How do whales sleep?"}],
            },
        )


def set_limits(page: Page) -> None:
    page.get_by_role("link", name="Limits").click()
    set_limit(page, "The whole account", requests_per_minute=600, money_per_month=25)
    set_limit(page, "Sandbox", requests_per_minute=30, tokens_per_day=200)
    set_limit(page, "Editor on my laptop", concurrent=4, money_per_day=2)
    page.reload()  # without the messages of what was saved
    take(page, "limits")


def set_limit(page: Page, subject: str, **values: int) -> None:
    page.click("#new-limit")
    label = page.locator("[name=about] option", has_text=subject).first.inner_text()
    page.select_option("[name=about]", label=label)
    for name, value in values.items():
        page.fill(f"[name={name}]", str(value))
    page.click("#save")
    page.wait_for_selector(".dialog", state="hidden")


def take(page: Page, name: str) -> None:
    page.mouse.move(0, 0)
    page.wait_for_timeout(400)  # animations are over
    page.screenshot(path=PICTURES / f"{name}.png")


def tour(browser: Browser, link: str) -> None:
    page = browser.new_page(viewport=SIZE, device_scale_factor=1.5, color_scheme="light")
    make_account(page, link)
    for provider, key in KEYS.items():
        connect(page, provider, key)
    call(page, make_token(page))
    page.get_by_role("link", name="Marketplace", exact=True).click()
    page.wait_for_selector(".grid")
    take(page, "marketplace")
    page.click("#card-sandbox")
    page.get_by_role("tab", name="Usage").click()
    page.wait_for_selector(".tiles")
    take(page, "usage")
    page.keyboard.press("Escape")
    set_limits(page)
    page.emulate_media(color_scheme="dark")
    page.get_by_role("link", name="Marketplace", exact=True).click()
    page.click("#card-mistral")
    page.fill("[name=key]", "demonstration0123456789abcdef012")
    take(page, "dialog")


def main() -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    chromium = os.environ.get("CHROMIUM", "/usr/bin/chromium")
    with server() as link, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu"]
        )
        tour(browser, link)
        browser.close()


if __name__ == "__main__":
    main()

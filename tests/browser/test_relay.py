"""A browser app on another origin: what it can call, and what a provider can do to it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from integrations.actions import integrations as actions
from integrations.audit import Actor
from integrations.inputs import IntegrationInput
from tests.factories import make_token
from tests.fakes import serve

CHAT = {"model": "sandbox", "messages": [{"role": "user", "content": "What is 17 + 25?"}]}

CALL = """async ([url, token, body]) => {
  const response = await fetch(url, {
    method: "POST",
    headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  return { status: response.status, id: response.headers.get("x-request-id"), text: await response.text() };
}"""

# What an app would have to do to fall for it: show in a frame, as a page, what it was given.
EMBED = """async ([url, token]) => {
  const response = await fetch(url, {
    method: "POST",
    headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json" },
    body: JSON.stringify({ model: "sandbox", messages: [] }),
  });
  const frame = document.createElement("iframe");
  frame.src = URL.createObjectURL(await response.blob());
  document.body.append(frame);
  await new Promise((resolve) => setTimeout(resolve, 300));
  return response.headers.get("content-type");
}"""


async def _page(scope: Any, receive: Any, send: Any) -> None:
    headers = [(b"content-type", b"text/html")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"<!doctype html><title>An app</title>"})


async def _hostile(scope: Any, receive: Any, send: Any) -> None:
    """A provider that answers whatever comes with a page that runs."""
    body = b"<!doctype html><script>parent.postMessage('ran', '*'); top.ran = true</script>"
    headers = [(b"content-type", b"text/html"), (b"set-cookie", b"evil=1; Path=/")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@dataclass
class Setup:
    app: str
    """The origin of the browser app."""
    stranger: str
    token: str
    site: str

    def chat(self, path: str = "/api/proxy/openai-compatible/chat/completions") -> list[Any]:
        return [self.site + path, self.token, CHAT]


@pytest.fixture
def setup(site: str, alice: Any, fake: Any) -> Iterator[Setup]:
    with serve(_page, lifespan="off") as app, serve(_page, lifespan="off") as stranger:
        origin = f"http://127.0.0.1:{app}"
        data = IntegrationInput(
            key="sk-test-0123456789", base_url=f"{fake.url}/v1", policy={"origins": [origin]}
        )
        actions.create(Actor(user_id=alice.pk), alice, "openai-compatible", data)
        _, token = make_token(alice, scopes=("chat", "proxy"))
        yield Setup(origin, f"http://127.0.0.1:{stranger}", token, site)


def test_a_listed_page_calls_the_relay_and_reads_the_answer(page: Page, setup: Setup):
    page.goto(setup.app)
    answer = page.evaluate(CALL, setup.chat())
    assert answer["status"] == 200
    assert "42" in answer["text"]
    assert answer["id"].startswith("req_")


def test_a_listed_page_reads_our_errors_too(page: Page, setup: Setup):
    page.goto(setup.app)
    answer = page.evaluate(CALL, setup.chat("/api/proxy/openai-compatible/organization/users"))
    assert answer["status"] == 403
    assert "does not carry" in answer["text"]


def test_a_listed_page_speaks_openais_dialect(page: Page, setup: Setup):
    page.goto(setup.app)
    body = {**CHAT, "model": "openai-compatible/sandbox"}
    answer = page.evaluate(CALL, [f"{setup.site}/v1/chat/completions", setup.token, body])
    assert answer["status"] == 200
    assert "42" in answer["text"]


def test_an_unlisted_page_can_call_nothing(page: Page, setup: Setup, fake: Any):
    page.goto(setup.stranger)
    for path in ("/api/proxy/openai-compatible/chat/completions", "/v1/chat/completions"):
        answer = page.evaluate(
            f"(call) => ({CALL})(call).catch((error) => error.name)", setup.chat(path)
        )
        assert answer == "TypeError"
    assert fake.requests == []


def test_a_page_that_the_provider_sends_is_not_run(
    page: Page, setup: Setup, alice: Any, allow_private: Any
):
    with serve(_hostile, lifespan="off") as port:
        allow_private(f"127.0.0.1:{port}")
        data = IntegrationInput(
            key="sk-test-0123456789",
            base_url=f"http://127.0.0.1:{port}/v1",
            policy={"origins": [setup.app]},
        )
        made = actions.create(Actor(user_id=alice.pk), alice, "openai-compatible", data)
        url = f"{setup.site}/api/proxy/custom/{made.id}/chat/completions"
        page.goto(setup.app)
        page.on("download", lambda download: download.cancel())
        media = page.evaluate(EMBED, [url, setup.token])
        assert page.evaluate("window.ran") is None
        assert media == "application/octet-stream"
        assert page.context.cookies() == []
        expect(page).to_have_title("An app")

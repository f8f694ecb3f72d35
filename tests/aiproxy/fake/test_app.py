"""The faults that only a socket can show."""

from __future__ import annotations

import time
from typing import Any

import httpx
import pytest

from aiproxy.fake.app import FakeProvider
from tests.waiting import eventually

CHAT = {"model": "sandbox", "messages": [{"role": "user", "content": "Hello"}]}


def post(
    fake, model: str = "sandbox", stream: bool = False, timeout: float = 5.0
) -> httpx.Response:
    body = {**CHAT, "model": model, "stream": stream}
    return httpx.post(
        fake.url + "/v1/chat/completions", json=body, timeout=timeout, trust_env=False
    )


def test_a_request_is_kept_to_be_looked_at(fake):
    assert post(fake).status_code == 200
    (received,) = fake.requests
    assert (received.method, received.path) == ("POST", "/v1/chat/completions")
    assert received.json()["model"] == "sandbox"
    eventually(lambda: received.outcome == "done")


def test_a_whole_answer_tells_its_length(fake):
    response = post(fake)
    assert int(response.headers["content-length"]) == len(response.content)


def test_a_stream_comes_in_chunks(fake):
    response = post(fake, stream=True)
    assert response.headers["transfer-encoding"] == "chunked"
    assert response.text.endswith("data: [DONE]\n\n")


def test_a_delay_is_waited_for(fake):
    started = time.monotonic()
    post(fake, "fake-slow-100")
    assert time.monotonic() - started >= 0.1


@pytest.mark.parametrize("stream", [False, True])
def test_a_cut_breaks_the_connection(fake, stream):
    with pytest.raises(httpx.RemoteProtocolError):
        post(fake, "fake-cut-1", stream)
    eventually(lambda: fake.requests[0].outcome == "cut")


def test_a_drip_comes_byte_by_byte(fake):
    response = post(fake, "fake-error-500-drip-0")
    assert response.json()["error"]["message"]


def test_a_huge_line_is_as_long_as_asked_for(fake):
    assert len(post(fake, "fake-line-300000").content) == 300_000 + len("data: ")


def test_a_compressed_answer_holds_as_much_as_asked_for(fake):
    response = post(fake, "fake-gzip-5000000")
    assert len(response.content) == 5_000_000
    assert int(response.num_bytes_downloaded) < 10_000


def test_an_answer_has_as_many_headers_as_asked_for(fake):
    response = post(fake, "fake-headers-80")
    assert sum(name.startswith("x-filler-") for name in response.headers) == 80


def test_a_stream_of_pings_never_ends(fake):
    body = {**CHAT, "model": "fake-ping-1", "stream": True}
    with httpx.stream(
        "POST", fake.url + "/v1/chat/completions", json=body, trust_env=False
    ) as response:
        lines = response.iter_lines()
        assert [line for line, _ in zip(lines, range(8), strict=False)].count(": ping") >= 2
    eventually(lambda: fake.disconnects == 1)


@pytest.mark.parametrize(
    "model", ["fake-silence", "fake-stall-2", "fake-slow-60000", "fake-pace-60000"]
)
def test_a_client_that_leaves_is_noticed(fake, model):
    with pytest.raises(httpx.ReadTimeout):
        post(fake, model, stream=True, timeout=0.2)
    eventually(lambda: fake.disconnects == 1)


async def test_the_lifespan_is_answered():
    sent: list[Any] = []
    messages = iter([{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])

    async def receive():
        return next(messages)

    async def send(message) -> None:
        sent.append(message["type"])

    await FakeProvider()({"type": "lifespan"}, receive, send)
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


async def test_a_client_that_leaves_while_it_sends_is_forgotten():
    async def receive():
        return {"type": "http.disconnect"}

    async def send(message) -> None:
        raise AssertionError("nobody is there to hear it")

    app = FakeProvider()
    await app({"type": "http", "headers": [], "query_string": b""}, receive, send)
    assert app.requests == []

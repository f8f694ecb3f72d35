from __future__ import annotations

from collections.abc import Iterator

import pytest
from starlette.responses import RedirectResponse, Response

from aiproxy.upstream import fetch as fetching
from aiproxy.upstream.fetch import fetch
from providers.errors import (
    AddressRefused,
    CallTimeout,
    InvalidRequest,
    NetworkError,
    ServerError,
)
from tests.fakes import closed_port, serve, serve_raw


async def documents(scope, receive, send):
    answers = {
        "/api.json": Response(b'{"acme": 1}'),
        "/moved": RedirectResponse("/api.json"),
        "/large": Response(b"x" * 1000),
    }
    await answers.get(scope["path"], Response("gone", 404))(scope, receive, send)


@pytest.fixture
def site() -> Iterator[str]:
    with serve(documents, lifespan="off") as port:
        yield f"http://127.0.0.1:{port}"


async def test_document_is_read_whole(upstream, site):
    assert await fetch(upstream, f"{site}/api.json") == b'{"acme": 1}'


@pytest.mark.parametrize(("path", "status"), [("/nothing", "404"), ("/moved", "307")])
async def test_any_other_answer_is_refused(upstream, site, path, status):
    with pytest.raises(ServerError, match=f"answered with status {status}"):
        await fetch(upstream, site + path)


async def test_document_may_not_be_too_large(upstream, site, monkeypatch):
    monkeypatch.setattr(fetching, "MOST_BYTES", 999)
    with pytest.raises(ServerError, match="sent more than"):
        await fetch(upstream, f"{site}/large")


async def test_private_address_is_not_asked(upstream):
    with pytest.raises(AddressRefused):
        await fetch(upstream, "https://10.0.0.1/api.json")


async def test_nobody_there(upstream):
    with pytest.raises(NetworkError):
        await fetch(upstream, f"http://127.0.0.1:{closed_port()}/")


async def test_no_address(upstream):
    with pytest.raises(InvalidRequest):
        await fetch(upstream, "https://a.example:port/")


async def test_silence_ends(upstream, monkeypatch):
    monkeypatch.setattr(fetching, "SECONDS", 0.2)

    async def silent(line):
        await line.reader.read()

    with serve_raw(silent) as server, pytest.raises(CallTimeout):
        await fetch(upstream, f"http://127.0.0.1:{server.port}/")

"""Two workers, run for real on both databases: what happens at one holds at the other, and a database may go away."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.fakes import serve_fake
from tests.processes import Line, Site, furnish, served
from tests.servers import postgres
from tests.waiting import eventually

DATABASES = ("sqlite", "postgres")


@dataclass
class Pair:
    """A line to each worker, on which nothing needs to be signed in."""

    site: Site
    one: Line
    other: Line


@pytest.fixture(scope="module")
def fake():
    with serve_fake() as fake:
        yield fake


@pytest.fixture(scope="module", params=DATABASES)
def pair(request, fake, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    with ExitStack() as stack:
        environment = {"AIM_WORKERS": "2", "AIM_PRIVATE_ENDPOINTS": f"127.0.0.1:{fake.port}"}
        if request.param == "postgres":
            environment["DATABASE_URL"] = stack.enter_context(postgres())
        server = stack.enter_context(served())(folder / "var", **environment)
        server.line()
        site = furnish(server, fake)
        one, other = site.line_to_each()
        yield Pair(site, one, other)
        one.close()
        other.close()


def test_a_token_revoked_at_one_is_refused_by_the_other(pair):
    token = pair.site.second
    assert pair.one.chat(token=token) == pair.other.chat(token=token) == 200
    assert pair.one.ask("DELETE", f"/api/tokens/{token.id}")[0] == 204
    eventually(lambda: pair.other.chat(token=token) == 401)


def test_an_integration_edited_at_one_is_edited_for_the_other(pair):
    path = f"/api/integrations/{pair.site.integration}"
    assert pair.other.chat() == 200
    pair.one.ask("PUT", path, {"enabled": False})
    eventually(lambda: pair.other.chat() != 200)
    pair.one.ask("PUT", path, {"enabled": True})
    eventually(lambda: pair.other.chat() == 200)


def test_an_alias_made_at_one_is_known_to_the_other(pair):
    targets = [{"provider": "openai-compatible", "model": "fake-fast"}]
    made = pair.one.ask("POST", "/api/aliases", {"name": "quick", "targets": targets})
    assert made[0] == 201
    eventually(lambda: pair.other.chat("alias/quick") == 200)


def test_an_integration_in_trouble_at_one_is_left_alone_by_both_until_a_test_at_the_other(pair):
    for _ in range(5):
        pair.one.chat("fake-error-500")
    assert pair.one.chat() == 503
    eventually(lambda: pair.other.chat() == 503)
    seen = len(pair.site.fake.requests)
    assert pair.other.chat() == 503
    assert len(pair.site.fake.requests) == seen
    tested = pair.other.ask("POST", f"/api/integrations/{pair.site.integration}/test")
    assert tested[0] == 200
    assert pair.other.chat() == 200
    eventually(lambda: pair.one.chat() == 200)


def test_postgres_may_be_restarted(tmp_path: Path, fake: Any):
    place = f"127.0.0.1:{fake.port}"
    home = tmp_path / "postgres"
    home.mkdir()
    with served() as serve:
        with postgres(home) as url:
            server = serve(tmp_path / "var", DATABASE_URL=url, AIM_PRIVATE_ENDPOINTS=place)
            server.line()
            line = furnish(server, fake).line()
            assert line.chat() == 200
        eventually(lambda: line.chat() == 503, 15)
        status, headers, answer = line.ask("POST", "/v1/chat/completions", {})
        assert status == 503
        assert int(headers["retry-after"]) > 0
        assert "database" in answer["error"]["message"]
        assert server.get("/readyz").status == 503
        seen = len(fake.requests)
        assert line.chat() == 503
        assert len(fake.requests) == seen  # what cannot be recorded is not paid for
        with postgres(home):
            eventually(lambda: line.chat() == 200)
            eventually(lambda: server.get("/readyz").status == 200)
            line.close()
            assert server.stop()[0] == 0

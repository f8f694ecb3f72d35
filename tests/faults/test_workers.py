"""Two workers, run for real on SQLite, and on PostgreSQL with Valkey: what happens at one holds at the other, and what
they stand on may go away.
"""

from __future__ import annotations

from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.fakes import serve_fake
from tests.processes import Line, Site, body, furnish, served
from tests.servers import postgres, valkey
from tests.waiting import eventually

soon = partial(eventually, seconds=15)  # a second or two, unless the machine has much else to do


@pytest.fixture(scope="module")
def fake():
    with serve_fake() as fake:
        yield fake


@dataclass
class Pair:
    """A line to each of two workers."""

    site: Site
    one: Line
    other: Line

    @property
    def integration(self) -> str:
        return f"/api/integrations/{self.site.integration}"


def a_revoked_token_is_refused(pair: Pair) -> None:
    token = pair.site.second
    assert pair.one.chat(token=token) == pair.other.chat(token=token) == 200
    assert pair.one.ask("DELETE", f"/api/tokens/{token.id}")[0] == 204
    soon(lambda: pair.other.chat(token=token) == 401)


def an_edited_integration_is_edited(pair: Pair) -> None:
    assert pair.other.chat() == 200
    pair.one.ask("PUT", pair.integration, {"enabled": False})
    soon(lambda: pair.other.chat() != 200)
    pair.one.ask("PUT", pair.integration, {"enabled": True})
    soon(lambda: pair.other.chat() == 200)


def a_new_alias_is_known(pair: Pair) -> None:
    targets = [{"provider": "openai-compatible", "model": "fake-fast"}]
    made = pair.one.ask("POST", "/api/aliases", {"name": "quick", "targets": targets})
    assert made[0] == 201
    soon(lambda: pair.other.chat("alias/quick") == 200)


def an_integration_in_trouble_is_left_alone_until_a_test_reaches_it(pair: Pair) -> None:
    for _ in range(5):
        pair.one.chat("fake-error-500")
    assert pair.one.chat() == 503
    soon(lambda: pair.other.chat() == 503)
    seen = len(pair.site.fake.requests)
    assert pair.other.chat() == 503
    assert len(pair.site.fake.requests) == seen
    assert pair.other.ask("POST", f"{pair.integration}/test")[0] == 200
    assert pair.other.chat() == 200
    soon(lambda: pair.one.chat() == 200)


def a_limit_counts_the_calls_of_both(pair: Pair) -> None:
    given = {"kind": "integration", "integrationId": pair.site.integration, "requestsPerMinute": 2}
    status, _, limit = pair.one.ask("POST", "/api/limits", given)
    assert status == 201
    soon(lambda: pair.other.ask("GET", "/api/limits")[2][0]["fills"])
    answered = [line.chat() for _ in range(2) for line in (pair.one, pair.other)]
    assert answered == [200, 200, 429, 429]
    pair.one.ask("DELETE", f"/api/limits/{limit['id']}")
    soon(lambda: pair.one.chat() == pair.other.chat() == 200)


def what_one_keeps_the_other_gives_again(pair: Pair) -> None:
    questions = count()

    def ask(line: Line, question: int) -> str | None:
        call = body("fake-fast", seed=question)
        return line.ask("POST", "/v1/chat/completions", call)[1]["x-aim-cache"]

    pair.one.ask("PUT", pair.integration, {"policy": {"cacheSeconds": 60}})
    soon(lambda: ask(pair.other, next(questions)) is not None)
    assert [ask(pair.one, 4711), ask(pair.other, 4711)] == ["miss", "hit"]


@pytest.mark.parametrize("database", ["sqlite", "postgres"])
def test_what_happens_at_one_worker_holds_at_the_other(database, fake, tmp_path):
    # One test, because starting two workers takes longer than all it asks of them.
    with ExitStack() as stack:
        environment = {"AIM_WORKERS": "2", "AIM_PRIVATE_ENDPOINTS": f"127.0.0.1:{fake.port}"}
        redis = stack.enter_context(ExitStack())
        if database == "postgres":
            environment["DATABASE_URL"] = stack.enter_context(postgres())
            environment["REDIS_URL"] = redis.enter_context(valkey())
        server = stack.enter_context(served())(tmp_path / "var", **environment)
        server.line()
        site = furnish(server, fake)
        one, other = map(stack.enter_context, map(closing, site.line_to_each()))
        pair = Pair(site, one, other)
        a_revoked_token_is_refused(pair)
        an_edited_integration_is_edited(pair)
        a_new_alias_is_known(pair)
        an_integration_in_trouble_is_left_alone_until_a_test_reaches_it(pair)
        a_limit_counts_the_calls_of_both(pair)
        if database == "postgres":
            what_one_keeps_the_other_gives_again(pair)
            redis.close()
            assert {line.chat() for _ in range(5) for line in (one, other)} == {200}


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
        soon(lambda: line.chat() == 503)
        status, headers, answer = line.ask("POST", "/v1/chat/completions", {})
        assert status == 503
        assert int(headers["retry-after"]) > 0
        assert "database" in answer["error"]["message"]
        assert server.get("/readyz").status == 503
        seen = len(fake.requests)
        assert line.chat() == 503
        assert len(fake.requests) == seen  # what cannot be recorded is not paid for
        with postgres(home):
            soon(lambda: line.chat() == 200)
            soon(lambda: server.get("/readyz").status == 200)
            line.close()
            assert server.stop()[0] == 0

"""kill -9 at any moment, under load: no call whose end a client saw lacks its usage record.

FAULT_ROUNDS says how many times (`make faults`); without it a few.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
import sqlite3
import threading
from contextlib import ExitStack, closing, suppress

import httpx
import psycopg
import pytest

from tests.fakes import serve_fake
from tests.processes import body, furnish, served
from tests.servers import postgres
from tests.waiting import eventually

log = logging.getLogger(__name__)

ROUNDS = int(os.environ.get("FAULT_ROUNDS", "0"))
CLIENTS = 16
QUERY = "SELECT request_id FROM aiproxy_usagerecord"


class Load:
    """Clients that call as fast as they are answered, and note each answer that was complete."""

    def __init__(self, url, token):
        self.whole: list[str] = []
        self.streams: list[str] = []
        self._url = f"{url}/v1/chat/completions"
        self._headers = {"authorization": f"Bearer {token.text}"}
        self._thread = threading.Thread(target=lambda: asyncio.run(self._all()))
        self._thread.start()

    def flows(self):
        return min(len(self.whole), len(self.streams)) > 20

    def wait(self):
        """Until the server is gone and nobody is answered any more."""
        self._thread.join(30)
        assert not self._thread.is_alive()

    async def _all(self):
        async with httpx.AsyncClient(headers=self._headers, timeout=10, trust_env=False) as client:
            kinds = (self._call, self._stream)
            await asyncio.gather(*(self._again(kinds[n % 2], client) for n in range(CLIENTS)))

    async def _again(self, ask, client):
        with suppress(httpx.TransportError):  # the server is dead
            while True:
                await ask(client)

    async def _call(self, client):
        answer = await client.post(self._url, json=body("fake-fast"))
        assert answer.status_code == 200, answer.text
        self.whole.append(answer.headers["x-request-id"])

    async def _stream(self, client):
        call = body("fake-chunks-5", stream=True)
        async with client.stream("POST", self._url, json=call) as answer:
            assert answer.status_code == 200
            data = b""
            async for piece in answer.aiter_bytes():
                data += piece
                if b"data: [DONE]" in data:
                    self.streams.append(answer.headers["x-request-id"])
                    return


def recorded(url, data):
    """The request ids in the database, opened anew."""
    if url:
        with psycopg.connect(url) as database:
            return {row[0] for row in database.execute(QUERY)}
    with closing(sqlite3.connect(data / "db.sqlite3")) as file:
        assert file.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return {row[0] for row in file.execute(QUERY)}


@pytest.mark.timeout(900)
@pytest.mark.parametrize(("name", "few"), [("sqlite", 3), ("postgres", 1)])
def test_no_call_whose_end_was_seen_lacks_its_record(name, few, tmp_path):
    data, site = tmp_path / "var", None
    seen: set[str] = set()
    with ExitStack() as stack:
        fake = stack.enter_context(serve_fake())
        environment = {"AIM_PRIVATE_ENDPOINTS": f"127.0.0.1:{fake.port}"}
        if name == "postgres":
            environment["DATABASE_URL"] = stack.enter_context(postgres())
        serve = stack.enter_context(served())
        for _ in range(ROUNDS or few):
            server = serve(data, **environment)
            server.line()
            site = site or furnish(server, fake)
            load = Load(server.url, site.token)
            eventually(load.flows, 20)
            threading.Event().wait(random.uniform(0, 0.3))
            server.process.kill()
            load.wait()
            seen.update(load.whole, load.streams)
        found = recorded(environment.get("DATABASE_URL"), data)
        assert seen - found == set()
        log.info("%s: %d ends seen, %d records", name, len(seen), len(found))

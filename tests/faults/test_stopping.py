"""R19, R20: SIGTERM with calls under way."""

from __future__ import annotations

import signal
import socket
from concurrent.futures import ThreadPoolExecutor

import httpx

from tests.faults.dialects import ALL
from tests.waiting import eventually


def read(server, dialect, model: str) -> tuple[int, str]:
    path, body = dialect.ask(f"openai-compatible/{model}")
    response = httpx.post(
        server.url + path, json=body, headers=server.authorization, timeout=30, trust_env=False
    )
    return response.status_code, response.text


def listens(server) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", server.port), timeout=1):
            return True
    except OSError:
        return False


def test_a_stop_lets_calls_end_and_ends_the_rest_honestly(site, fake):
    server = site(AIM_DRAIN_SECONDS=2)
    with ThreadPoolExecutor(len(ALL) + 2) as callers:
        short = callers.submit(read, server, ALL[0], "fake-pace-40-chunks-25")
        long = [callers.submit(read, server, dialect, "fake-chunks-20-stall-5") for dialect in ALL]
        waiting = callers.submit(server.chat, "openai-compatible/fake-silence")
        eventually(lambda: len(fake.requests) == len(ALL) + 2, 10)
        server.process.send_signal(signal.SIGTERM)
        eventually(lambda: not listens(server))
        assert [one.result() for one in long if one.done()] == []
        ended = [one.result() for one in long]
        refused, (status, text) = waiting.result(), short.result()
    assert (status, ALL[0].error(text)) == (200, None)
    assert ALL[0].end in text
    for dialect, (_, text) in zip(ALL, ended, strict=True):
        error = dialect.error(text)
        assert error and "shutting down" in error["message"], text
        assert dialect.end not in text
    assert refused.status_code == 503
    assert refused.headers["retry-after"] == "1"
    assert server.process.wait(20) == 0
    outcomes = [outcome for (outcome,) in server.sql("SELECT outcome FROM aiproxy_usagerecord")]
    assert sorted(outcomes) == ["cancelled"] * (len(ALL) + 1) + ["ok"]
    assert "Traceback" not in server.log.read_text()

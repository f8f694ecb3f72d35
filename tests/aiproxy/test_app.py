"""The running server and what it stands on: Redis may go away."""

from __future__ import annotations

import pytest

from aiproxy.app import redis_answers
from tests.fakes import closed_port
from tests.servers import valkey
from tests.waiting import eventually

CALL = {
    "model": "openai-compatible/fake-fast",
    "messages": [{"role": "user", "content": "Hello"}],
}


@pytest.fixture
def redis_port(settings):
    """Must stand before ``machine`` in a test's arguments: the server reads it when it starts."""
    port = closed_port()
    settings.REDIS_URL = f"redis://127.0.0.1:{port}/0"
    return port


def test_redis_may_be_away_come_back_and_go_again(redis_port, machine, alice_client):
    machine.connect()

    def call():
        return machine.post("/v1/chat/completions", CALL).status_code

    assert redis_answers() is False
    assert call() == 200
    assert "Away: each worker counts for itself" in alice_client.get("/health/").text
    with valkey(redis_port):
        eventually(lambda: redis_answers() is True)
        assert call() == 200
        assert "Away" not in alice_client.get("/health/").text
    eventually(lambda: redis_answers() is False)
    assert call() == 200


def test_without_redis_nothing_is_said_of_it(machine, alice_client):
    assert redis_answers() is None
    assert "Redis" not in alice_client.get("/health/").text

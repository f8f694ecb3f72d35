"""R43, R44: a clock that jumps, and work that would hold up the event loop."""

from __future__ import annotations

import threading
import time
from datetime import timedelta

import pytest
import time_machine
from django.contrib.auth.hashers import Argon2PasswordHasher
from django.test import AsyncClient

from aiproxy.models import UsageRecord
from tests.factories import PASSWORD
from tests.faults.dialects import OPENAI


@pytest.mark.parametrize("hours", [1, -1])
def test_a_clock_that_jumps_ends_no_call_and_no_session(machine, signed_in, hours):
    """R43. Deadlines are kept by a clock that only runs."""
    machine.connect()
    browser = signed_in(machine.user)
    assert browser.get("/tokens/").status_code == 200
    path, body = OPENAI.ask("openai-compatible/fake-pace-20-chunks-20")
    with machine.stream(path, body) as response:
        lines = response.iter_lines()
        next(lines)
        with time_machine.travel(time.time() + hours * 3600, tick=True):
            rest = "\n".join(lines)
            assert browser.get("/tokens/").status_code == 200
            assert machine.post(*_short()).status_code == 200
    assert OPENAI.end in rest
    for record in UsageRecord.objects.all():
        assert record.outcome == "ok"
        assert record.latency_ms < timedelta(minutes=1).total_seconds() * 1000


def _short():
    path, body = OPENAI.ask("openai-compatible/fake-model")
    return path, {**body, "stream": False}


async def test_passwords_are_hashed_beside_the_event_loop(transactional_db, settings, monkeypatch):
    """R44. It takes a tenth of a second and more."""
    threads = []

    def encode(self, *given):
        threads.append(threading.get_ident())
        return original(self, *given)

    original = Argon2PasswordHasher.encode
    monkeypatch.setattr(Argon2PasswordHasher, "encode", encode)
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
    given = {"username": "nobody@example.com", "password": PASSWORD}
    await AsyncClient().post("/sign-in/", given)
    assert threads
    assert threading.get_ident() not in threads

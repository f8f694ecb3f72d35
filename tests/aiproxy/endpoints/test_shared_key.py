"""A call with the server's own key, through the running server, at a provider that a plugin brought."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from types import SimpleNamespace

import pytest

from aiproxy.models import UsageRecord
from integrations.actions import integrations, sharing
from integrations.audit import SYSTEM
from integrations.inputs import IntegrationInput
from marketplace.environment import ServerKeys
from providers import registry
from tests.factories import make_token

KEY = "sk-canary-of-the-server-0123456789"
TEXT = """
id = "plugged"
name = "Plugged"
description = ""
category = "llm"
adapter = "openai"
base_url = "{url}/v1"

[[auth]]
id = "key"
type = "api_key"
label = "Key"
prefix = "Bearer "
env = "PLUGGED_API_KEY"
"""


@pytest.fixture
def plugin(fake, monkeypatch, settings):
    class Entry(EntryPoint):
        def load(self):
            return SimpleNamespace(providers=[TEXT.format(url=fake.url)])

    entry = Entry(name="plugged", value="plugged", group="aim.providers")
    monkeypatch.setattr("providers.catalogue.plugins.entry_points", lambda group: [entry])
    settings.AIM_ENV_KEYS = ServerKeys({"PLUGGED_API_KEY": KEY})
    registry.forget(plugins=True)
    yield
    monkeypatch.undo()
    registry.forget(plugins=True)


@pytest.fixture
def ask(plugin, machine, bob):
    """``ask()`` is a call of bob's, who is no administrator and has no key."""
    _, token = make_token(bob)
    body = {"model": "plugged/sandbox", "messages": [{"role": "user", "content": "Hello"}]}
    return lambda **more: machine.post("/v1/chat/completions", body, token=token, **more)


def test_call_is_answered_while_the_key_is_shared_and_only_then(ask, machine, alice):
    assert ask().status_code == 404
    row = sharing.share(SYSTEM, alice, "plugged")
    assert ask().status_code == 200
    assert machine.fake.requests[-1].headers["authorization"] == f"Bearer {KEY}"
    sharing.unshare(SYSTEM, alice, row)
    assert ask().status_code == 404


def test_call_is_recorded_as_the_callers(ask, alice, bob):
    sharing.share(SYSTEM, alice, "plugged")
    ask()
    record = UsageRecord.objects.get()
    assert (record.owner, record.integration, record.outcome) == (bob, None, "ok")
    assert record.integration_name == "Plugged (the server’s)"


def test_key_that_is_gone_is_said_and_nothing_is_sent(ask, machine, alice, settings):
    sharing.share(SYSTEM, alice, "plugged")
    settings.AIM_ENV_KEYS = ServerKeys({})
    assert ask().status_code == 409
    assert not machine.fake.requests


def test_disabled_integration_of_ones_own_does_not_fall_back_to_it(ask, machine, alice, bob):
    sharing.share(SYSTEM, alice, "plugged")
    data = IntegrationInput(key="sk-of-bob-0123456789", enabled=False)
    integrations.create(SYSTEM, bob, "plugged", data)
    assert ask().status_code == 409
    assert not machine.fake.requests


def test_token_restricted_to_integrations_does_not_reach_it(ask, machine, alice, bob):
    sharing.share(SYSTEM, alice, "plugged")
    own = integrations.ensure_sandbox(bob)
    _, token = make_token(bob, integrations=[own])
    body = {"model": "plugged/sandbox", "messages": [{"role": "user", "content": "Hello"}]}
    assert machine.post("/v1/chat/completions", body, token=token).status_code == 404


def test_two_users_of_it_share_no_kept_answer(ask, machine, alice):
    """The integration and the request are the same for both; the answer is the one's alone."""
    sharing.share(SYSTEM, alice, "plugged")
    keep = {"x-aim-cache": "true"}
    body = {"model": "plugged/sandbox", "messages": [{"role": "user", "content": "Hello"}]}
    of_bob = [ask(headers=keep).headers["x-aim-cache"] for _ in range(2)]
    assert of_bob == ["miss", "hit"]
    of_alice = machine.post("/v1/chat/completions", body, headers=keep)
    assert of_alice.headers["x-aim-cache"] == "miss"
    assert len(machine.fake.requests) == 2

from __future__ import annotations

import json
import socket
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from integrations import credentials, live
from integrations.actions.providers import create_provider
from integrations.audit import SYSTEM
from integrations.models import AuditEvent
from integrations.provider_inputs import ProviderInput

KEY = "sk-canary-0123456789-wxyz"


@pytest.fixture
def add(alice, monkeypatch):
    """``add("--provider", "openai", key=KEY)`` for alice; gives what was printed."""

    def run(*arguments: str, key: str = "") -> str:
        out = StringIO()
        monkeypatch.setattr("sys.stdin", StringIO(f"{key}\n"))
        typed = ("--key-stdin",) if key else ()
        call_command("integration", "add", "--user", alice.email, *typed, *arguments, stdout=out)
        return out.getvalue()

    return run


@pytest.fixture
def nobody_listens(allow_private) -> str:
    """An address that the operator allows and that refuses connections."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    allow_private(f"127.0.0.1:{port}")
    return f"http://127.0.0.1:{port}/v1"


def test_json_holds_the_integration_and_no_key(add, alice):
    text = add(
        "--provider", "openai", "--name", "Work", "--model", "m", "--no-test", "--json", key=KEY
    )  # fmt: skip
    row = alice.integrations.get(name="Work")
    assert json.loads(text) == {
        "id": str(row.pk),
        "name": "Work",
        "providerId": "openai",
        "providerName": "OpenAI",
        "apiKey": "****wxyz",
        "apiKeyType": "api_key",
        "baseUrl": "https://api.openai.com/v1",
        "model": "m",
        "enabled": True,
        "testResult": None,
        "testMessage": "",
    }
    assert KEY not in text
    assert credentials.reveal(row).plain() == KEY


def test_key_is_never_an_argument(add):
    with pytest.raises(CommandError):
        add("--provider", "openai", "--key", KEY)


def test_good_provider_is_tested_and_stored(add, alice):
    found = json.loads(add("--provider", "sandbox", "--json"))
    assert (found["name"], found["testResult"]) == ("Sandbox 2", "ok")
    assert alice.integrations.get(pk=found["id"]).status == "connected"


def test_provider_that_fails_the_test_is_not_stored(add, alice, nobody_listens):
    arguments = ("--provider", "openai-compatible", "--base-url", nobody_listens)
    with pytest.raises(CommandError, match="--no-test") as caught:
        add(*arguments, key=KEY)
    assert KEY not in str(caught.value)
    assert alice.integrations.count() == 1


def test_provider_is_stored_untested_when_asked(add, alice, nobody_listens):
    arguments = ("--provider", "openai-compatible", "--base-url", nobody_listens)
    said = add(*arguments, "--no-test", key=KEY)
    row = alice.integrations.get(provider_id="openai-compatible")
    assert str(row.pk) in said
    assert (row.endpoint.url, row.test_result) == (nobody_listens, "")


def test_addition_is_audited(add, alice):
    add("--provider", "openai", "--no-test", key=KEY)
    event = AuditEvent.objects.filter(action="integration.created", target_name="OpenAI").get()
    assert (event.owner, event.actor) == (alice, None)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--provider", "no-such"), "provider_id: There is no such provider"),
        (("--provider", "openai"), "key: API key is needed"),
        (("--provider", "openai", "--base-url", "http://10.0.0.1"), "base_url: .*private"),
    ],
)
def test_bad_input_is_named_and_stores_nothing(add, alice, arguments, said):
    with pytest.raises(CommandError, match=said):
        add(*arguments)
    assert alice.integrations.count() == 1


def test_unknown_account_is_named(add):
    with pytest.raises(CommandError, match="createsuperuser"):
        add("--user", "nobody@example.com", "--provider", "openai")


def test_provider_that_an_administrator_added_is_known(alice, add):
    data = ProviderInput(
        id="acme", name="Acme", adapter="openai", base_url="https://a.example", ways=["none"]
    )
    create_provider(SYSTEM, alice, data)
    live.forget()  # a command begins in a process of its own
    assert "Acme is connected" in add("--provider", "acme", "--no-test")

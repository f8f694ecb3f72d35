from __future__ import annotations

import json
from datetime import datetime, timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from integrations import access, tokens
from integrations.models import AuditEvent


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("token", "create", *arguments, stdout=out)
    return out.getvalue()


def create(user, *arguments: str) -> str:
    return run("--user", user.email, "--name", "tool", "--scopes", "chat, embeddings", *arguments)


def test_json_holds_the_token_and_what_it_may_do(alice):
    found = json.loads(create(alice, "--json"))
    row = access.tokens_of(alice).get()
    assert tokens.well_formed(found["token"])
    assert row.digest in tokens.digests(found["token"])
    assert (found["id"], found["name"]) == (str(row.pk), "tool")
    assert (found["scopes"], found["integrations"]) == (["chat", "embeddings"], [])
    assert datetime.fromisoformat(found["expiresAt"]) == row.expires_at


def test_without_json_the_token_stands_alone(alice):
    assert tokens.well_formed(create(alice).strip())


def test_token_lives_90_days_or_as_long_as_asked(alice):
    for days, arguments in ((90, ()), (7, ("--days", "7"))):
        expires = datetime.fromisoformat(
            json.loads(create(alice, "--json", *arguments))["expiresAt"]
        )
        assert abs(expires - timezone.now() - timedelta(days=days)) < timedelta(minutes=1)


def test_zero_days_is_for_ever(alice):
    assert json.loads(create(alice, "--json", "--days", "0"))["expiresAt"] is None


def test_token_can_be_restricted(alice):
    sandbox = alice.integrations.get()
    found = json.loads(create(alice, "--json", "--integration", str(sandbox.pk)))
    assert found["integrations"] == [str(sandbox.pk)]


def test_account_may_be_named_in_any_case(alice):
    run("--user", alice.email.upper(), "--name", "tool", "--scopes", "chat")
    assert access.tokens_of(alice).count() == 1


def test_creation_is_audited(alice):
    create(alice)
    assert AuditEvent.objects.filter(action="token.issued", owner=alice).exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--days", "-1"), "days: Choose 0 to 365"),
        (("--days", "366"), "days: Choose 0 to 365"),
        (("--scopes", "everything"), "scopes: There is no scope 'everything'"),
        (("--scopes", ","), "scopes: Choose at least one"),
        (("--name", ""), "name: Give the token a name"),
        (("--integration", "5"), "integration: alice@example.com has no integration 5"),
        (("--user", "nobody@example.com"), "no account nobody@example.com"),
    ],
)
def test_bad_input_is_named_and_makes_nothing(alice, arguments, said):
    with pytest.raises(CommandError, match=said):
        create(alice, *arguments)
    assert not access.tokens_of(alice).exists()


def test_integration_of_somebody_else_is_refused(alice, bob):
    with pytest.raises(CommandError, match="has no integration"):
        create(alice, "--integration", str(bob.integrations.get().pk))

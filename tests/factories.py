"""Objects for tests, made the way the application makes them, with every argument optional."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

from django.contrib.auth import get_user_model
from django.db import transaction

from aiproxy.models import UsageRecord
from aiproxy.usage import rollups
from integrations.actions import integrations as integration_actions
from integrations.actions import tokens as token_actions
from integrations.audit import Actor
from integrations.inputs import IntegrationInput

if TYPE_CHECKING:
    from integrations.models import AccessToken, Integration
    from marketplace.models import User

PASSWORD = "correct horse battery"

_numbers = itertools.count(1)


def make_user(email: str = "", *, password: str = PASSWORD, **extra: Any) -> User:
    email = email or f"user{next(_numbers)}@example.com"
    return get_user_model().objects.create_user(email, password, **extra)


def make_integration(
    owner: User, provider_id: str = "openai", *, key: str = "sk-test-0123456789", **data: Any
) -> Integration:
    return integration_actions.create(
        Actor(user_id=owner.pk), owner, provider_id, IntegrationInput(key=key, **data)
    )


def make_token(
    owner: User, name: str = "", scopes: tuple[str, ...] = ("chat",), **data: Any
) -> tuple[AccessToken, str]:
    """The token and its text."""
    name = name or f"token {next(_numbers)}"
    token, text = token_actions.issue(Actor(user_id=owner.pk), owner, name, scopes, **data)
    return token, text.plain()


def make_call(owner: User, integration: Integration | None = None, **facts: Any) -> UsageRecord:
    """A call that has ended, as the recorder writes it: with its place in the sums."""
    data = {
        "integration": integration,
        "integration_name": integration.name if integration else "",
        "operation": "chat",
        "dialect": "native",
        "outcome": "ok",
        "request_id": f"req_{next(_numbers)}",
        "attempts": 1,
        "usage_source": "provider",
    }
    with transaction.atomic():
        call = UsageRecord.objects.create(owner=owner, **{**data, **facts})
        rollups.add([call])
    return call

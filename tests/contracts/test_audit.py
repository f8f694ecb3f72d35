"""Everything that writes is audited: each action of custody leaves an event of what it did, in its transaction."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import integrations.actions
from integrations.actions import integrations as of_integrations
from integrations.actions import tokens as of_tokens
from integrations.audit import Act, Actor
from integrations.inputs import IntegrationInput
from integrations.models import AccessToken, AuditEvent, Integration
from tests.factories import make_token, make_user

# Part of every action, or a question; they write nothing themselves.
NOT_ACTIONS = {"integrations.actions.change.change", "integrations.actions.tokens.default_expiry"}


class Scene:
    """Somebody with an integration and a token, and somebody who acts on them."""

    def __init__(self) -> None:
        self.owner = make_user()
        self.actor = Actor(self.owner.pk, None, "192.0.2.7", "req-1")
        self.integration = Integration.objects.create(
            owner=self.owner, provider_id="sandbox", name="Another"
        )
        self.token, _ = make_token(self.owner)

    def without_sandbox(self) -> Any:
        Integration.objects.filter(owner=self.owner).delete()
        return self.owner


ACTIONS: dict[Callable[..., Any], tuple[Callable[[Scene], Any], Act]] = {
    of_integrations.create: (
        lambda s: of_integrations.create(s.actor, s.owner, "sandbox", IntegrationInput()),
        Act.INTEGRATION_CREATED,
    ),
    of_integrations.edit: (
        lambda s: of_integrations.edit(s.actor, s.integration, IntegrationInput(name="New")),
        Act.INTEGRATION_EDITED,
    ),
    of_integrations.set_enabled: (
        lambda s: of_integrations.set_enabled(s.actor, s.integration, False),
        Act.INTEGRATION_DISABLED,
    ),
    of_integrations.delete: (
        lambda s: of_integrations.delete(s.actor, s.integration),
        Act.INTEGRATION_DELETED,
    ),
    of_integrations.record_test: (
        lambda s: of_integrations.record_test(s.integration, "ok", "It works.", s.actor),
        Act.INTEGRATION_TESTED,
    ),
    of_integrations.ensure_sandbox: (
        lambda s: of_integrations.ensure_sandbox(s.without_sandbox()),
        Act.INTEGRATION_CREATED,
    ),
    of_tokens.issue: (
        lambda s: of_tokens.issue(s.actor, s.owner, "tool", ["chat"]),
        Act.TOKEN_ISSUED,
    ),
    of_tokens.revoke: (lambda s: of_tokens.revoke(s.actor, s.token), Act.TOKEN_REVOKED),
}


def public_functions() -> Iterator[Callable[..., Any]]:
    """Every function that a module of ``actions`` defines and does not hide."""
    for info in pkgutil.walk_packages(integrations.actions.__path__, "integrations.actions."):
        module = importlib.import_module(info.name)
        for name, function in vars(module).items():
            own = inspect.isfunction(function) and function.__module__ == module.__name__
            if own and not name.startswith("_") and f"{info.name}.{name}" not in NOT_ACTIONS:
                yield function


def name_of(action: Callable[..., Any]) -> str:
    return f"{action.__module__}.{action.__name__}"


def test_every_action_is_in_the_table():
    assert {name_of(action) for action in public_functions()} == {name_of(key) for key in ACTIONS}


@pytest.mark.django_db
@pytest.mark.parametrize("action", ACTIONS, ids=name_of)
def test_action_writes_exactly_one_event_of_its_kind(action):
    scene = Scene()
    before = set(AuditEvent.objects.values_list("pk", flat=True))
    call, act = ACTIONS[action]
    call(scene)
    (event,) = AuditEvent.objects.exclude(pk__in=before)
    assert event.action == act
    assert event.owner == scene.owner
    assert event.target_id
    if action is not of_integrations.ensure_sandbox:
        assert (event.actor, event.ip, event.request_id) == (scene.owner, "192.0.2.7", "req-1")


@pytest.mark.django_db
@pytest.mark.parametrize("action", ACTIONS, ids=name_of)
def test_action_whose_event_cannot_be_written_changes_nothing(action, monkeypatch):
    scene = Scene()
    call, _ = ACTIONS[action]
    if action is of_integrations.ensure_sandbox:
        scene.without_sandbox()
    before = rows()

    def broken(*args: Any, **kwargs: Any) -> None:
        raise OSError("no room for another event")

    monkeypatch.setattr("integrations.audit.AuditEvent.objects.create", broken)
    with pytest.raises(OSError, match="no room"):
        call(scene)
    assert rows() == before


def rows() -> list[Any]:
    return [
        *Integration.objects.order_by("pk").values(),
        *AccessToken.objects.order_by("pk").values(),
    ]

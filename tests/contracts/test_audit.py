"""Everything that writes is audited: each action of custody leaves an event of what it did, in its transaction."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

import aiproxy.actions
import integrations.actions
from aiproxy.actions import AliasInput, LimitInput
from aiproxy.actions import aliases as of_aliases
from aiproxy.actions import limits as of_limits
from aiproxy.models import Alias, Limit
from integrations.actions import integrations as of_integrations
from integrations.actions import providers as of_providers
from integrations.actions import sharing as of_sharing
from integrations.actions import tokens as of_tokens
from integrations.audit import Act, Actor
from integrations.inputs import IntegrationInput
from integrations.models import AccessToken, AuditEvent, Integration, SharedKey
from integrations.provider_inputs import ModelInput, ProviderInput, provider
from marketplace.environment import ServerKeys
from providers.catalogue.spec import ModelSpec
from providers.models import CustomModel, CustomProvider
from tests.factories import make_token, make_user

# Part of every action, or a question; they write nothing themselves.
NOT_ACTIONS = {"integrations.actions.change.change", "integrations.actions.tokens.default_expiry"}


ACME = ProviderInput(id="acme", name="Acme", adapter="openai", base_url="https://acme.example/v1")
TARGET = {"provider": "openai", "model": "gpt-x"}


class Scene:
    """An administrator with an integration and a token, and what administrators add for everybody."""

    def __init__(self) -> None:
        self.owner = make_user(is_superuser=True)
        self.actor = Actor(self.owner.pk, None, "192.0.2.7", "req-1")
        self.integration = Integration.objects.create(
            owner=self.owner, provider_id="sandbox", name="Another"
        )
        self.token, _ = make_token(self.owner)
        _, acme = provider(ACME)
        self.provider = CustomProvider.objects.create(id="acme", spec=acme)
        self.model = CustomModel.objects.create(provider_id="openai", model_id="new", spec={})
        self.shared = SharedKey.objects.create(provider_id="groq", variable="GROQ_API_KEY")
        self.limit = Limit.objects.create(owner=self.owner, kind="user", concurrent=5)
        self.alias = Alias.objects.create(name="fast", targets=[TARGET])

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
    of_limits.set_limit: (
        lambda s: of_limits.set_limit(s.actor, s.owner, LimitInput(concurrent=7)),
        Act.LIMIT_SET,
    ),
    of_limits.remove_limit: (
        lambda s: of_limits.remove_limit(s.actor, s.owner, s.limit),
        Act.LIMIT_REMOVED,
    ),
}
# These are about the installation, so their events have no owner.
FOR_EVERYBODY: dict[Callable[..., Any], tuple[Callable[[Scene], Any], Act]] = {
    of_providers.create_provider: (
        lambda s: of_providers.create_provider(s.actor, s.owner, replace(ACME, id="another")),
        Act.PROVIDER_CREATED,
    ),
    of_providers.edit_provider: (
        lambda s: of_providers.edit_provider(
            s.actor, s.owner, s.provider, ProviderInput(name="New")
        ),
        Act.PROVIDER_EDITED,
    ),
    of_providers.delete_provider: (
        lambda s: of_providers.delete_provider(s.actor, s.owner, s.provider),
        Act.PROVIDER_DELETED,
    ),
    of_providers.create_model: (
        lambda s: of_providers.create_model(s.actor, s.owner, "openai", ModelInput(id="newer")),
        Act.MODEL_CREATED,
    ),
    of_providers.edit_model: (
        lambda s: of_providers.edit_model(s.actor, s.owner, s.model, ModelInput(name="New")),
        Act.MODEL_EDITED,
    ),
    of_providers.delete_model: (
        lambda s: of_providers.delete_model(s.actor, s.owner, s.model),
        Act.MODEL_DELETED,
    ),
    of_providers.adopt_models: (
        lambda s: of_providers.adopt_models(s.actor, "openai", [ModelSpec(id="newer")]),
        Act.MODELS_ADOPTED,
    ),
    of_sharing.share: (
        lambda s: of_sharing.share(s.actor, s.owner, "openai"),
        Act.SERVER_KEY_SHARED,
    ),
    of_sharing.unshare: (
        lambda s: of_sharing.unshare(s.actor, s.owner, s.shared),
        Act.SERVER_KEY_UNSHARED,
    ),
    of_aliases.create_alias: (
        lambda s: of_aliases.create_alias(s.actor, s.owner, AliasInput("slow", "", [TARGET])),
        Act.ALIAS_CREATED,
    ),
    of_aliases.edit_alias: (
        lambda s: of_aliases.edit_alias(s.actor, s.owner, s.alias, AliasInput(name="faster")),
        Act.ALIAS_EDITED,
    ),
    of_aliases.delete_alias: (
        lambda s: of_aliases.delete_alias(s.actor, s.owner, s.alias),
        Act.ALIAS_DELETED,
    ),
}
ACTIONS |= FOR_EVERYBODY


@pytest.fixture(autouse=True)
def environment(settings: Any) -> None:
    settings.AIM_ENV_KEYS = ServerKeys({"OPENAI_API_KEY": "sk-canary-0123456789"})


def public_functions() -> Iterator[Callable[..., Any]]:
    """Every function that an ``actions`` module defines and does not hide."""
    found = [
        *pkgutil.walk_packages(integrations.actions.__path__, "integrations.actions."),
        *pkgutil.walk_packages(aiproxy.actions.__path__, "aiproxy.actions."),
    ]
    for module in (importlib.import_module(info.name) for info in found):
        for name, function in vars(module).items():
            own = inspect.isfunction(function) and function.__module__ == module.__name__
            if own and not name.startswith("_") and f"{module.__name__}.{name}" not in NOT_ACTIONS:
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
    assert event.owner == (None if action in FOR_EVERYBODY else scene.owner)
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
        *CustomProvider.objects.order_by("pk").values(),
        *CustomModel.objects.order_by("pk").values(),
        *Alias.objects.order_by("pk").values(),
        *Limit.objects.order_by("pk").values(),
        *SharedKey.objects.order_by("pk").values(),
    ]

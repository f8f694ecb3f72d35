"""Aliases are changed by administrators, and only to what can lead somewhere."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from django.core.exceptions import ValidationError

from aiproxy import actions
from aiproxy.actions import AliasInput
from aiproxy.models import Alias
from integrations.audit import SYSTEM
from integrations.errors import NotAllowed
from integrations.models import AuditEvent
from tests.factories import make_integration

TARGET: dict[str, Any] = {"provider": "openai", "model": "gpt-x"}


@pytest.fixture
def fast(alice):
    return actions.create_alias(SYSTEM, alice, AliasInput("fast", "Quick ones", [TARGET]))


def test_alias_keeps_the_order_of_its_targets_and_each_once(alice):
    other = {"provider": "groq", "model": "llama"}
    data = AliasInput(name="fast", targets=[other, TARGET, other])
    assert actions.create_alias(SYSTEM, alice, data).targets == [other, TARGET]


def test_alias_may_lead_to_an_integration(alice):
    target = {"integrationId": str(make_integration(alice).pk), "model": "gpt-x"}
    alias = actions.create_alias(SYSTEM, alice, AliasInput(name="fast", targets=[target]))
    assert alias.targets == [target]


@pytest.mark.parametrize("name", ["", "Fast", "a/b", "a b", "-a", "ä", "x" * 101])
def test_name_has_to_be_a_plain_one(alice, name):
    with pytest.raises(ValidationError) as caught:
        actions.create_alias(SYSTEM, alice, AliasInput(name=name, targets=[TARGET]))
    assert list(caught.value.message_dict) == ["name"]


def test_name_is_taken_once(alice, fast):
    with pytest.raises(ValidationError, match="already an alias"):
        actions.create_alias(SYSTEM, alice, AliasInput(name="fast", targets=[TARGET]))


@pytest.mark.parametrize(
    "targets",
    [
        [],
        [{"provider": "openai"}],
        [{"model": "gpt-x"}],
        [{**TARGET, "integrationId": str(uuid4())}],
        [{"provider": "no-such", "model": "m"}],
        [{"integrationId": "7", "model": "m"}],
        [{"integrationId": str(uuid4()), "model": "m"}],
        [TARGET] * 21,
    ],
)
def test_target_has_to_be_one(alice, targets):
    with pytest.raises(ValidationError) as caught:
        actions.create_alias(SYSTEM, alice, AliasInput(name="fast", targets=targets))
    assert list(caught.value.message_dict) == ["targets"]


def test_edit_leaves_what_is_not_given(alice, fast):
    edited = actions.edit_alias(SYSTEM, alice, fast, AliasInput(description="New"))
    assert (edited.name, edited.description, edited.targets) == ("fast", "New", [TARGET])


def test_only_an_administrator_changes_aliases(alice, bob, fast):
    for act in (
        lambda: actions.create_alias(SYSTEM, bob, AliasInput(name="x", targets=[TARGET])),
        lambda: actions.edit_alias(SYSTEM, bob, fast, AliasInput(description="x")),
        lambda: actions.delete_alias(SYSTEM, bob, fast),
    ):
        with pytest.raises(NotAllowed):
            act()
    assert Alias.objects.get().description == "Quick ones"


def test_strategy_and_weights_are_kept(alice):
    rare = {"provider": "groq", "model": "llama", "weight": 0}
    data = AliasInput(name="fast", targets=[TARGET | {"weight": 1}, rare], strategy="weighted")
    alias = actions.create_alias(SYSTEM, alice, data)
    assert (alias.strategy, alias.targets) == ("weighted", [TARGET, rare])


def test_strategy_has_to_be_one(alice):
    with pytest.raises(ValidationError) as caught:
        actions.create_alias(SYSTEM, alice, AliasInput("fast", "", [TARGET], "best"))
    assert list(caught.value.message_dict) == ["strategy"]


@pytest.mark.parametrize("weight", [-1, 1_001, 1.5, "2", True])
def test_weight_has_to_be_a_whole_number(alice, weight):
    with pytest.raises(ValidationError, match="whole numbers between 0 and 1000"):
        actions.create_alias(
            SYSTEM, alice, AliasInput("fast", "", [TARGET | {"weight": weight}], "weighted")
        )


def test_weights_must_leave_something_to_draw(alice, fast):
    never = [TARGET | {"weight": 0}]
    assert actions.edit_alias(SYSTEM, alice, fast, AliasInput(targets=never)).targets == never
    with pytest.raises(ValidationError, match="above 0"):
        actions.edit_alias(SYSTEM, alice, fast, AliasInput(strategy="weighted"))


def test_one_place_cannot_have_two_weights(alice):
    twice = [TARGET, TARGET | {"weight": 2}]
    with pytest.raises(ValidationError, match="twice"):
        actions.create_alias(SYSTEM, alice, AliasInput("fast", "", twice))


def test_audit_tells_how_an_alias_chooses(alice):
    actions.create_alias(SYSTEM, alice, AliasInput("fast", "", [TARGET], "weighted"))
    data = AuditEvent.objects.get(action="alias.created").data
    assert data == {"strategy": "weighted", "targets": ["openai/gpt-x ×1"]}

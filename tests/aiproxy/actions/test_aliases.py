"""Aliases are changed by administrators, and only to what can lead somewhere."""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.core.exceptions import ValidationError

from aiproxy import actions
from aiproxy.actions import AliasInput
from aiproxy.models import Alias
from integrations.audit import SYSTEM
from integrations.errors import NotAllowed
from tests.factories import make_integration

TARGET = {"provider": "openai", "model": "gpt-x"}


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

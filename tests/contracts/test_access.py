"""Nobody reaches what is another person's: every way from a person to rows, tried with two of them.

What the URLs do with it is tried in tests/marketplace; this is the floor they all stand on.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.db.models import Model, QuerySet

from integrations import access, live
from integrations.actions import tokens
from integrations.audit import SYSTEM
from integrations.models import AccessToken, AuditEvent, Integration

LISTS: dict[Callable[..., QuerySet[Any]], type[Model]] = {
    access.integrations_of: Integration,
    access.tokens_of: AccessToken,
    access.audit_of: AuditEvent,
}
LOOKUPS: dict[Callable[..., Model], type[Any]] = {
    access.get_integration: Integration,
    access.get_token: AccessToken,
}
# These begin from a row that one of the others has already let through.
FROM_A_ROW = {access.tokens_using, access.touch}

# These are about a person alone.
NO_ROWS = {access.is_administrator, access.need_administrator}


@pytest.fixture
def everybody(alice, bob, carol) -> list[Any]:
    """Each has a sandbox since the account was made; alice and bob have a token too."""
    for user in (alice, bob):
        tokens.issue(SYSTEM, user, "tool", ["chat"])
    return [alice, bob, carol]


def name_of(function: Callable[..., Any]) -> str:
    return function.__name__


def test_every_way_to_rows_is_in_the_tables():
    public: set[Callable[..., Any]] = {
        function
        for name, function in vars(access).items()
        if inspect.isfunction(function)
        and function.__module__ == access.__name__
        and name[0] != "_"
    }
    assert public == {*LISTS, *LOOKUPS, *FROM_A_ROW, *NO_ROWS}


@pytest.mark.parametrize("rows_of", LISTS, ids=name_of)
def test_list_holds_all_of_mine_and_nothing_else(everybody, rows_of):
    for user in everybody:
        expected = set(LISTS[rows_of]._default_manager.filter(owner=user))
        assert set(rows_of(user)) == expected


@pytest.mark.parametrize("get", LOOKUPS, ids=name_of)
def test_id_of_somebody_else_is_answered_like_an_unknown_one(everybody, get):
    model = LOOKUPS[get]
    for row in model.objects.all():
        for user in everybody:
            if row.owner == user:
                assert get(user, row.pk) == row
            else:
                with pytest.raises(model.DoesNotExist) as theirs:
                    get(user, row.pk)
                with pytest.raises(model.DoesNotExist) as unknown:
                    get(user, "00000000-0000-4000-8000-000000000000")
                assert str(theirs.value) == str(unknown.value)


@pytest.mark.django_db(transaction=True)
def test_call_path_finds_only_the_callers_own(everybody):
    live.forget()
    find = async_to_sync(live.find)
    for row in Integration.objects.all():
        for user in everybody:
            found = find(user.pk, row.pk)
            assert (found is not None) == (row.owner_id == user.pk)

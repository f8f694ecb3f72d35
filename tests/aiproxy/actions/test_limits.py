"""Who may set which limit, on whose calls, and what it may say."""

from __future__ import annotations

from decimal import Decimal
from uuid import uuid4

import pytest
from django.core.exceptions import ValidationError

from aiproxy import access
from aiproxy.actions import LimitInput, remove_limit, set_limit
from aiproxy.models import Limit
from integrations.audit import SYSTEM
from integrations.errors import NotAllowed
from tests.factories import make_integration, make_token


@pytest.mark.parametrize(
    ("data", "key"),
    [
        (LimitInput(), "__all__"),
        (LimitInput(kind="planet", concurrent=1), "kind"),
        (LimitInput(requests_per_minute=0), "requests_per_minute"),
        (LimitInput(tokens_per_minute=-5), "tokens_per_minute"),
        (LimitInput(concurrent=10**9), "concurrent"),
        (LimitInput(money_per_day=Decimal(0)), "money_per_day"),
        (LimitInput(money_per_day=Decimal("NaN")), "money_per_day"),
        (LimitInput(money_per_month=Decimal("0.0000001")), "money_per_month"),
        (LimitInput(concurrent=1, queue_seconds=301), "queue_seconds"),
        (LimitInput(kind="provider", concurrent=1), "provider_id"),
        (LimitInput(kind="provider", provider_id="no-such", concurrent=1), "provider_id"),
        (LimitInput(kind="token", concurrent=1), "token_id"),
        (LimitInput(kind="token", token_id=uuid4(), concurrent=1), "token_id"),
        (LimitInput(kind="integration", integration_id=uuid4(), concurrent=1), "integration_id"),
        (LimitInput(provider_id="openai", concurrent=1), "provider_id"),
    ],
)
def test_bad_input_is_told_by_its_field(bob, data, key):
    with pytest.raises(ValidationError) as caught:
        set_limit(SYSTEM, bob, data)
    assert list(caught.value.message_dict) == [key]
    assert not Limit.objects.exists()


def test_setting_again_replaces_the_whole_limit(bob):
    first = set_limit(SYSTEM, bob, LimitInput(requests_per_minute=5, queue_seconds=3))
    again = set_limit(SYSTEM, bob, LimitInput(concurrent=2))
    assert again.pk == first.pk
    stored = Limit.objects.get()
    assert (stored.requests_per_minute, stored.concurrent, stored.queue_seconds) == (None, 2, 0)


def test_each_subject_has_a_limit_of_its_own(bob):
    integration, (token, _) = make_integration(bob), make_token(bob)
    for data in (
        LimitInput(concurrent=1),
        LimitInput(concurrent=1, kind="provider", provider_id="openai"),
        LimitInput(concurrent=1, kind="integration", integration_id=integration.pk),
        LimitInput(concurrent=1, kind="token", token_id=token.pk),
    ):
        set_limit(SYSTEM, bob, data)
    assert Limit.objects.count() == 4


def test_what_is_another_persons_cannot_be_limited(alice, bob):
    for data in (
        LimitInput("integration", integration_id=make_integration(alice).pk, concurrent=1),
        LimitInput("token", token_id=make_token(alice)[0].pk, concurrent=1),
    ):
        with pytest.raises(ValidationError):
            set_limit(SYSTEM, bob, data)


def test_an_administrator_limits_anybody_and_the_holder_cannot_change_it(alice, bob):
    mine = set_limit(SYSTEM, bob, LimitInput(concurrent=9))
    theirs = set_limit(SYSTEM, alice, LimitInput(concurrent=2, by_operator=True), bob)
    assert set(access.limits_of(bob)) == {mine, theirs}
    with pytest.raises(NotAllowed):
        set_limit(SYSTEM, bob, LimitInput(concurrent=99, by_operator=True))
    with pytest.raises(NotAllowed):
        remove_limit(SYSTEM, bob, theirs)
    remove_limit(SYSTEM, alice, theirs)
    assert set(access.limits_of(bob)) == {mine}


def test_a_holders_own_limits_are_nobody_elses_business(alice, bob, carol):
    mine = set_limit(SYSTEM, bob, LimitInput(concurrent=9))
    for other in (alice, carol):
        with pytest.raises(NotAllowed):
            set_limit(SYSTEM, other, LimitInput(concurrent=1), bob)
        with pytest.raises(NotAllowed):
            remove_limit(SYSTEM, other, mine)
        with pytest.raises(Limit.DoesNotExist):
            access.get_limit(other, mine.pk)
    assert access.get_limit(bob, str(mine.pk)) == mine


def test_administrators_find_what_they_set_and_strangers_do_not(alice, bob, carol):
    set_for_bob = set_limit(SYSTEM, alice, LimitInput(concurrent=2, by_operator=True), bob)
    assert access.get_limit(alice, set_for_bob.pk) == access.get_limit(bob, set_for_bob.pk)
    for wrong in (set_for_bob.pk, "nonsense", uuid4()):
        with pytest.raises(Limit.DoesNotExist):
            access.get_limit(carol, wrong)

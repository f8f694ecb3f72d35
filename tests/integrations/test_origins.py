import pytest

from integrations import live, origins
from integrations.actions import integrations as actions
from integrations.audit import SYSTEM
from integrations.inputs import IntegrationInput
from tests.factories import make_integration

ONE, TWO = "https://one.example", "https://two.example"

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def integration(alice):
    return make_integration(alice, policy={"origins": [ONE]})


def test_every_change_of_an_integration_holds_at_once(alice, bob, integration):
    assert origins.everywhere() == {ONE}
    other = make_integration(bob, policy={"origins": [TWO]})
    assert origins.everywhere() == {ONE, TWO}
    actions.edit(SYSTEM, other, IntegrationInput(policy={"origins": []}))
    assert origins.everywhere() == {ONE}
    actions.set_enabled(SYSTEM, integration, False)
    assert origins.everywhere() == frozenset()
    actions.set_enabled(SYSTEM, integration, True)
    actions.delete(SYSTEM, integration)
    assert origins.everywhere() == frozenset()


def test_another_process_hears_of_it(integration):
    live.forget()
    assert origins.everywhere() == frozenset()
    live.look()
    assert origins.everywhere() == {ONE}


def test_pages_of_somebody_who_has_left_are_strangers(alice, integration):
    live.look()
    alice.is_active = False
    alice.save()
    live.look()
    assert origins.everywhere() == frozenset()

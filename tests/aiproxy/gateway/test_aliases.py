"""Where an alias leads a caller, and that it is answered from memory."""

from __future__ import annotations

import uuid

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext

from aiproxy import actions
from aiproxy.actions import AliasInput
from aiproxy.errors import NoRoute
from aiproxy.gateway import aliases
from aiproxy.gateway.routing import of_alias, way
from aiproxy.models import Alias
from integrations.audit import SYSTEM
from tests.aiproxy.gateway.conftest import make_caller, make_connection

CALLER = make_caller()


def choose(connections, caller, model, integration_id):
    """The place that is asked first."""
    allowed = [one for one in connections if caller.may_use(one.id)]
    return way(allowed, model, integration_id).places[0].targets[0]


@pytest.fixture
def fast(db):
    """``fast`` is gpt-x at OpenAI, else llama at Groq."""
    targets = [{"provider": "openai", "model": "gpt-x"}, {"provider": "groq", "model": "llama"}]
    Alias.objects.create(name="fast", targets=targets)
    aliases.reload()


def test_alias_takes_the_first_place_the_caller_can_use(fast):
    groq, openai = make_connection("groq"), make_connection("openai")
    assert choose([groq, openai], CALLER, "fast", None).connection is openai
    only_groq = choose([groq], CALLER, "fast", None)
    assert (only_groq.connection, only_groq.model) == (groq, "llama")


def test_alias_passes_over_a_disabled_integration(fast):
    off, groq = make_connection("openai", enabled=False), make_connection("groq")
    assert choose([off, groq], CALLER, "fast", None).connection is groq


def test_alias_is_also_known_under_its_prefix(fast):
    assert choose([make_connection("groq")], CALLER, "alias/fast", None).model == "llama"


def test_alias_gives_all_its_places_in_order(fast):
    old, new, groq = make_connection("openai"), make_connection("openai"), make_connection("groq")
    places = of_alias([groq, old, new], "fast")
    found = [[target.connection for target in place.targets] for place in places]
    assert found == [[old, new], [groq]]


def test_alias_can_lead_to_one_integration(db):
    one, two = make_connection("openai"), make_connection("openai")
    Alias.objects.create(name="mine", targets=[{"integrationId": str(two.id), "model": "gpt-x"}])
    aliases.reload()
    assert choose([one, two], CALLER, "mine", None).connection is two


def test_alias_does_not_reach_past_the_token(fast):
    openai, groq = make_connection("openai"), make_connection("groq")
    caller = make_caller(integration_ids=frozenset({groq.id}))
    assert choose([openai, groq], caller, "fast", None).connection is groq


def test_alias_without_a_usable_place_says_where_it_leads(fast):
    with pytest.raises(NoRoute, match="openai/gpt-x, groq/llama"):
        choose([make_connection("anthropic")], CALLER, "fast", None)


def test_named_integration_serves_its_part_of_the_alias(fast):
    openai, groq = make_connection("openai"), make_connection("groq")
    assert choose([openai, groq], CALLER, "fast", groq.id).model == "llama"


def test_alias_wins_over_a_model_of_the_same_name(fast):
    twin = make_connection("anthropic", models=("fast",))
    assert choose([twin, make_connection("groq")], CALLER, "fast", None).model == "llama"


def test_lookup_asks_no_database(fast):
    with CaptureQueriesContext(database) as queries:
        assert aliases.find("fast")
        assert aliases.find(str(uuid.uuid4())) is None
    assert len(queries) == 0


def test_change_holds_when_it_is_committed(alice, django_capture_on_commit_callbacks):
    target = {"provider": "openai", "model": "gpt-x"}
    with django_capture_on_commit_callbacks(execute=True):
        alias = actions.create_alias(SYSTEM, alice, AliasInput(name="fast", targets=[target]))
    assert aliases.find("fast")
    with django_capture_on_commit_callbacks(execute=True):
        actions.delete_alias(SYSTEM, alice, alias)
    assert aliases.find("fast") is None

from __future__ import annotations

import uuid
from dataclasses import replace

import pytest

from aiproxy.errors import NoRoute
from aiproxy.gateway.routing import models_of, way
from integrations.errors import CredentialRequired, Disabled
from integrations.policy import CallPolicy
from integrations.secret import Secret
from providers.errors import InvalidRequest
from tests.aiproxy.gateway.conftest import make_caller, make_connection

CALLER = make_caller()


def choose(connections, caller, model, integration_id):
    """The place that is asked first."""
    allowed = [one for one in connections if caller.may_use(one.id)]
    return way(allowed, model, integration_id).places[0].targets[0]


def test_an_integration_named_by_id_wins_over_the_model():
    first, second = make_connection("openai"), make_connection("openai")
    target = choose([first, second], CALLER, "openai/gpt-x", second.id)
    assert target.connection is second
    assert target.model == "gpt-x"


def test_provider_and_model_choose_the_providers_oldest_enabled_integration():
    disabled, old, new = (
        make_connection("openai", enabled=False),
        make_connection("openai"),
        make_connection("openai"),
    )
    assert choose([disabled, old, new], CALLER, "openai/gpt-x", None).connection is old


def test_a_bare_model_chooses_the_only_provider_that_has_it():
    openai, anthropic = make_connection("openai"), make_connection("anthropic", models=("my-own",))
    assert choose([openai, anthropic], CALLER, "my-own", None).connection is anthropic


def test_a_bare_model_of_two_providers_asks_which():
    both = [make_connection("openai", models=("m",)), make_connection("groq", models=("m",))]
    with pytest.raises(InvalidRequest, match=r"groq/m, openai/m"):
        choose(both, CALLER, "m", None)


def test_a_disabled_twin_does_not_make_a_model_ambiguous():
    off, on = (
        make_connection("openai", models=("m",), enabled=False),
        make_connection("groq", models=("m",)),
    )
    assert choose([off, on], CALLER, "m", None).connection is on


def test_a_model_whose_own_name_has_a_slash_is_left_alone():
    router = make_connection("openrouter", models=("openai/gpt-x",))
    assert choose([router], CALLER, "openai/gpt-x", None).model == "openai/gpt-x"
    assert choose([router], CALLER, "openrouter/openai/gpt-x", None).model == "openai/gpt-x"


def test_without_a_model_the_integrations_default_is_used():
    connection = make_connection("openai", model="gpt-mine")
    assert choose([connection], CALLER, "", connection.id).model == "gpt-mine"


def test_without_model_and_integration_the_caller_is_asked():
    with pytest.raises(InvalidRequest, match="Name a model"):
        choose([make_connection()], CALLER, "", None)


def test_an_unknown_model_has_no_route():
    with pytest.raises(NoRoute, match="provider/model"):
        choose([make_connection()], CALLER, "no-such", None)


def test_an_unknown_integration_has_no_route():
    with pytest.raises(NoRoute):
        choose([make_connection()], CALLER, "openai/x", uuid.uuid4())


def test_a_token_for_one_integration_sees_no_other():
    mine, other = make_connection("openai"), make_connection("openai")
    caller = make_caller(integration_ids=frozenset({mine.id}))
    assert choose([other, mine], caller, "openai/x", None).connection is mine
    with pytest.raises(NoRoute):
        choose([other, mine], caller, "openai/x", other.id)


def test_a_disabled_integration_says_so():
    connection = make_connection(enabled=False)
    with pytest.raises(Disabled):
        choose([connection], CALLER, "openai/x", None)


def test_an_integration_without_its_key_asks_for_one():
    connection = make_connection(secret=Secret(""), has_key=False)
    with pytest.raises(CredentialRequired):
        choose([connection], CALLER, "openai/x", None)


def test_models_begin_with_the_default_and_stand_once():
    connection = make_connection("sandbox", model="sandbox-embed", models=("extra", "sandbox"))
    assert models_of(connection) == ["sandbox-embed", "extra", "sandbox"]


def names_of(connections, model):
    return [target.connection.name for target in way(connections, model).places[0].targets]


def test_a_second_integration_is_left_out_unless_its_owner_ranks_them():
    old, new = make_connection("openai", name="old"), make_connection("openai", name="new")
    assert names_of([old, new], "openai/gpt-x") == ["old"]
    ranked = replace(new, policy=CallPolicy(weight=2))
    assert names_of([old, ranked], "openai/gpt-x") == ["old", "new"]


def test_a_ranked_integration_that_cannot_be_called_is_passed_over():
    off = make_connection("openai", name="off", enabled=False, policy=CallPolicy(priority=1))
    keyless = make_connection("openai", name="keyless", has_key=False, policy=CallPolicy(weight=0))
    on = make_connection("openai", name="on")
    assert names_of([off, keyless, on], "openai/gpt-x") == ["on"]


def test_a_bare_model_of_ranked_integrations_is_spread_over_those_that_have_it():
    two = [
        make_connection("openai", name=name, models=("m",), policy=CallPolicy(weight=3))
        for name in ("one", "two")
    ]
    without = make_connection("openai", name="without", policy=CallPolicy(priority=0, weight=2))
    assert names_of([*two, without], "m") == ["one", "two"]


@pytest.mark.parametrize(
    ("policies", "strategy"),
    [
        ([CallPolicy(weight=2), CallPolicy()], "weighted"),
        ([CallPolicy(priority=1), CallPolicy()], "priority"),
        ([CallPolicy(weight=0), CallPolicy()], "priority"),
    ],
)
def test_route_says_whether_integrations_are_drawn(policies, strategy):
    ranked = [make_connection("openai", policy=policy) for policy in policies]
    assert way(ranked, "openai/gpt-x").strategy == strategy

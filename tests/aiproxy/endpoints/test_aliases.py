"""Aliases and added providers through the running server: usable at once, without a restart."""

from __future__ import annotations

import pytest

from aiproxy import actions
from aiproxy.actions import AliasInput
from aiproxy.models import UsageRecord
from integrations.actions import providers
from integrations.audit import SYSTEM
from integrations.provider_inputs import ModelInput, ProviderInput

ASK = [{"role": "user", "content": "What is 17 + 25?"}]


def ask(machine, model):
    body = {"model": model, "messages": ASK}
    return machine.post("/v1/chat/completions", body)


@pytest.fixture
def fast(machine):
    target = {"provider": "sandbox", "model": "sandbox"}
    unusable = {"provider": "groq", "model": "llama"}
    data = AliasInput(name="fast", targets=[unusable, target])
    return actions.create_alias(SYSTEM, machine.user, data)


def test_alias_answers_as_soon_as_it_is_made_and_not_when_it_is_gone(machine, fast):
    for name in ("fast", "alias/fast"):
        answer = ask(machine, name)
        assert answer.status_code == 200
        assert "42" in answer.json()["choices"][0]["message"]["content"]
        assert answer.headers["x-aim-provider"] == "sandbox"
    actions.delete_alias(SYSTEM, machine.user, fast)
    assert ask(machine, "fast").status_code == 404


def test_record_tells_what_was_asked_for_and_what_answered(machine, fast):
    ask(machine, "fast")
    record = UsageRecord.objects.get()
    assert (record.requested_model, record.model) == ("fast", "sandbox")


def test_alias_is_in_the_list_of_models_where_it_leads_somewhere(machine, fast):
    target = {"provider": "groq", "model": "llama"}
    actions.create_alias(SYSTEM, machine.user, AliasInput(name="nowhere", targets=[target]))
    listed = [model["id"] for model in machine.get("/v1/models").json()["data"]]
    assert "fast" in listed
    assert "nowhere" not in listed
    assert machine.get("/v1/models/alias/fast").json()["owned_by"] == "alias"


def test_added_provider_answers_at_once(machine):
    data = ProviderInput(
        id="acme",
        name="Acme",
        adapter="openai",
        base_url=f"{machine.fake.url}/v1",
        supported_models=[ModelInput(id="acme-large", input_price="1", output_price="2")],
    )
    providers.create_provider(SYSTEM, machine.user, data)
    machine.connect("acme", base_url="")
    answer = ask(machine, "acme/acme-large")
    assert answer.status_code == 200
    record = UsageRecord.objects.get()
    assert (record.provider_id, record.cost is not None) == ("acme", True)
    assert record.price_source

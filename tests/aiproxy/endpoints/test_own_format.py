"""Calls through a person's own mapping, to a provider that speaks like nobody else."""

import json

import pytest

from aiproxy.models import UsageRecord
from integrations.actions import integrations as actions
from integrations.audit import Actor
from integrations.models import Integration
from tests.aiproxy.own_format import HEADER, KEY, MAPPING, serve_own_format
from tests.sse import frames

ASK = {"model": "custom/any", "messages": [{"role": "user", "content": "{{7*7}}"}]}


@pytest.fixture
def own(machine, allow_private):
    with serve_own_format() as own:
        allow_private(f"127.0.0.1:{own.port}")
        machine.connect(
            "custom",
            KEY,
            base_url=own.url,
            auth_id="header",
            fields={"key_header": HEADER},
            mapping=MAPPING,
            model="any",
        )
        yield own


def test_whole_answer_reaches_an_openai_client(machine, own):
    answer = machine.post("/v1/chat/completions", {**ASK, "temperature": 0.5}).json()
    (choice,) = answer["choices"]
    assert (choice["message"]["content"], choice["finish_reason"]) == ("You said '{{7*7}}'", "stop")
    assert answer["usage"]["total_tokens"] == 8
    ((headers, sent),) = own.requests
    assert headers[HEADER.lower()] == KEY
    assert sent == {
        "turns": [{"who": "user", "words": "{{7*7}}"}],
        "settings": {"heat": 0.5},
        "slowly": False,
    }


def test_stream_reaches_an_openai_client(machine, own):
    with machine.stream("/v1/chat/completions", {**ASK, "stream": True}) as response:
        data = [data for _, data in frames(response.read())]
    assert data[-1] == "[DONE]"
    chunks = [json.loads(text) for text in data[:-1]]
    deltas = [c["choices"][0]["delta"].get("content") or "" for c in chunks if c["choices"]]
    assert "".join(deltas) == "You said '{{7*7}}'"
    assert UsageRecord.objects.get().output_tokens == 5


def test_stream_that_is_cut_ends_in_an_error(machine, own):
    own.cut = True
    with machine.stream("/v1/chat/completions", {**ASK, "stream": True}) as response:
        text = response.read().decode()
    assert "[DONE]" not in text
    assert "network_error" in text


def test_what_has_no_place_is_named_to_the_caller(machine, own):
    response = machine.post("/v1/chat/completions", {**ASK, "seed": 1})
    assert "seed" in response.headers["x-aim-changes"]


def test_changed_mapping_holds_for_the_next_call(machine, own):
    row = Integration.objects.get(provider_id="custom")
    mapping = {**MAPPING, "answer": {"text": "/nowhere"}}
    actions.edit(Actor(user_id=machine.user.id), row, actions.IntegrationInput(mapping=mapping))
    answer = machine.post("/v1/chat/completions", ASK)
    assert answer.status_code == 502
    assert "answer.text (/nowhere)" in answer.json()["error"]["message"]

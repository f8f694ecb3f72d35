"""Trying a mapping that is not saved."""

import copy
import json
import logging

import pytest
from asgiref.sync import async_to_sync

from aiproxy import trial
from aiproxy.upstream.client import Upstream
from integrations import live
from integrations.inputs import IntegrationInput
from tests.aiproxy.own_format import HEADER, KEY, MAPPING, serve_own_format
from tests.fakes import closed_port

PLACES = {"mapping": MAPPING, "auth_id": "header", "fields": {"key_header": HEADER}}


@pytest.fixture
def own(allow_private):
    with serve_own_format() as own:
        allow_private(f"127.0.0.1:{own.port}")
        yield own


@pytest.fixture
def attempt(alice, own):
    def run(streamed=False, key=KEY, **data):
        given = {"base_url": own.url, "key": key, **PLACES, **data}
        connection = live.draft(alice, "custom", IntegrationInput(**given))

        async def go():
            async with Upstream() as upstream:
                return await trial.run(upstream, connection, streamed=streamed)

        return async_to_sync(go)()

    return run


def other(key, value):
    mapping = copy.deepcopy(MAPPING)
    part, name = key.split(".")
    mapping[part][name] = value
    return mapping


def test_mapping_that_works_shows_what_was_sent_and_found(attempt):
    found = attempt()
    assert (found.problem, found.status, found.finish) == ("", 200, "stop")
    assert trial.QUESTION in found.text
    assert found.usage.output_tokens == 5
    assert found.request.startswith("POST /v2/say\n")
    assert json.loads(found.request.partition("\n")[2])["slowly"] is False
    assert [f.key for f in found.missed] == ["answer.error"]


def test_stream_is_tried_too(attempt):
    found = attempt(streamed=True)
    assert (found.problem, found.status) == ("", 200)
    assert trial.QUESTION in found.text
    assert next(f for f in found.findings if f.key == "stream.text").times == 2


def test_path_that_finds_nothing_is_shown_with_the_answer(attempt):
    found = attempt(mapping=other("answer.text", "/out/0/says"))
    assert "answer.text (/out/0/says)" in found.problem
    assert "answer.text" in [f.key for f in found.missed]
    assert '"say"' in found.answer
    found = attempt(streamed=True, mapping=other("stream.text", "/bits"))
    assert "stream.text (/bits)" in found.problem
    assert '"bit"' in found.answer


def test_refusal_is_shown_with_its_status_and_without_the_key(attempt, own):
    found = attempt(key="wrong-canary-123456")
    assert found.status == 401
    assert "refused the key" in found.problem
    assert "**** is not a key" in found.answer
    assert [f.key for f in found.findings] == ["answer.error"]
    assert "canary" not in repr(found)


@pytest.mark.parametrize("streamed", [False, True])
def test_no_secret_is_shown_and_nothing_is_logged(attempt, caplog, streamed):
    with caplog.at_level(logging.DEBUG):
        found = attempt(streamed)
    assert KEY not in repr(found)
    assert "****" in found.answer
    assert trial.QUESTION not in caplog.text


def test_cut_stream_is_said(attempt, own):
    own.cut = True
    found = attempt(streamed=True)
    assert "cut off" in found.problem
    assert '"bit"' in found.answer


def test_nobody_there_is_said(attempt, allow_private):
    port = closed_port()
    allow_private(f"127.0.0.1:{port}")
    found = attempt(base_url=f"http://127.0.0.1:{port}")
    assert found.status == 0
    assert "could not be reached" in found.problem


def test_mapping_without_a_stream_is_not_called_for_one(attempt, own):
    mapping = {name: part for name, part in MAPPING.items() if name != "stream"}
    assert "no stream" in attempt(streamed=True, mapping=mapping).problem
    assert own.requests == []


def test_long_answers_are_shortened(attempt, monkeypatch):
    monkeypatch.setattr(trial, "MAX_SHOWN", 50)
    assert len(attempt().answer) == 51

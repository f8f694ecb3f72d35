from __future__ import annotations

import json
import uuid

import pytest

from integrations import audit
from integrations.audit import SYSTEM, Act, Actor, redacted
from integrations.models import AccessToken, AuditEvent
from integrations.secret import Secret
from integrations.tokens import mint


@pytest.fixture
def sandbox(alice):
    return alice.integrations.get()


def test_event_tells_who_what_when_and_from_where(alice, bob, sandbox):
    token_id = uuid.uuid4()
    actor = Actor(bob.pk, token_id, "192.0.2.7", "req-1")
    event = audit.record(actor, Act.INTEGRATION_EDITED, sandbox, {"changed": ["name"]})
    event.refresh_from_db()
    assert (event.owner, event.actor, event.actor_name) == (alice, bob, "bob@example.com")
    assert (event.token_id, event.ip, event.request_id) == (token_id, "192.0.2.7", "req-1")
    assert (event.action, event.target_type) == ("integration.edited", "integration")
    assert (event.target_id, event.target_name) == (str(sandbox.pk), "Sandbox")
    assert event.data == {"changed": ["name"]}
    assert event.at is not None


def test_the_program_itself_has_no_name(sandbox):
    event = audit.record(SYSTEM, Act.INTEGRATION_EDITED, sandbox)
    assert (event.actor, event.actor_name, event.ip) == (None, "", None)


def test_actor_who_is_gone_has_no_name(sandbox):
    assert audit._name(uuid.uuid4()) == ""


def test_token_is_a_target_too(alice):
    token = AccessToken.objects.create(owner=alice, name="tool", digest="0", pepper_id="k1")
    assert audit.record(SYSTEM, Act.TOKEN_ISSUED, token).target_type == "accesstoken"


@pytest.mark.parametrize(
    "name",
    [
        "key",
        "api_key",
        "apiKey",
        "secret",
        "token",
        "password",
        "Authorization",
        "x-api-key",
        "headers",
        "cookie",
    ],
)
@pytest.mark.parametrize("value", ["canary", {"x": "canary"}, ["canary"], Secret("canary")])
def test_what_is_called_like_a_secret_is_blanked(name, value):
    assert "canary" not in json.dumps(redacted({"deep": [{name: value}]}))


def test_secret_is_blanked_under_any_name():
    assert redacted({"colour": Secret("canary")}) == {"colour": "***"}


@pytest.mark.django_db
def test_token_inside_a_text_is_blanked():
    text = mint().text.plain()
    assert text not in str(redacted({"message": f"got {text}!"}))


def test_facts_stay():
    facts = {"wiped": True, "n": 5, "cost": 0.5, "none": None, "scopes": ["chat"], "keys": 3}
    assert redacted(facts) == facts


def test_other_values_become_text():
    id = uuid.uuid4()
    assert redacted({"id": id, "set": {1}}) == {"id": str(id), "set": [1]}


def test_long_text_is_cut():
    assert len(redacted("x" * 10_000)) == audit.TEXT_LIMIT


def test_name_cannot_forge_a_line_or_colour_a_terminal(sandbox):
    sandbox.name = 'a\n{"action":"forged"}\x1b[31m\u2028'
    event = audit.record(
        Actor(request_id="r\r\nx"), Act.INTEGRATION_EDITED, sandbox, {"n\n": "v\x07"}
    )
    shown = event.target_name + event.request_id + str(event.data)
    assert shown.isprintable()


def test_deleted_target_can_still_be_named(sandbox):
    id = sandbox.pk
    sandbox.delete()
    sandbox.pk = id
    audit.record(SYSTEM, Act.INTEGRATION_DELETED, sandbox)
    assert AuditEvent.objects.filter(action="integration.deleted", target_id=str(id)).exists()

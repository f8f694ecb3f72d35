from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError
from django.db import DatabaseError, connection

from integrations import access, credentials
from integrations.actions import integrations as actions
from integrations.audit import SYSTEM, Actor
from integrations.inputs import IntegrationInput
from integrations.models import AuditEvent, Integration, Revision

KEY = "sk-test-canary-0123456789-abcd"


def last_event() -> AuditEvent:
    event = AuditEvent.objects.first()
    assert event is not None
    return event


# --- create ---


def test_create_keeps_what_was_given(connect, alice):
    integration = connect(
        alice,
        name="Work",
        model="gpt-x",
        models=["my-model"],
        defaults={"temperature": 0.5},
        headers={"X-Team": "blue"},
        metadata={"cost": "centre"},
    )
    row = Integration.objects.get(pk=integration.pk)
    assert (row.owner, row.provider_id, row.name, row.auth_id) == (alice, "openai", "Work", "key")
    assert (row.model, row.models, row.defaults) == ("gpt-x", ["my-model"], {"temperature": 0.5})
    assert (row.header_names, row.metadata, row.enabled) == (["X-Team"], {"cost": "centre"}, True)
    assert credentials.reveal(row).plain() == KEY
    assert row.masked_key == "****abcd"


def test_create_without_a_name_numbers_the_providers(connect, alice, bob):
    assert [connect(alice).name for _ in range(3)] == ["OpenAI", "OpenAI 2", "OpenAI 3"]
    assert connect(bob).name == "OpenAI"


def test_create_with_a_taken_name_is_refused_in_any_case(connect, alice):
    connect(alice, name="Work")
    with pytest.raises(ValidationError) as caught:
        connect(alice, name="wORK")
    assert list(caught.value.message_dict) == ["name"]


def test_create_with_bad_input_leaves_nothing(connect, alice):
    before = AuditEvent.objects.count()
    with pytest.raises(ValidationError):
        connect(alice, base_url="http://attacker.example")
    assert alice.integrations.count() == 1
    assert AuditEvent.objects.count() == before


def test_create_for_an_unknown_provider_is_refused(connect, alice):
    with pytest.raises(ValidationError) as caught:
        connect(alice, "no-such-provider")
    assert list(caught.value.message_dict) == ["provider_id"]


def test_create_disabled_keeps_who_and_when(alice):
    data = IntegrationInput(key=KEY, enabled=False)
    row = actions.create(Actor(alice.pk), alice, "openai", data)
    row.refresh_from_db()
    assert (row.enabled, row.disabled_by) == (False, alice)
    assert row.disabled_at is not None


# --- edit ---


def test_edit_changes_what_is_given_and_nothing_else(connect, alice):
    integration = connect(alice, name="Work", model="a", headers={"X-Team": "blue"})
    edited = actions.edit(SYSTEM, integration, IntegrationInput(model="b"))
    row = Integration.objects.get(pk=integration.pk)
    assert not edited.wiped
    assert (row.name, row.model, row.header_names) == ("Work", "b", ["X-Team"])
    assert credentials.reveal(row).plain() == KEY
    assert dict(credentials.reveal_headers(row)) == {"X-Team": "blue"}


def test_edit_records_the_names_of_what_changed(connect, alice):
    integration = connect(alice)
    actions.edit(
        SYSTEM, integration, IntegrationInput(model="b", key="sk-another-key-9999", name="New")
    )
    assert last_event().data == {
        "changed": ["name", "model", "key"],
        "wiped": False,
        "origin": "https://api.openai.com:443",
    }


@pytest.mark.parametrize(
    "base_url", ["https://attacker.example/v1", "https://api.openai.com:8443/v1"]
)
def test_another_origin_wipes_key_and_headers(connect, alice, base_url):
    integration = connect(alice, headers={"X-Team": "blue"})
    edited = actions.edit(SYSTEM, integration, IntegrationInput(base_url=base_url, key=""))
    row = Integration.objects.get(pk=integration.pk)
    assert edited.wiped
    assert (row.has_key, row.key_hint, row.sealed_headers, row.header_names) == (False, "", "", [])
    assert row.status == "needs_attention"
    assert last_event().data["wiped"] is True


def test_going_back_to_the_first_origin_does_not_bring_the_key_back(connect, alice):
    integration = connect(alice)
    actions.edit(SYSTEM, integration, IntegrationInput(base_url="https://attacker.example"))
    actions.edit(SYSTEM, integration, IntegrationInput(base_url=""))
    assert not Integration.objects.get(pk=integration.pk).has_key


def test_another_path_of_the_same_origin_keeps_key_and_headers(connect, alice):
    integration = connect(alice, headers={"X-Team": "blue"})
    data = IntegrationInput(base_url="https://api.openai.com/beta")
    edited = actions.edit(SYSTEM, integration, data)
    row = Integration.objects.get(pk=integration.pk)
    assert not edited.wiped
    assert row.base_url == "https://api.openai.com/beta"
    assert credentials.reveal(row).plain() == KEY
    assert dict(credentials.reveal_headers(row)) == {"X-Team": "blue"}


def test_key_given_with_another_origin_is_sealed_for_it(connect, alice):
    integration = connect(alice)
    data = IntegrationInput(base_url="https://proxy.example", key="sk-for-the-proxy-1")
    actions.edit(SYSTEM, integration, data)
    row = Integration.objects.get(pk=integration.pk)
    assert credentials.reveal(row).plain() == "sk-for-the-proxy-1"
    assert row.endpoint.origin == "https://proxy.example:443"


def test_stale_copy_cannot_carry_a_key_to_another_origin(connect, alice):
    stale = connect(alice)
    actions.edit(
        SYSTEM, stale, IntegrationInput(base_url="https://proxy.example", key="sk-for-proxy-1234")
    )
    assert stale.base_url == ""
    edited = actions.edit(SYSTEM, stale, IntegrationInput(base_url=""))
    assert edited.wiped
    assert not edited.integration.has_key


def test_headers_are_replaced_kept_and_dropped(connect, alice):
    integration = connect(alice, headers={"X-One": "1", "X-Two": "2"})
    data = IntegrationInput(headers={"X-One": "", "X-Three": "3"})
    row = actions.edit(SYSTEM, integration, data).integration
    assert dict(credentials.reveal_headers(row)) == {"X-One": "1", "X-Three": "3"}


def test_new_key_makes_the_last_test_void(connect, alice):
    integration = connect(alice)
    actions.record_test(integration, "wrong_key", "The key is wrong.")
    row = actions.edit(SYSTEM, integration, IntegrationInput(key="sk-a-better-key-1")).integration
    assert (row.test_result, row.test_message, row.tested_at) == ("", "", None)
    assert row.status == "connected"


def test_edit_of_settings_leaves_the_last_test(connect, alice):
    integration = connect(alice)
    actions.record_test(integration, "wrong_key", "The key is wrong.")
    row = actions.edit(SYSTEM, integration, IntegrationInput(model="b")).integration
    assert row.test_result == "wrong_key"


def test_edit_may_keep_its_own_name_in_another_case(connect, alice):
    integration = connect(alice, name="Work")
    assert (
        actions.edit(SYSTEM, integration, IntegrationInput(name="work")).integration.name == "work"
    )


def test_edit_can_switch_off(connect, alice):
    row = actions.edit(Actor(alice.pk), connect(alice), IntegrationInput(enabled=False)).integration
    assert (row.enabled, row.disabled_by) == (False, alice)
    assert last_event().data["changed"] == ["enabled"]


def test_edit_of_something_deleted_is_refused(connect, alice):
    integration = connect(alice)
    Integration.objects.filter(pk=integration.pk).delete()
    with pytest.raises(Integration.DoesNotExist):
        actions.edit(SYSTEM, integration, IntegrationInput(name="New"))


# --- switch, delete, test ---


def test_disabling_keeps_who_and_when_and_enabling_forgets_it(connect, alice):
    integration = connect(alice)
    row = actions.set_enabled(Actor(alice.pk), integration, False)
    assert (row.status, row.disabled_by) == ("disabled", alice)
    assert row.disabled_at is not None
    row = actions.set_enabled(SYSTEM, row, True)
    assert (row.status, row.disabled_by, row.disabled_at) == ("connected", None, None)
    assert [e.action for e in access.audit_of(alice)[:2]] == [
        "integration.enabled",
        "integration.disabled",
    ]


def test_delete_takes_the_row_and_leaves_its_story(connect, alice):
    integration = connect(alice, name="Work")
    actions.delete(SYSTEM, integration)
    assert not Integration.objects.filter(pk=integration.pk).exists()
    event = last_event()
    assert (event.action, event.target_name) == ("integration.deleted", "Work")
    assert event.target_id == str(integration.pk)


def test_test_is_noted_in_our_words(connect, alice):
    row = actions.record_test(connect(alice), "wrong_key", "The key is wrong.\n" + "x" * 1000)
    row.refresh_from_db()
    assert row.test_result == "wrong_key"
    assert row.test_message.startswith("The key is wrong.")
    assert len(row.test_message) == 500
    assert row.status == "needs_attention"


# --- every action ---


def test_audit_holds_no_secret(connect, alice):
    integration = connect(alice, key=KEY, headers={"X-Team": "header-canary"})
    data = IntegrationInput(key=KEY + "2", headers={"X-Team": "header-canary-2"})
    actions.edit(SYSTEM, integration, data)
    actions.record_test(integration, "ok", "It works.")
    actions.delete(SYSTEM, integration)
    story = str(list(AuditEvent.objects.values()))
    assert "canary" not in story
    assert "aim1." not in story


def test_what_cannot_be_recorded_does_not_happen(connect, alice, transactional_db):
    integration = connect(alice)
    with connection.schema_editor() as editor:
        editor.execute("ALTER TABLE integrations_auditevent RENAME TO away")
    try:
        for act in (
            lambda: connect(alice, name="New"),
            lambda: actions.edit(SYSTEM, integration, IntegrationInput(model="new")),
            lambda: actions.set_enabled(SYSTEM, integration, False),
            lambda: actions.record_test(integration, "ok", ""),
            lambda: actions.delete(SYSTEM, integration),
        ):
            with pytest.raises(DatabaseError):
                act()
        row = alice.integrations.get(provider_id="openai")
        assert (row.model, row.enabled, row.tested_at) == ("", True, None)
    finally:
        with connection.schema_editor() as editor:
            editor.execute("ALTER TABLE away RENAME TO integrations_auditevent")


def test_every_action_is_told_to_other_processes(connect, alice):
    seen = [Revision.current()]
    integration = connect(alice)
    seen.append(Revision.current())
    for act in (
        lambda: actions.edit(SYSTEM, integration, IntegrationInput(model="b")),
        lambda: actions.set_enabled(SYSTEM, integration, False),
        lambda: actions.record_test(integration, "ok", ""),
        lambda: actions.delete(SYSTEM, integration),
    ):
        act()
        seen.append(Revision.current())
    assert seen == sorted(set(seen))

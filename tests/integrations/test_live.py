"""The call path's caches. Database work happens in another thread, so these tests commit."""

from __future__ import annotations

import asyncio
import uuid
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from asgiref.sync import sync_to_async
from django.core.exceptions import ValidationError
from django.db import connections
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from integrations import credentials, live
from integrations.actions import integrations as actions
from integrations.actions import tokens as token_actions
from integrations.audit import SYSTEM
from integrations.errors import TokenRejected
from integrations.inputs import IntegrationInput
from integrations.models import AuditEvent, Integration, Revision
from integrations.tokens import mint
from providers.adapters.custom_mapping import BadMapping, CustomMapping
from tests.factories import make_user
from tests.providers.adapters.custom_mappings import MAPPING

pytestmark = pytest.mark.django_db(transaction=True)

KEY = "sk-test-canary-0123456789-abcd"


class Queries:
    """Counts what Django's database thread asks; ``await queries.of(coroutine)``."""

    async def of(self, awaitable: Any) -> int:
        watch = await sync_to_async(self._begin)()
        try:
            await awaitable
        finally:
            await sync_to_async(watch.__exit__)(None, None, None)
        return len(watch.captured_queries)

    @staticmethod
    def _begin() -> CaptureQueriesContext:
        connections["default"].ensure_connection()
        return CaptureQueriesContext(connections["default"]).__enter__()


@pytest.fixture
def queries() -> Queries:
    return Queries()


@pytest.fixture
def owner() -> Any:
    return make_user()


@pytest.fixture
def token(owner) -> Any:
    return token_actions.issue(SYSTEM, owner, "tool", ["chat", "vision"])


@pytest.fixture
def openai(owner) -> Integration:
    return actions.create(
        SYSTEM, owner, "openai", IntegrationInput(key=KEY, headers={"X-Team": "canary"})
    )


async def refused(text: str) -> str:
    with pytest.raises(TokenRejected) as caught:
        await live.caller(text)
    assert (caught.value.status, caught.value.code) == (401, "auth_failed")
    return caught.value.message


# --- Callers ---


async def test_good_token_gives_its_caller(owner, token):
    row, text = token
    caller = await live.caller(text.plain())
    assert (caller.user_id, caller.token_id, caller.token_name) == (owner.pk, row.pk, "tool")
    assert caller.scopes == {"chat", "vision"}
    assert caller.integration_ids is None
    assert caller.expires_at == row.expires_at


async def test_second_use_of_a_token_asks_nothing(token, queries):
    _, text = token
    assert await queries.of(live.caller(text.plain())) > 0
    assert await queries.of(live.caller(text.plain())) == 0


async def test_restricted_token_names_what_it_may_use(owner, openai):
    _, text = await sync_to_async(token_actions.issue)(
        SYSTEM, owner, "tool", ["chat"], None, [openai]
    )
    assert (await live.caller(text.plain())).integration_ids == frozenset({openai.pk})


async def test_token_may_use_nothing_once_its_integrations_are_deleted(owner, openai):
    _, text = await sync_to_async(token_actions.issue)(
        SYSTEM, owner, "tool", ["chat"], None, [openai]
    )
    await live.caller(text.plain())
    await sync_to_async(actions.delete)(SYSTEM, openai)
    assert (await live.caller(text.plain())).integration_ids == frozenset()


@pytest.mark.parametrize(
    "text", ["", "x", "' OR '1'='1", "Bearer aimp_", "aimp_" + "0" * 49, "ü" * 54, "sk-123"]
)
async def test_malformed_token_costs_no_query_and_no_hmac(text, queries, master_key):
    async def call() -> None:
        assert "mistyped" in await refused(text)

    assert await queries.of(call()) == 0
    assert not master_key.exists()  # without a key ring there is no pepper, so nothing was hashed


async def test_every_typo_costs_no_query_and_no_hmac(token, queries, master_key):
    text = token[1].plain()
    await sync_to_async(credentials.forget)()

    async def calls() -> None:
        for position, right in enumerate(text):
            wrong = "A" if right != "A" else "B"
            await refused(text[:position] + wrong + text[position + 1 :])

    assert await queries.of(calls()) == 0
    assert not credentials.is_open()


async def test_new_process_opens_the_key_ring_at_the_first_token(owner, token):
    await sync_to_async(credentials.forget)()
    live.forget()
    assert (await live.caller(token[1].plain())).user_id == owner.pk
    assert credentials.is_open()


async def test_unknown_token_is_asked_for_once(queries, token):
    text = mint().text.plain()
    assert "not known" in await refused(text)

    async def again() -> None:
        assert "not known" in await refused(text)

    assert await queries.of(again()) == 0


async def test_flood_of_unknown_tokens_is_bounded_and_drives_nobody_out(token, queries):
    await live.caller(token[1].plain())
    for number in range(5000):
        live._memory.unknown.put(str(number), True)
    assert len(live._memory.unknown) == 1024
    assert await queries.of(live.caller(token[1].plain())) == 0


async def test_revoked_token_is_refused_at_once_and_without_a_query(token, queries):
    row, text = token
    await live.caller(text.plain())
    await sync_to_async(token_actions.revoke)(SYSTEM, row)

    async def call() -> None:
        assert "revoked" in await refused(text.plain())

    assert await queries.of(call()) == 0


async def test_revoked_token_is_refused_without_a_query_after_later_changes(token, queries, openai):
    row, text = token
    await sync_to_async(token_actions.revoke)(SYSTEM, row)
    await sync_to_async(actions.set_enabled)(SYSTEM, openai, False)
    live.changed()

    async def call() -> None:
        assert "revoked" in await refused(text.plain())

    assert await queries.of(call()) == 0


async def test_token_revoked_before_the_start_is_asked_for_once(token, queries):
    row, text = token
    await sync_to_async(token_actions.revoke)(SYSTEM, row)
    live.forget()
    assert "revoked" in await refused(text.plain())

    async def again() -> None:
        assert "revoked" in await refused(text.plain())

    assert await queries.of(again()) == 0


async def test_expiry_holds_although_the_token_is_remembered(token, queries):
    row, text = token
    await live.caller(text.plain())
    with time_machine.travel(row.expires_at - timedelta(seconds=1), tick=False):
        await live.caller(text.plain())
    with time_machine.travel(row.expires_at, tick=False):

        async def call() -> None:
            assert "expired" in await refused(text.plain())

        assert await queries.of(call()) == 0


async def test_switched_off_account_is_refused(owner, token):
    await live.caller(token[1].plain())
    owner.is_active = False
    await owner.asave()
    await refused(token[1].plain())


async def test_two_tokens_with_the_same_beginning_are_two_callers(owner, token):
    """The whole token decides, not a prefix of it."""
    other, text = await sync_to_async(token_actions.issue)(
        SYSTEM, await sync_to_async(make_user)(), "b", ["chat"]
    )
    first, second = await live.caller(token[1].plain()), await live.caller(text.plain())
    assert first.user_id == owner.pk
    assert second.user_id == other.owner_id
    assert all(len(digest) == 64 for digest in live._memory.callers._items)


# --- Connections ---


async def test_connection_is_ready_to_be_called(owner, openai):
    found = await live.find(owner.pk, openai.pk)
    assert found is not None
    assert (found.id, found.owner_id, found.provider.id) == (openai.pk, owner.pk, "openai")
    assert (found.endpoint.origin, found.auth.id) == ("https://api.openai.com:443", "key")
    assert found.secret.plain() == KEY
    assert found.headers["X-Team"] == "canary"
    assert (found.model, found.has_key, found.enabled, found.broken) == (
        found.provider.default_model, True, True, False,
    )  # fmt: skip


async def test_connections_paths_are_filled(owner):
    fields = {"project": "acme-project", "location": "eu"}
    given = IntegrationInput(key=KEY, auth_id="token", fields=fields)
    vertex = await sync_to_async(actions.create)(SYSTEM, owner, "vertex", given)
    found = await live.find(owner.pk, vertex.pk)
    assert found is not None
    assert found.endpoint.url == "https://aiplatform.eu.rep.googleapis.com/v1"
    assert found.provider.paths["chat"] == (
        "/projects/acme-project/locations/eu/publishers/google/models/{model}:generateContent"
    )


async def test_connection_shows_no_secret(owner, openai):
    found = await live.find(owner.pk, openai.pk)
    assert "canary" not in repr(found)
    assert "canary" not in str(found)
    assert "canary" not in repr(await live.connections(owner.pk))


async def test_connections_are_all_of_the_owners_oldest_first(owner, openai):
    await sync_to_async(actions.set_enabled)(SYSTEM, openai, False)
    second = await sync_to_async(actions.create)(
        SYSTEM, owner, "openai", IntegrationInput(key=KEY, name="A first")
    )
    found = await live.connections(owner.pk)
    assert [one.provider.id for one in found] == ["sandbox", "openai", "openai"]
    assert [one.enabled for one in found] == [True, False, True]
    assert found[2].id == second.pk


async def test_second_look_asks_nothing(owner, openai, queries):
    assert await queries.of(live.connections(owner.pk)) > 0
    assert await queries.of(live.connections(owner.pk)) == 0
    assert await queries.of(live.find(owner.pk, openai.pk)) == 0


async def test_integration_of_somebody_else_is_not_found(openai):
    other = await sync_to_async(make_user)()
    assert await live.find(other.pk, openai.pk) is None
    assert await live.find(uuid.uuid4(), openai.pk) is None


async def test_own_headers_win_over_fields_and_those_over_the_providers(owner):
    data = IntegrationInput(key=KEY, headers={"Anthropic-Version": "2099-01-01"})
    made = await sync_to_async(actions.create)(SYSTEM, owner, "anthropic", data)
    found = await live.find(owner.pk, made.pk)
    assert found is not None
    versions = [
        value for name, value in found.headers.items() if name.lower() == "anthropic-version"
    ]
    assert versions == ["2099-01-01"]


async def test_fields_are_sent_under_their_header(owner):
    data = IntegrationInput(key=KEY, fields={"organization": "org-1"})
    made = await sync_to_async(actions.create)(SYSTEM, owner, "openai", data)
    found = await live.find(owner.pk, made.pk)
    assert found is not None
    assert found.headers["OpenAI-Organization"] == "org-1"


async def test_key_that_does_not_open_breaks_only_its_own_integration(owner, openai):
    await Integration.objects.filter(pk=openai.pk).aupdate(sealed_key="aim1.k1.AA.AA")
    sandbox, broken = await live.connections(owner.pk)
    assert not sandbox.broken
    assert (broken.broken, broken.has_key, bool(broken.secret)) == (True, False, False)


async def test_key_that_does_not_open_is_an_alarm_once(owner, openai):
    await Integration.objects.filter(pk=openai.pk).aupdate(sealed_key="aim1.k1.AA.AA")
    for _ in range(3):
        live.changed()
        await live.connections(owner.pk)
    assert await AuditEvent.objects.filter(action="credential.broken").acount() == 1


async def test_integration_whose_provider_left_is_left_out(owner, openai, caplog):
    await Integration.objects.filter(pk=openai.pk).aupdate(provider_id="gone")
    assert [one.provider.id for one in await live.connections(owner.pk)] == ["sandbox"]
    assert "gone" in caplog.text


# --- Changes ---


async def test_change_in_this_process_holds_at_once(owner, openai):
    await live.connections(owner.pk)
    await sync_to_async(actions.set_enabled)(SYSTEM, openai, False)
    found = await live.find(owner.pk, openai.pk)
    assert found is not None
    assert not found.enabled


async def test_change_of_another_process_holds_after_the_next_refresh(owner, openai, token):
    await live.refresh()
    await live.connections(owner.pk)
    await live.caller(token[1].plain())
    await Integration.objects.filter(pk=openai.pk).aupdate(enabled=False)
    await token[0].__class__.objects.filter(pk=token[0].pk).aupdate(revoked_at=timezone.now())
    await sync_to_async(Revision.bump)()
    await live.refresh()
    found = await live.find(owner.pk, openai.pk)
    assert found is not None
    assert not found.enabled
    assert "revoked" in await refused(token[1].plain())


async def test_refresh_without_a_change_drops_nothing(owner, queries):
    await live.refresh()
    await live.connections(owner.pk)
    await live.refresh()
    assert await queries.of(live.connections(owner.pk)) == 0


async def test_what_was_read_before_a_change_is_not_remembered_after_it(owner, openai, queries):
    """A slow reader must not put the old state back over a change that overtook it."""
    generation = live._memory.generation
    live.changed()
    live._memory.put(live._memory.connections, owner.pk, (), generation)
    assert len(await live.connections(owner.pk)) == 2


async def test_memory_is_bounded():
    for cache in (live._memory.callers, live._memory.revoked, live._memory.connections):
        for _ in range(5000):
            cache.put(uuid.uuid4(), None)  # type: ignore[arg-type]
        assert len(cache) <= 4096


async def test_many_at_once_get_the_same(owner, openai):
    found = await asyncio.gather(*(live.connections(owner.pk) for _ in range(20)))
    assert all([one.id for one in each] == [one.id for one in found[0]] for each in found)


# --- Drafts ---


def test_draft_is_what_saving_would_give(owner):
    data = IntegrationInput(
        key=KEY, base_url="https://proxy.example/v1", model="m", headers={"X-Team": "t"}
    )
    draft = live.draft(owner, "openai", data)
    assert draft.endpoint.url == "https://proxy.example/v1"
    assert (draft.secret.plain(), draft.model, draft.headers["X-Team"]) == (KEY, "m", "t")
    assert (draft.owner_id, draft.enabled, draft.has_key) == (owner.pk, True, True)
    assert owner.integrations.count() == 1


def test_drafts_paths_are_filled(owner):
    data = IntegrationInput(key=KEY, auth_id="token", fields={"project": "acme-project"})
    assert (
        "/projects/acme-project/locations/global/"
        in live.draft(owner, "vertex", data).provider.test.path
    )


def test_draft_uses_the_stored_key_for_the_same_origin(owner, openai):
    draft = live.draft(
        owner, "openai", IntegrationInput(key="", base_url="https://api.openai.com/v2"), openai
    )
    assert draft.id == openai.pk
    assert draft.secret.plain() == KEY
    assert draft.headers["X-Team"] == "canary"


@pytest.mark.parametrize("url", ["https://attacker.example/v1", "https://api.openai.com:8443"])
def test_draft_never_takes_the_stored_key_elsewhere(owner, openai, url):
    draft = live.draft(
        owner, "openai", IntegrationInput(key="", base_url=url, headers={"X-Team": ""}), openai
    )
    assert not draft.secret
    assert not draft.has_key
    assert "X-Team" not in draft.headers


def test_draft_refuses_what_saving_would_refuse(owner):
    with pytest.raises(ValidationError):
        live.draft(owner, "openai", IntegrationInput(key=KEY, base_url="http://10.0.0.1"))


def test_connect_reads_the_saved_integration_now(openai):
    Integration.objects.filter(pk=openai.pk).update(model="newer")
    openai.refresh_from_db()
    found = live.connect(openai)
    assert (found.model, found.secret.plain()) == ("newer", KEY)


def test_connection_holds_the_owners_mapping_and_the_name_of_the_keys_header(owner):
    data = IntegrationInput(
        key=KEY,
        auth_id="header",
        base_url="https://own.example.com",
        fields={"key_header": "X-Own-Key"},
        mapping=MAPPING,
    )
    made = actions.create(SYSTEM, owner, "custom", data)
    for connection in (live.connect(made), live.draft(owner, "custom", data)):
        assert connection.auth.name == "X-Own-Key"
        assert isinstance(connection.mapping, CustomMapping)
        assert connection.mapping.path == "/v2/say"


def test_mapping_that_is_not_good_any_more_is_known_to_be_bad(owner):
    data = IntegrationInput(base_url="https://own.example.com", mapping=MAPPING)
    made = actions.create(SYSTEM, owner, "custom", data)
    Integration.objects.filter(pk=made.pk).update(mapping={"path": "/old"})
    made.refresh_from_db()
    assert isinstance(live.connect(made).mapping, BadMapping)

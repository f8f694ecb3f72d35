"""Keys of the server's environment: off until shared, for those without an own one, at one address only."""

from __future__ import annotations

import pytest
from asgiref.sync import async_to_sync

from integrations import live, shared
from integrations.actions import integrations as of_integrations
from integrations.actions import providers, sharing
from integrations.audit import SYSTEM
from integrations.errors import NotAllowed
from integrations.inputs import IntegrationInput
from integrations.models import AuditEvent, SharedKey
from integrations.provider_inputs import ModelInput, ProviderInput
from marketplace.environment import ServerKeys
from providers.registry import catalogue

KEY = "sk-canary-of-the-server-0123456789"

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def environment(settings):
    settings.AIM_ENV_KEYS = ServerKeys({"OPENAI_API_KEY": KEY})


def connections(user):
    found = async_to_sync(live.connections)(user.pk)
    return [connection for connection in found if connection.provider.id == "openai"]


def test_key_is_nobodys_until_it_is_shared(alice, bob):
    assert shared.states(alice) == {"openai": "offered"}
    assert shared.states(bob) == {}
    assert connections(alice) == connections(bob) == []


def test_shared_key_is_everybodys_at_the_providers_own_address(alice, bob):
    row = sharing.share(SYSTEM, alice, "openai")
    (connection,) = connections(bob)
    assert (connection.id, connection.shared, connection.has_key) == (row.pk, True, True)
    assert connection.endpoint.url == catalogue()["openai"].base_url
    assert connection.secret.plain() == KEY
    assert shared.states(bob) == {"openai": "shared"}


def test_unshared_key_is_gone_at_once(alice, bob):
    row = sharing.share(SYSTEM, alice, "openai")
    assert connections(bob)
    sharing.unshare(SYSTEM, alice, row)
    assert connections(bob) == []


def test_key_that_left_the_environment_needs_attention_and_no_other_takes_its_place(
    alice, bob, settings
):
    sharing.share(SYSTEM, alice, "openai")
    settings.AIM_ENV_KEYS = ServerKeys({"ANTHROPIC_API_KEY": KEY})
    (connection,) = connections(bob)
    assert not connection.has_key
    assert not connection.secret
    assert shared.states(bob)["openai"] == "missing"


@pytest.mark.parametrize("enabled", [True, False])
def test_whoever_has_an_own_one_never_gets_the_servers(alice, bob, enabled):
    sharing.share(SYSTEM, alice, "openai")
    data = IntegrationInput(key="sk-bobs-own-0123456789", enabled=enabled)
    own = of_integrations.create(SYSTEM, bob, "openai", data)
    assert [connection.id for connection in connections(bob)] == [own.pk]


@pytest.mark.parametrize("provider", ["openai-compatible", "groq", "sandbox", "no-such"])
def test_what_has_no_key_or_no_one_address_is_not_shared(alice, provider):
    assert shared.offer(provider) is None
    with pytest.raises(Exception, match="no key that can be shared"):
        sharing.share(SYSTEM, alice, provider)


def test_provider_added_by_an_administrator_gets_no_key_of_the_server(alice):
    data = ProviderInput(
        id="acme",
        name="Acme",
        adapter="openai",
        base_url="https://evil.example/v1",
        supported_models=[ModelInput(id="m")],
    )
    row = providers.create_provider(SYSTEM, alice, data)
    row.spec["auth"][0]["env"] = "OPENAI_API_KEY"
    row.save()
    live.look()
    assert catalogue()["acme"].auth[0].env
    assert shared.offer("acme") is None


def test_only_administrators_share(alice, bob):
    row = sharing.share(SYSTEM, alice, "openai")
    for act in (
        lambda: sharing.share(SYSTEM, bob, "openai"),
        lambda: sharing.unshare(SYSTEM, bob, row),
    ):
        with pytest.raises(NotAllowed):
            act()
    assert SharedKey.objects.exists()


def test_key_is_shown_nowhere(alice, bob, settings):
    row = sharing.share(SYSTEM, alice, "openai")
    (connection,) = connections(bob)
    shown = [connection, shared.offer("openai"), settings.AIM_ENV_KEYS, *vars(row).values()]
    shown += list(AuditEvent.objects.values())
    assert KEY not in repr(shown)


def test_own_variables_of_the_program_are_never_given(tmp_path):
    file = tmp_path / "key"
    file.write_text(f"{KEY}\n")
    keys = ServerKeys(
        {
            "AIM_SECRET_KEY": "x",
            "DATABASE_URL": "x",
            "GROQ_API_KEY_FILE": str(file),
            "XAI_API_KEY_FILE": str(tmp_path / "none"),
        }
    )
    assert not keys.get("AIM_SECRET_KEY")
    assert not keys.get("DATABASE_URL")
    assert keys.get("GROQ_API_KEY").plain() == KEY
    assert not keys.get("XAI_API_KEY")

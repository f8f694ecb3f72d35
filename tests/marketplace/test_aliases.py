"""The page of aliases."""

from __future__ import annotations

import pytest
from django.urls import reverse

from aiproxy.models import Alias
from tests.factories import make_integration

HTMX = {"HX-Request": "true"}
LIST, NEW = reverse("aliases"), reverse("alias-new")
FAST = {"name": "fast", "targets": "openai/gpt-x\n\ngroq/a/b\n", "description": "Quick answers"}


@pytest.fixture
def fast(alice_client):
    assert alice_client.post(NEW, FAST, headers=HTMX).status_code == 204
    return Alias.objects.get()


def test_lines_become_targets_in_their_order(fast):
    assert fast.targets == [
        {"provider": "openai", "model": "gpt-x"},
        {"provider": "groq", "model": "a/b"},
    ]


def test_line_may_begin_with_an_integration(alice, alice_client):
    id = make_integration(alice).pk
    alice_client.post(NEW, {"name": "mine", "targets": f"{id}/gpt-x"})
    assert Alias.objects.get().targets == [{"integrationId": str(id), "model": "gpt-x"}]


def test_everybody_sees_them_and_only_administrators_can_edit(fast, alice_client, bob_client):
    assert "openai/gpt-x" in bob_client.get(LIST).text
    edit, delete = (reverse(f"alias-{name}", args=[fast.pk]) for name in ("edit", "delete"))
    assert edit in alice_client.get(LIST).text
    assert edit not in bob_client.get(LIST).text
    for url in (NEW, edit, delete):
        assert bob_client.get(url).status_code == 403
        assert bob_client.post(url, FAST).status_code == 403


def test_edit_shows_the_lines_and_changes_them(fast, alice_client):
    url = reverse("alias-edit", args=[fast.pk])
    assert "openai/gpt-x\ngroq/a/b" in alice_client.get(url).text
    alice_client.post(url, {**FAST, "targets": "groq/a/b"})
    fast.refresh_from_db()
    assert len(fast.targets) == 1


def test_delete_asks_first(fast, alice_client):
    url = reverse("alias-delete", args=[fast.pk])
    assert "Delete fast?" in alice_client.get(url).text
    assert alice_client.post(url, headers=HTMX).status_code == 204
    assert not Alias.objects.exists()


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": "Fast One"}, "name"),
        ({"targets": "openai"}, "targets"),
        ({"targets": "no-such/m"}, "targets"),
        ({"targets": ""}, "targets"),
        ({"targets": "openai/gpt-x ×many"}, "targets"),
        ({"targets": "openai/gpt-x ×0", "strategy": "weighted"}, "targets"),
        ({"strategy": "luck"}, "strategy"),
    ],
)
def test_what_is_wrong_stands_beside_its_field(alice_client, change, field):
    response = alice_client.post(NEW, {**FAST, **change}, headers=HTMX)
    assert response.status_code == 422
    assert list(response.context["form"].errors) == [field]


def test_empty_page_says_what_they_are_for(bob_client):
    assert "No aliases yet" in bob_client.get(LIST).text


# --- Which one goes first ---


def test_usually_the_first_line_goes_first(fast, alice_client):
    assert fast.strategy == "priority"
    assert "The first<" in alice_client.get(LIST).text


@pytest.mark.parametrize(
    ("line", "target"),
    [
        ("openai/gpt-x ×3", {"provider": "openai", "model": "gpt-x", "weight": 3}),
        ("openai/gpt-x×3", {"provider": "openai", "model": "gpt-x", "weight": 3}),
        ("openai/gpt-x x3", {"provider": "openai", "model": "gpt-x", "weight": 3}),
        ("openai/gpt-x * 3", {"provider": "openai", "model": "gpt-x", "weight": 3}),
        ("openai/gpt-x ×1", {"provider": "openai", "model": "gpt-x"}),
        ("openai/grok-x3", {"provider": "openai", "model": "grok-x3"}),
        ("openai/a x3 b", {"provider": "openai", "model": "a x3 b"}),
    ],
)
def test_line_may_end_in_its_weight(alice_client, line, target):
    alice_client.post(NEW, {**FAST, "strategy": "weighted", "targets": line})
    assert Alias.objects.get().targets == [target]


def test_weights_and_strategy_are_shown_again(alice_client):
    weighted = {**FAST, "strategy": "weighted", "targets": "openai/gpt-x ×3\ngroq/a/b"}
    alice_client.post(NEW, weighted)
    page = alice_client.get(reverse("alias-edit", args=[Alias.objects.get().pk]))
    assert "openai/gpt-x ×3\ngroq/a/b</textarea>" in page.text
    assert page.context["form"]["strategy"].value() == "weighted"
    assert "openai/gpt-x ×3" in alice_client.get(LIST).text


def test_weights_are_not_told_where_they_do_not_count(alice_client):
    cheap = {**FAST, "strategy": "cheapest", "targets": "openai/gpt-x ×3"}
    alice_client.post(NEW, cheap)
    shown = alice_client.get(LIST).text
    assert "Cheapest" in shown
    assert "×3" not in shown

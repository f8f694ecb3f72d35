from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import transaction
from django.utils import timezone

from aiproxy.models import UsageRecord, UsageSum
from aiproxy.usage import analytics, rollups, row, upkeep
from integrations.actions import integrations as integration_actions
from integrations.audit import SYSTEM
from tests.aiproxy.usage import sums
from tests.aiproxy.usage.test_rollups import rows
from tests.factories import make_call, make_integration, make_token, make_user

TODAY = timezone.now().replace(hour=0, minute=0, second=0, microsecond=0)
"""Where today begins; a test run over midnight is told so by its calls, which lie days away."""


def record(records):
    with transaction.atomic():
        row.insert(records)
        rollups.add(records)


@pytest.fixture
def calls(database):
    """Two hundred calls of every kind around the end of a month, one integration meanwhile deleted."""
    owner = make_user()
    integrations = [make_integration(owner) for _ in range(2)]
    tokens = [make_token(owner)[0].pk]
    record(list(rows(owner, [one.pk for one in integrations], tokens, 200)))
    integration_actions.delete(SYSTEM, integrations[0])


def rebuild(*arguments):
    call_command("rollup_usage", *arguments)


def test_sums_made_anew_are_those_that_were(calls):
    before = sums.stored()
    UsageSum.objects.filter(span="h").update(calls=7)
    UsageSum.objects.filter(span="d").delete()
    UsageSum.objects.filter(span="m").update(cost=0)
    rebuild()
    assert sums.stored() == before


def test_sums_of_calls_that_never_were_go(calls):
    before = sums.stored()
    one = UsageSum.objects.filter(span="h").latest("start")
    one.model, one.start = "ghost", one.start + timedelta(hours=5)
    one.save(force_insert=True)
    rebuild()
    assert sums.stored() == before


def test_only_the_days_asked_for_are_made_anew(calls, capsys):
    UsageSum.objects.filter(span="h").update(calls=7)
    rebuild("--since", "2026-11-01", "--until", "2026-11-01", "-v2")
    assert capsys.readouterr().out == "2026-11-01\nThe sums of 1 day are made anew.\n"
    changed = {one.start.day for one in UsageSum.objects.filter(span="h", calls=7)}
    assert 31 in changed
    assert UsageSum.objects.filter(span="h", start__day=1).exclude(calls=7).exists()


def test_what_is_written_meanwhile_is_in_the_new_sums_once(database, at_once):
    owner = make_user()
    integrations = [make_integration(owner).pk]
    record(list(rows(owner, integrations, [], 100)))
    more = list(rows(owner, integrations, [], 120, seed=1))
    at_once(
        lambda: [record(more[n : n + 3]) for n in range(0, 120, 3)],
        lambda: [rebuild() for _ in range(2)],
    )
    assert UsageRecord.objects.count() == 220
    assert sums.stored() == sums.of_records()


def test_an_interrupted_command_says_how_to_go_on(calls, monkeypatch):
    steps = iter([None, KeyboardInterrupt()])

    def stop(account, day, rebuild=upkeep.rebuild):
        if error := next(steps):
            raise error
        rebuild(account, day)

    monkeypatch.setattr(upkeep, "rebuild", stop)
    with pytest.raises(CommandError, match="Go on with: rollup_usage --since 2026-11-01"):
        rebuild()


def test_a_database_without_calls_has_nothing_to_make(db, capsys):
    rebuild()
    assert "The sums of 0 days" in capsys.readouterr().out


def prune(days):
    call_command("prune_usage", keep_days=days)


def test_old_records_go_and_their_sums_stay(database, capsys, monkeypatch):
    monkeypatch.setattr(upkeep, "BATCH", 2)
    owner, other = make_user(), make_user()
    for days in (0, 2, 3, 4, 4, 4, 40):
        make_call(owner, at=TODAY - timedelta(days=days))
    make_call(other, at=TODAY - timedelta(days=90))
    before = sums.stored()
    prune(3)
    assert "Deleted 5 calls from before" in capsys.readouterr().out
    assert [(TODAY - call.at).days for call in analytics.calls(owner)] == [0, 2, 3]
    assert sums.stored() == before
    assert analytics.summary(owner).calls == 7


def test_sums_of_deleted_records_are_never_made_anew(database):
    owner = make_user()
    for days in (0, 4, 40):
        make_call(owner, at=TODAY - timedelta(days=days))
    prune(10)
    prune(20)  # keeps more, but what is gone is gone
    before = sums.stored()
    UsageSum.objects.filter(span="h", start=TODAY - timedelta(days=4)).update(calls=7)
    rebuild("--since", "2020-01-01")
    assert sums.stored() == before


def test_pruning_keeps_a_sensible_number_of_days(db):
    with pytest.raises(CommandError, match="between 0 and 36500"):
        prune(-1)


def test_a_long_month_and_the_last_day_of_the_year_are_added_up_whole(db):
    owner = make_user()
    for at in (
        datetime(2025, 12, 1, tzinfo=UTC),
        datetime(2025, 12, 31, 23, 59, 59, tzinfo=UTC),
        datetime(2026, 1, 1, tzinfo=UTC),
        datetime(2026, 1, 31, 12, tzinfo=UTC),
    ):
        make_call(owner, at=at)
    before = sums.stored()
    UsageSum.objects.exclude(span="h").delete()
    rebuild()
    assert sums.stored() == before

"""``manage.py rollup_usage``: make the sums that pages show of usage anew, from the calls."""

from __future__ import annotations

from argparse import ArgumentParser
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError
from django.utils import timezone

from aiproxy.usage import upkeep


class Command(BaseCommand):
    help = (
        "Make the sums of usage anew from the calls, day by day. The server may run meanwhile; "
        "what was interrupted can be continued. Days of which calls were deleted keep their sums."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        day = date.fromisoformat
        parser.add_argument(
            "--since", type=day, metavar="DATE", help="first day, in UTC (that of the first call)"
        )
        parser.add_argument("--until", type=day, metavar="DATE", help="last day, in UTC (today)")

    def handle(self, *args: Any, since: date | None, until: date | None, **options: Any) -> None:
        today = timezone.now().astimezone(UTC).date()
        end = _midnight(min(until or today, today)) + timedelta(days=1)
        accounts, done = upkeep.accounts(), 0
        try:
            for day in upkeep.days(_midnight(since) if since else None, end):
                try:
                    for account in accounts:
                        upkeep.rebuild(account, day)
                except (KeyboardInterrupt, DatabaseError) as error:
                    why = "Interrupted" if isinstance(error, KeyboardInterrupt) else str(error)
                    raise CommandError(
                        f"{why.strip()}. Go on with: rollup_usage --since {day:%Y-%m-%d}"
                    ) from None
                done += 1
                if options["verbosity"] > 1:
                    self.stdout.write(f"{day:%Y-%m-%d}")
        except DatabaseError as error:
            raise CommandError(f"The database cannot be used: {error}".strip()) from None
        self.stdout.write(f"The sums of {done} day{'' if done == 1 else 's'} are made anew.")


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)

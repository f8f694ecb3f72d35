"""``manage.py prune_usage``: delete the records of old calls. What they add up to stays."""

from __future__ import annotations

from argparse import ArgumentParser
from datetime import UTC, timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError
from django.utils import timezone

from aiproxy.usage import upkeep


class Command(BaseCommand):
    help = (
        "Delete the records of calls that are older than so many days. "
        "Totals, costs and charts keep them; only the lists of calls lose them. The server may run meanwhile."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--keep-days",
            type=int,
            required=True,
            metavar="N",
            help="keep today's calls and those of the N days before (UTC)",
        )

    def handle(self, *args: Any, keep_days: int, **options: Any) -> None:
        if not 0 <= keep_days <= 36_500:
            raise CommandError("--keep-days must lie between 0 and 36500.")
        today = timezone.now().astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        before = today - timedelta(days=keep_days)
        try:
            deleted = sum(upkeep.prune(before))
        except DatabaseError as error:
            raise CommandError(f"The database cannot be used: {error}".strip()) from None
        calls = "1 call" if deleted == 1 else f"{deleted:,} calls"
        self.stdout.write(f"Deleted {calls} from before {before:%Y-%m-%d}. Their sums stay.")

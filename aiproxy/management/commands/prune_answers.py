from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from aiproxy.gateway import idempotency


class Command(BaseCommand):
    help = "Deletes the kept answers of calls with an Idempotency-Key that are older than a day."

    def handle(self, *args: Any, **options: Any) -> None:
        gone = idempotency.prune()
        self.stdout.write(f"{gone} kept answer{'' if gone == 1 else 's'} deleted.")

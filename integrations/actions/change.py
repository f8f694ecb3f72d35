"""What every action shares: one transaction, and everybody's caches told."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import transaction

from integrations import live
from integrations.live import Kept
from integrations.models import Revision


@contextmanager
def change(*kept: Kept) -> Iterator[None]:
    """A transaction after which this process, and soon the others, read afresh. Record the audit event inside.

    Counting first takes the row's lock, so changes happen one after the other and what one has looked up (is the
    name still free?) holds until it commits. ``kept`` are the rows in memory that it changes.
    """
    with transaction.atomic():
        Revision.bump()
        for one in kept:
            # Robust: what is committed stays so, and the watch for other processes' changes reads it again anyway.
            transaction.on_commit(one.reload, robust=True)
        transaction.on_commit(live.changed)
        yield

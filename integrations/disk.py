"""Telling from a database's error that its disk is full, which is for the operator to mend and for nobody to debug."""

from __future__ import annotations

from django.db import DatabaseError

_POSTGRES_DISK_FULL = "53100"


def is_full(error: BaseException | None) -> bool:
    """What SQLite says in words, PostgreSQL says by its code."""
    if not isinstance(error, DatabaseError):
        return False
    code = getattr(error.__cause__, "sqlstate", None)
    return code == _POSTGRES_DISK_FULL or "disk is full" in str(error)

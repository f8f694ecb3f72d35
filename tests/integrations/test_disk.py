from __future__ import annotations

import sqlite3

from django.db import IntegrityError, OperationalError

from integrations import disk


class _PostgresDiskFull(Exception):
    sqlstate = "53100"


def caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


def test_sqlite_says_it_in_words():
    words = "database or disk is full"
    assert disk.is_full(caused(OperationalError(words), sqlite3.OperationalError(words)))


def test_postgresql_says_it_by_its_code():
    error = OperationalError("could not extend file")
    assert disk.is_full(caused(error, _PostgresDiskFull()))


def test_anything_else_is_not_it():
    assert not disk.is_full(OperationalError("database is locked"))
    assert not disk.is_full(IntegrityError("UNIQUE constraint failed"))
    assert not disk.is_full(OSError("disk is full"))
    assert not disk.is_full(None)

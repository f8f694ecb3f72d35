"""What `manage.py serve` does before it listens: database, keys, static files. Each does nothing when all is well."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.staticfiles import finders
from django.core.management import call_command
from django.db import connection, connections
from django.db.migrations.executor import MigrationExecutor

from integrations import credentials


def prepare() -> None:
    """Raises DatabaseError, KeyRingError or OSError with what is wrong."""
    reach_database()
    migrate()
    credentials.prepare()
    collect_static()


def reach_database() -> None:
    """Raises DatabaseError with the server's own words. A pool would only say that it waited in vain."""
    if connection.vendor == "postgresql":
        database: Any = connection  # its stub knows only what all vendors share
        parameters = database.get_connection_params()
        with database.wrap_database_errors:
            database.Database.connect(**parameters).close()


def migrate() -> None:
    """Bring the database up to date; when it is, that is found with one query and without `migrate` itself."""
    if pending():
        call_command("migrate", verbosity=0, interactive=False)


def let_go_of_database() -> None:
    """Close what `prepare` opened; for the supervisor of several workers, which needs none itself."""
    one: Any
    for one in connections.all(initialized_only=True):
        one.close()
        if one.vendor == "postgresql":
            one.close_pool()


def pending() -> bool:
    executor = MigrationExecutor(connection)
    return bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))


def collect_static() -> None:
    """Copy, hash and compress the static files when one of them has changed since the last time."""
    if settings.WHITENOISE_USE_FINDERS:
        return
    root, mark = Path(settings.STATIC_ROOT), Path(settings.AIM_DATA_DIR) / "static.fingerprint"
    current = fingerprint()
    if root.is_dir() and mark.is_file() and mark.read_text(encoding="ascii") == current:
        return
    mark.unlink(missing_ok=True)
    shutil.rmtree(root, ignore_errors=True)
    call_command("collectstatic", verbosity=0, interactive=False)
    mark.write_text(current, encoding="ascii")


def fingerprint() -> str:
    """Of the names, sizes and times of all static files, wherever they come from."""
    digest = hashlib.sha256()
    for name, path in sorted(_sources()):
        stat = path.stat()
        digest.update(f"{name}\0{stat.st_size}\0{stat.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def _sources() -> Iterator[tuple[str, Path]]:
    finder: Any
    for finder in finders.get_finders():
        for name, storage in finder.list([]):
            yield f"{getattr(storage, 'prefix', '')}/{name}", Path(storage.path(name))

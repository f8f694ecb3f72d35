#!/usr/bin/env python
"""Fill a database with usage for load tests: calls of one account, as the gateway would have recorded them.

    AIM_DATA_DIR=/tmp/load .venv/bin/python manage.py migrate
    AIM_DATA_DIR=/tmp/load .venv/bin/python scripts/fill_usage.py --rows 1000000 --days 90 --integrations 50

Works on whatever database the settings name (AIM_DATA_DIR, DATABASE_URL). The account is made when it is missing; its
password is the value of --password. What is there already stays. Never run it on a database that you want to keep.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from decimal import Decimal
from operator import attrgetter
from pathlib import Path
from typing import Any
from uuid import UUID

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "marketplace.settings")

import django  # noqa: E402

django.setup()

from django.contrib.auth import get_user_model  # noqa: E402
from django.db import connection, transaction  # noqa: E402
from django.utils import timezone  # noqa: E402

from aiproxy.models import UsageRecord  # noqa: E402
from aiproxy.usage import rollups  # noqa: E402
from integrations.actions import integrations as integration_actions  # noqa: E402
from integrations.actions import tokens as token_actions  # noqa: E402
from integrations.audit import SYSTEM  # noqa: E402
from integrations.inputs import IntegrationInput  # noqa: E402
from integrations.models import AccessToken, Integration  # noqa: E402
from providers.registry import catalogue  # noqa: E402

CHUNK = 20_000
OUTCOMES = ("ok",) * 94 + ("rate_limit",) * 2 + ("timeout", "server_error", "invalid_request", "cancelled")  # fmt: skip
ATTEMPT = {
    "integration": "Number 7", "provider": "openai", "model": "gpt-5-mini", "at": 1.2, "ms": 811.0,
    "outcome": "ok", "message": "", "status": 200, "waited": 0.0,
}  # fmt: skip
JOURNEY = {
    "route": {"by": "model", "strategy": "", "targets": ["openai/gpt-5-mini"]},
    "steps": [["authenticated", 0.3], ["admitted", 0.4], ["sent", 1.2], ["first event", 410.0], ["answered", 812.0]],
    "attempts": [ATTEMPT],
}  # fmt: skip


@dataclass(slots=True)
class Call:
    """One row; the names are those of UsageRecord's columns."""

    id: UUID
    at: datetime
    owner_id: UUID
    token_id: UUID
    integration_id: UUID
    integration_name: str
    provider_id: str
    model: str
    requested_model: str
    operation: str
    dialect: str
    stream: bool
    outcome: str
    message: str
    http_status: int
    finish: str
    input_tokens: int
    output_tokens: int
    cached_tokens: int
    cache_write_tokens: int
    reasoning_tokens: int
    usage_source: str
    cost: Decimal | None
    price_source: str
    latency_ms: int
    first_token_ms: int | None
    provider_ms: int
    attempts: int
    request_id: str
    changes: str
    queued_ms: int
    cached: bool
    journey: str


COLUMNS = [field.name for field in fields(Call)]
values = attrgetter(*COLUMNS)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--up-to", type=int, help="only as many as are missing to this number")
    parser.add_argument("--days", type=int, default=90, help="how far back the oldest call lies")
    parser.add_argument("--integrations", type=int, default=50)
    parser.add_argument("--email", default="load@example.com")
    parser.add_argument("--password", default="a long enough passphrase")
    options = parser.parse_args()
    random.seed(1)
    owner = account(options.email, options.password)
    integrations = connected(owner, options.integrations)
    tokens = issued(owner, 4)
    there = UsageRecord.objects.filter(owner=owner).count()
    rows = options.rows if options.up_to is None else max(options.up_to - there, 0)
    began, done = time.monotonic(), 0
    for calls in chunks(owner, integrations, tokens, rows, options.days):
        with transaction.atomic():
            insert(calls)
            rollups.add(calls)  # type: ignore[arg-type]  # has every field that it reads
        done += len(calls)
        speed = done / (time.monotonic() - began)
        sys.stdout.write(f"\r{done:,} of {rows:,} calls, {speed:,.0f}/s ")
        sys.stdout.flush()
    if connection.vendor == "postgresql":  # it does so by itself after a while; SQLite never does
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")
    sys.stdout.write("\n")


def account(email: str, password: str) -> Any:
    users = get_user_model().objects
    found = users.filter(email=email).first()
    return found or users.create_user(email, password)  # type: ignore[attr-defined]  # our manager has it


def connected(owner: Any, count: int) -> list[Integration]:
    """``count`` integrations, spread over the providers that need a key and nothing else."""
    specs = [
        spec
        for spec in catalogue()
        if spec.callable and spec.deployment == "hosted" and "{" not in spec.base_url
        and spec.way("").type == "api_key" and not any(field.required for field in spec.fields)
        and spec.base_url
    ]  # fmt: skip
    there = list(Integration.objects.filter(owner=owner).exclude(provider_id="sandbox"))
    for number in range(len(there), count):
        data = IntegrationInput(name=f"Number {number}", key=f"sk-load-{number:028}")
        spec = specs[number % len(specs)]
        there.append(integration_actions.create(SYSTEM, owner, spec.id, data))
    return there[:count]


def issued(owner: Any, count: int) -> list[AccessToken]:
    there = list(AccessToken.objects.filter(owner=owner)[:count])
    names = [f"Tool {number}" for number in range(len(there), count)]
    return there + [token_actions.issue(SYSTEM, owner, name, ["chat"])[0] for name in names]


def chunks(
    owner: Any, integrations: list[Integration], tokens: list[AccessToken], rows: int, days: int
) -> Iterator[list[Call]]:
    """Oldest first, as they would have come."""
    end = timezone.now()
    step = timedelta(days=days) / max(rows, 1)
    offers = [(one, _models(one)) for one in integrations]
    weights = [1 / rank for rank in range(1, len(offers) + 1)]  # a few do most of it
    texts = {"changes": "[]", "journey": json.dumps(JOURNEY)}
    calls: list[Call] = []
    for number, (one, models) in enumerate(random.choices(offers, weights, k=rows)):
        at = end - step * (rows - number)
        calls.append(_call(at, number, owner.pk, random.choice(tokens).pk, one, models, texts))
        if len(calls) == CHUNK:
            yield calls
            calls = []
    if calls:
        yield calls


def _models(integration: Integration) -> list[str]:
    spec = integration.spec
    return [model.id for model in spec.models[:3]] if spec and spec.models else ["model"]


def _call(
    at: datetime,
    number: int,
    owner: UUID,
    token: UUID,
    integration: Integration,
    models: list[str],
    texts: dict[str, str],
) -> Call:
    outcome, model = random.choice(OUTCOMES), random.choice(models)
    ok, stream, latency = (
        outcome == "ok",
        random.random() < 0.5,
        int(random.lognormvariate(6.7, 0.6)),
    )
    priced = ok and random.random() < 0.9
    put, got = random.randrange(20, 4000), random.randrange(5, 900)
    return Call(
        id=_id(at),
        at=at,
        owner_id=owner,
        token_id=token,
        integration_id=integration.pk,
        integration_name=integration.name,
        provider_id=integration.provider_id,
        model=model,
        requested_model=f"{integration.provider_id}/{model}",
        operation="chat",
        dialect="openai",
        stream=stream,
        outcome=outcome,
        message="" if ok else "The provider says that it has too much to do.",
        http_status=200 if ok else 429,
        finish="stop" if ok else "",
        input_tokens=put if ok else 0,
        output_tokens=got if ok else 0,
        cached_tokens=put // 3 if ok else 0,
        cache_write_tokens=0,
        reasoning_tokens=got // 4 if ok else 0,
        usage_source="provider" if ok else "none",
        cost=Decimal(put * 25 + got * 200).scaleb(-8) if priced else None,
        price_source="https://example.com/pricing, checked 2026-11-01" if priced else "",
        latency_ms=latency,
        first_token_ms=latency // 4 if stream and ok else None,
        provider_ms=latency - 2,
        attempts=0 if outcome == "invalid_request" else 1,
        request_id=f"req_{number:024x}",
        queued_ms=0,
        cached=False,
        **texts,
    )


def _id(at: datetime) -> UUID:
    """As the record would have got it then."""
    bits = int(at.timestamp() * 1000) << 80 | random.getrandbits(80)
    return UUID(int=bits & ~(0xF << 76) & ~(3 << 62) | 7 << 76 | 2 << 62)


def insert(calls: list[Call]) -> None:
    table = UsageRecord._meta.db_table
    names = ", ".join(COLUMNS)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            with cursor.copy(f"COPY {table} ({names}) FROM STDIN") as copy:  # type: ignore[attr-defined]  # psycopg's
                for call in calls:
                    copy.write_row(values(call))
            return
        sql = f"INSERT INTO {table} ({names}) VALUES ({', '.join(['%s'] * len(COLUMNS))})"  # noqa: S608  # our own names
        cursor.executemany(
            sql, ([_PLAIN.get(type(v), _same)(v) for v in values(call)] for call in calls)
        )


def _same(value: Any) -> Any:
    return value


# As SQLite keeps them.
_PLAIN: dict[type, Callable[[Any], Any]] = {
    UUID: lambda id: id.hex,
    datetime: lambda time: time.strftime("%Y-%m-%d %H:%M:%S.%f"),
    Decimal: str,
}


if __name__ == "__main__":
    main()

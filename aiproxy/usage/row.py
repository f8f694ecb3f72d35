"""One usage record on its way into the table. A Django instance and its bulk_create cost a tenth of a whole call."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Any
from uuid import UUID

import msgspec
from django.db import connection, models

from aiproxy.models import UsageRecord


def new_id() -> UUID:
    """Ordered by time (RFC 9562 §5.7), so that new rows stand together in the index. Not a secret, so not from the
    system's random source, which is a system call.
    """
    moment = time.time_ns() // 1_000_000
    chance = random.getrandbits(74)
    return UUID(
        int=moment << 80 | 0x7 << 76 | chance >> 62 << 64 | 0b10 << 62 | chance & (1 << 62) - 1
    )


class Row(msgspec.Struct, kw_only=True, gc=False):
    """The columns of ``UsageRecord``, in its order and with its meaning."""

    at: datetime
    owner_id: UUID
    operation: str
    dialect: str
    outcome: str
    request_id: str
    id: UUID = msgspec.field(default_factory=new_id)
    token_id: UUID | None = None
    integration_id: UUID | None = None
    integration_name: str = ""
    provider_id: str = ""
    model: str = ""
    requested_model: str = ""
    stream: bool = False
    message: str = ""
    http_status: int = 0
    finish: str = ""
    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    cache_write_tokens: int = 0
    reasoning_tokens: int = 0
    usage_source: str = "none"
    cost: Decimal | None = None
    price_source: str = ""
    latency_ms: int = 0
    first_token_ms: int | None = None
    provider_ms: int | None = None
    attempts: int = 0
    changes: Sequence[str] = ()
    queued_ms: int = 0
    cached: bool = False
    journey: Mapping[str, Any] = {}


def insert(rows: Sequence[Row]) -> None:
    """Write them, in the open transaction. Raises DatabaseError, IntegrityError too (maybe only at the commit)."""
    statement, names, prepared = _plan(connection.vendor)
    values = []
    for row in rows:
        value = [getattr(row, name) for name in names]
        for position, prepare in prepared:
            if value[position] is not None:
                value[position] = prepare(value[position])
        values.append(value)
    if (
        connection.vendor == "sqlite"
    ):  # Django's cursor would rewrite the statement's placeholders each time
        with connection.wrap_database_errors:
            connection.connection.executemany(statement, values)
        return
    with connection.cursor() as cursor:
        cursor.executemany(statement, values)


Plan = tuple[str, tuple[str, ...], tuple[tuple[int, Callable[[Any], Any]], ...]]


@cache
def _plan(vendor: str) -> Plan:
    """The statement, the attributes in its order, and what has to be prepared for this database."""
    fields = UsageRecord._meta.concrete_fields
    quote = connection.ops.quote_name
    columns = ", ".join(quote(field.column or field.attname) for field in fields)
    places = ", ".join(["?" if vendor == "sqlite" else "%s"] * len(fields))
    statement = f"INSERT INTO {quote(UsageRecord._meta.db_table)} ({columns}) VALUES ({places})"  # noqa: S608  # our own names
    prepared = [(place, _preparation(field, vendor)) for place, field in enumerate(fields)]
    return (
        statement,
        tuple(field.attname for field in fields),
        tuple((place, prepare) for place, prepare in prepared if prepare is not None),
    )


def _preparation(field: Any, vendor: str) -> Callable[[Any], Any] | None:
    target = field.target_field if isinstance(field, models.ForeignKey) else field
    match target:
        case models.UUIDField():
            return None if vendor == "postgresql" else _hexadecimal
        case models.DateTimeField():
            return connection.ops.adapt_datetimefield_value
        case models.DecimalField(max_digits=digits, decimal_places=places):
            return lambda value: connection.ops.adapt_decimalfield_value(value, digits, places)
        case models.JSONField():
            return _json
        case _:
            return None


def _hexadecimal(value: UUID) -> str:
    return value.hex


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()

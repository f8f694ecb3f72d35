"""The fast way into the table writes what Django's own would."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction

from aiproxy.models import UsageRecord
from aiproxy.usage import row
from aiproxy.usage.row import Row
from tests.factories import make_integration, make_token

FULL: dict[str, Any] = {
    "at": datetime(2026, 11, 20, 12, 0, 0, 123456, tzinfo=UTC),
    "operation": "chat",
    "dialect": "openai",
    "outcome": "rate_limit",
    "request_id": "req_1",
    "integration_name": "Münch’s",
    "provider_id": "openai",
    "model": "gpt-5",
    "requested_model": "fast",
    "stream": True,
    "message": "Wait.",
    "http_status": 429,
    "finish": "stop",
    "input_tokens": 2**40,
    "output_tokens": 2,
    "cached_tokens": 3,
    "cache_write_tokens": 4,
    "reasoning_tokens": 5,
    "usage_source": "provider",
    "cost": Decimal("0.0000012345"),
    "price_source": "somewhere",
    "latency_ms": 6,
    "first_token_ms": 7,
    "provider_ms": 8,
    "attempts": 2,
    "changes": ["a: “b”"],
    "queued_ms": 9,
    "cached": True,
    "journey": {"steps": [["sent", 1.5]]},
}


def test_a_row_has_every_column_of_the_record():
    assert {field.attname for field in UsageRecord._meta.concrete_fields} == set(
        Row.__struct_fields__
    )


@pytest.mark.django_db
def test_what_is_written_is_what_is_read(alice):
    integration, (token, _) = make_integration(alice), make_token(alice)
    one = Row(**FULL, owner_id=alice.pk, integration_id=integration.pk, token_id=token.pk)
    with transaction.atomic():
        row.insert([one])
    stored = UsageRecord.objects.get()
    assert {name: getattr(stored, name) for name in Row.__struct_fields__} == {
        name: getattr(one, name) for name in Row.__struct_fields__
    }


@pytest.mark.django_db
def test_what_is_left_out_is_as_the_models_own_default(alice):
    needed: dict[str, Any] = {
        name: FULL[name] for name in ("at", "operation", "dialect", "outcome", "request_id")
    }
    with transaction.atomic():
        row.insert([Row(**needed, owner_id=alice.pk)])
    stored, plain = UsageRecord.objects.get(), UsageRecord(**needed, owner_id=alice.pk)
    names = set(Row.__struct_fields__) - {"id"}
    assert {name: getattr(stored, name) for name in names} == {
        name: getattr(plain, name) for name in names
    }


def test_ids_are_different_and_grow_with_time():
    ids = [row.new_id() for _ in range(1000)]
    assert len(set(ids)) == 1000
    assert {one.version for one in ids} == {7}
    assert ids[0].int >> 80 <= ids[-1].int >> 80

"""Calls made with an Idempotency-Key: each is carried out at most once, and its answer given again for a day.

    begin ──▶ running ──answered──────────────────▶ kept    given again, byte for byte
                 │ ├────answered, but too large──▶ large ┐
                 │ ├────cut, left, server died───▶ lost  ┴ said so; only a new key carries the call out again
                 │ └────nothing was done─────────▶ (gone)  the key is as good as new

Rows, so that this holds for all workers and after a crash. Sync code, for a thread: who sends no key pays nothing.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256

import msgspec
from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from aiproxy.errors import CannotRepeat, KeyReused, StillRunning
from aiproxy.models import KeptAnswer
from integrations import credentials, policy
from integrations.errors import SealBroken
from integrations.models import Integration
from integrations.tokens import Caller

KEPT_FOR = timedelta(hours=24)
GRACE_SECONDS = 60
"""Beyond the longest call, until a call that does not end is taken for one whose server died."""

MAX_BYTES = 5 * 2**20
"""Of a body; a larger one is not kept."""

PRUNE_SECONDS = 60.0
GROUP = 200


class Reply(msgspec.Struct, array_like=True, frozen=True):
    """An answer as it was written. ``headers`` in the order they were sent."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


@dataclass(frozen=True, slots=True)
class Claim:
    """A call that is carried out now under its key."""

    row: int
    place: tuple[str, ...]
    """Where its answer lies; what is sealed for it opens nowhere else."""


@dataclass(frozen=True, slots=True)
class Earlier:
    """The answer of the first call with this key, and that call's request id."""

    reply: Reply
    request_id: str


def digest(*parts: bytes) -> str:
    """Of all parts, none of which can be cut differently."""
    whole = sha256()
    for part in parts:
        whole.update(len(part).to_bytes(8, "big"))
        whole.update(part)
    return whole.hexdigest()


def begin(caller: Caller, key: bytes, request: str, request_id: str) -> Claim | Earlier:
    """Claim the key for a call, or find what came of the first one. ``request`` is a digest of what is asked.

    Raises StillRunning, KeyReused or CannotRepeat.
    """
    _prune_sometimes()
    token = caller.token_id.bytes if caller.token_id else b""
    name = digest(caller.user_id.bytes, token, key)
    for _ in range(3):  # the row can go, being released or too old, between the two looks at it
        if claim := _claim(caller, name, request, request_id):
            return claim
        row = KeptAnswer.objects.filter(key=name).first()
        if row is not None and row.expires_at > timezone.now():
            return _earlier(row, request)
        if row is not None:
            KeptAnswer.objects.filter(pk=row.pk, expires_at=row.expires_at).delete()
    raise StillRunning()


def keep(claim: Claim, reply: Reply) -> None:
    sealed = credentials.seal_content(msgspec.msgpack.encode(reply), *claim.place)
    _end(claim, state=KeptAnswer.KEPT, sealed=sealed)


def note_large(claim: Claim) -> None:
    _end(claim, state=KeptAnswer.LARGE)


def note_lost(claim: Claim) -> None:
    _end(claim, state=KeptAnswer.LOST)


def release(claim: Claim) -> None:
    """Nothing was done, so the key can be used for another try."""
    KeptAnswer.objects.filter(pk=claim.row).delete()


def prune() -> int:
    """Delete what can no longer be asked for; how many rows that were."""
    gone = 0
    while batch := _prune_group():
        gone += batch
    return gone


def _claim(caller: Caller, name: str, request: str, request_id: str) -> Claim | None:
    now = timezone.now()
    row = KeptAnswer(
        owner_id=caller.user_id,
        token_id=caller.token_id,
        key=name,
        request=request,
        request_id=request_id,
        leased_until=now + timedelta(seconds=_longest(caller) + GRACE_SECONDS),
        expires_at=now + KEPT_FOR,
    )
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError:
        return None
    return Claim(row.pk, _place(row))


def _longest(caller: Caller) -> float:
    """Seconds that a call of theirs may take; where it goes is not known yet."""
    policies = Integration.objects.filter(owner_id=caller.user_id).values_list("policy", flat=True)
    own = (policy.read(stored).total_timeout or 0.0 for stored in policies if stored)
    return max(settings.AIM_TOTAL_TIMEOUT, *own, 0.0)


def _earlier(row: KeptAnswer, request: str) -> Earlier:
    if row.request != request:
        raise KeyReused()
    if row.state == KeptAnswer.RUNNING and row.leased_until > timezone.now():
        raise StillRunning()
    if row.state != KeptAnswer.KEPT or row.sealed is None:
        raise CannotRepeat(row.request_id, _WHY.get(row.state, _WHY[KeptAnswer.LOST]))
    try:
        content = credentials.open_content(bytes(row.sealed), *_place(row))
        return Earlier(msgspec.msgpack.decode(content, type=Reply), row.request_id)
    except (SealBroken, msgspec.MsgspecError):
        raise CannotRepeat(row.request_id, "was carried out, but cannot be opened again") from None


_WHY: Mapping[str, str] = {
    KeptAnswer.LOST: "did not come to its end, and may have been carried out and billed",
    KeptAnswer.LARGE: f"was carried out, and its answer of more than {MAX_BYTES // 2**20} MiB was not kept",
}


def _place(row: KeptAnswer) -> tuple[str, ...]:
    return ("kept-answer", str(row.owner_id), str(row.token_id), row.key, row.request)


def _end(claim: Claim, **values: object) -> None:
    KeptAnswer.objects.filter(pk=claim.row).update(**values)


def _prune_sometimes() -> None:
    global _next_prune
    if time.monotonic() >= _next_prune:
        _next_prune = time.monotonic() + PRUNE_SECONDS
        _prune_group()


_next_prune = 0.0


def _prune_group() -> int:
    old = KeptAnswer.objects.filter(expires_at__lte=timezone.now()).values("pk")[:GROUP]
    return KeptAnswer.objects.filter(pk__in=list(old.values_list("pk", flat=True))).delete()[0]

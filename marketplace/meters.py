"""Limits as a person reads them: whose calls they hold for, and how full they are, in words and as a bar."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from aiproxy.gateway import limits
from aiproxy.gateway.limits import WHATS, Fill
from aiproxy.models import Limit
from marketplace.templatetags.ui import money, tokens
from providers.registry import catalogue

_SPANS = {"minute": "this minute", "day": "today", "month": "this month"}
_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"))
_HIGH = 0.8


@dataclass(frozen=True, slots=True)
class Meter:
    """One field of a limit. ``used`` and ``most`` are figures for a bar; ``text`` says the same and when it frees."""

    name: str
    text: str
    frees: str
    used: str
    most: str
    share: float

    @property
    def tone(self) -> str:
        return "full" if self.share >= 1 else "high" if self.share >= _HIGH else ""


@dataclass(frozen=True, slots=True)
class Gauged:
    """A limit with its meters. ``account`` is empty for one's own; ``provider_id`` is for a logo."""

    limit: Limit
    title: str
    holds_for: str
    provider_id: str
    meters: Sequence[Meter]
    may_change: bool
    account: str = ""

    @property
    def patience(self) -> str:
        seconds = self.limit.queue_seconds
        return f"waits up to {seconds} s" if seconds else "refuses at once"


def gauge(found: Iterable[Limit], *, administrator: bool, foreign: bool = False) -> list[Gauged]:
    """``foreign``: they hold for other accounts, so the account is named."""
    rows = list(found)
    fills: dict[UUID, Sequence[Fill]] = {}
    for owner in {row.owner_id for row in rows}:
        fills |= limits.fills(owner)
    return [_gauged(row, fills, administrator, foreign) for row in rows]


def by_subject(found: Iterable[Gauged]) -> dict[UUID, list[Gauged]]:
    """By the integration or token that they are about."""
    by: dict[UUID, list[Gauged]] = {}
    for one in found:
        if subject := one.limit.integration_id or one.limit.token_id:
            by.setdefault(subject, []).append(one)
    return by


def _gauged(
    row: Limit, fills: Mapping[UUID, Sequence[Fill]], administrator: bool, foreign: bool
) -> Gauged:
    title, holds_for, provider_id = _about(row)
    return Gauged(
        limit=row,
        title=title,
        holds_for=holds_for,
        provider_id=provider_id,
        meters=[meter(fill) for fill in fills.get(row.pk, ())],
        may_change=administrator or not row.by_operator,
        account=str(row.owner) if foreign else "",
    )


def _about(row: Limit) -> tuple[str, str, str]:
    if row.integration is not None:
        return row.integration.name, "Calls through this integration", row.integration.provider_id
    if row.token is not None:
        return row.token.name, "Calls with this access token", ""
    if row.kind == Limit.PROVIDER:
        spec = catalogue().get(row.provider_id)
        return spec.name if spec else row.provider_id, "All calls to this provider", row.provider_id
    return "The whole account", "All calls", ""


def meter(fill: Fill) -> Meter:
    what = WHATS[fill.name]
    span = f" {_SPANS[what.period]}" if what.period else ""
    if what.unit == "dollars":
        text = f"{money(Decimal(fill.used))} of {money(Decimal(fill.limit))}{span}"
    else:
        text = f"{tokens(int(fill.used))} of {tokens(int(fill.limit))} {what.unit}{span}"
    return Meter(
        name=fill.name,
        text=text,
        frees=_frees(fill.frees_in_seconds),
        used=f"{fill.used:f}" if isinstance(fill.used, Decimal) else str(fill.used),
        most=f"{fill.limit:f}" if isinstance(fill.limit, Decimal) else str(fill.limit),
        share=float(fill.used / fill.limit),
    )


def _frees(seconds: float | None) -> str:
    if seconds is None:
        return ""
    for size, unit in _UNITS:
        if seconds >= size:
            return f"frees in {round(seconds / size)} {unit}"
    return f"frees in {max(1, round(seconds))} s"

"""Long lists of calls in pages. A page begins behind a certain call and not at a number: counting to the
hundred-thousandth page would read every call before it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django import forms
from django.db.models import Q, QuerySet

from aiproxy.models import UsageRecord
from marketplace.htmx import HtmxRequest

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MARK = r"^\d{1,17}-[0-9a-f]{32}$"


class PageForm(forms.Form):
    """``before`` and ``after`` are marks: the page with the calls before one, or the one with those after it."""

    before = forms.RegexField(_MARK, required=False)
    after = forms.RegexField(_MARK, required=False)


@dataclass(frozen=True, slots=True)
class Page:
    """``newer`` and ``older`` are the marks of the neighbours, empty where there is none."""

    rows: list[UsageRecord]
    newer: str = ""
    older: str = ""

    def __iter__(self) -> Iterator[UsageRecord]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def newest(self) -> datetime:
        return self.rows[0].at

    @property
    def oldest(self) -> datetime:
        return self.rows[-1].at


def page_of(request: HtmxRequest, calls: QuerySet[UsageRecord], size: int) -> Page:
    """The page of ``calls`` (newest first) that the address names; the first one for nonsense."""
    form = PageForm(request.GET)
    form.is_valid()
    before, after = form.cleaned_data.get("before"), form.cleaned_data.get("after")
    named = _older(calls, before, size) if before else None
    named = _newer(calls, after, size) if after else named
    return named or _first(calls, size)


def _first(calls: QuerySet[UsageRecord], size: int) -> Page:
    rows = list(calls[: size + 1])
    return Page(rows[:size], older=_mark(rows[size - 1]) if len(rows) > size else "")


def _older(calls: QuerySet[UsageRecord], mark: str, size: int) -> Page | None:
    at, id = _read(mark)
    # The first condition is a range of the index; the second only decides between calls of one microsecond.
    page = _first(calls.filter(at__lte=at).filter(Q(at__lt=at) | Q(id__lt=id)), size)
    return Page(page.rows, newer=_mark(page.rows[0]), older=page.older) if page.rows else None


def _newer(calls: QuerySet[UsageRecord], mark: str, size: int) -> Page | None:
    """None when less than a page is newer: the first page shows these too."""
    at, id = _read(mark)
    rows = calls.filter(at__gte=at).filter(Q(at__gt=at) | Q(id__gt=id)).order_by("at", "id")
    found = list(rows[: size + 1])
    if len(found) <= size:
        return None
    shown = found[:size][::-1]
    return Page(shown, newer=_mark(shown[0]), older=_mark(shown[-1]))


def _mark(call: UsageRecord) -> str:
    return f"{(call.at - _EPOCH) // timedelta(microseconds=1)}-{call.pk.hex}"


def _read(mark: str) -> tuple[datetime, UUID]:
    time, _, id = mark.partition("-")
    return _EPOCH + timedelta(microseconds=int(time)), UUID(id)

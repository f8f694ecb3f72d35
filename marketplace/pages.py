"""Long lists in pages."""

from __future__ import annotations

from typing import Any, TypeVar

from django import forms
from django.core.paginator import Page, Paginator
from django.db.models import Model, QuerySet

from marketplace.htmx import HtmxRequest

M = TypeVar("M", bound=Model)


class PageForm(forms.Form):
    page = forms.IntegerField(required=False, min_value=1)


def page_of(request: HtmxRequest, rows: QuerySet[M], size: int) -> Page[Any]:
    """The page that the address names; the first for nonsense, the last for one beyond it."""
    form = PageForm(request.GET)
    number = form.cleaned_data["page"] if form.is_valid() else None
    return Paginator(rows, size).get_page(number or 1)

"""Dialogs with an address of their own: a fragment for htmx, a whole page with the dialog open for everybody else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render, resolve_url

from marketplace.htmx import HtmxRequest


@dataclass(frozen=True, slots=True)
class Behind:
    """The page a dialog lies on: its URL's name, its template and what that shows."""

    url: str
    template: str
    context: Callable[[HtmxRequest], Mapping[str, Any]]


def is_fragment(request: HtmxRequest) -> bool:
    """Whether htmx asks for a part. Going back in the history, it wants the whole page."""
    return bool(request.htmx) and not request.htmx.history_restore_request


def show(
    request: HtmxRequest,
    template: str,
    context: Mapping[str, Any],
    behind: Behind,
    *,
    status: int = 200,
) -> HttpResponse:
    """``template`` in the dialog. It and the page share ``context``, so both may only hold what may be seen."""
    back = {"behind": resolve_url(behind.url)}
    if is_fragment(request):
        return render(request, template, {**context, **back}, status=status)
    page = {**behind.context(request), **context, **back, "dialog_template": template}
    return render(request, behind.template, page, status=status)

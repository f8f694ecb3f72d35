"""Pages for those who run this installation."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from django.core.exceptions import PermissionDenied
from django.http import HttpResponse

from integrations import access
from marketplace.htmx import HtmxRequest

P = ParamSpec("P")


def only(
    view: Callable[Concatenate[HtmxRequest, P], HttpResponse],
) -> Callable[Concatenate[HtmxRequest, P], HttpResponse]:
    """Everybody else is answered 403. The actions behind the page ask again."""

    @wraps(view)
    def guarded(request: HtmxRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        if not access.is_administrator(request.user):
            raise PermissionDenied
        return view(request, *args, **kwargs)

    return guarded

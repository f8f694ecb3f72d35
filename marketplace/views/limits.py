"""Limits: what calls may use at most, and how full that is right now."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from aiproxy import access as limit_access
from aiproxy import actions
from aiproxy.actions import LimitInput
from aiproxy.models import Limit
from integrations import access
from marketplace import actor, dialogs, meters
from marketplace.dialogs import Behind
from marketplace.forms.limits import LimitForm
from marketplace.htmx import HtmxRequest, done
from marketplace.meters import Gauged

CHANGED = "limits-changed"

form_view = require_http_methods(["GET", "HEAD", "POST"])


@require_safe
def index(request: HtmxRequest) -> HttpResponse:
    return render(request, "limits/index.html", context(request))


@require_safe
def now(request: HtmxRequest) -> HttpResponse:
    """The list as it stands, for the open page, which asks by itself: it is no visit that keeps a session alive."""
    return render(request, "limits/index.html#list", context(request))


def context(request: HtmxRequest) -> dict[str, Any]:
    me = request.user
    others = limit_access.limits_on_others(me).order_by("owner__email", "created_at")
    return {
        "mine": of_person(request),
        "others": meters.gauge(others, administrator=True, foreign=True),
        "administrator": access.is_administrator(me),
    }


def of_person(request: HtmxRequest) -> list[Gauged]:
    mine = limit_access.limits_of(request.user).order_by("created_at")
    return meters.gauge(mine, administrator=access.is_administrator(request.user))


BEHIND = Behind("limits", "limits/index.html", context)


@form_view
def new(request: HtmxRequest) -> HttpResponse:
    form = LimitForm(request.user, request.POST or None, about=request.GET.get("about", ""))
    return _save(request, form)


@form_view
def edit(request: HtmxRequest, id: UUID) -> HttpResponse:
    limit = _changeable(request, id)
    form = LimitForm(request.user, request.POST or None, limit)
    form.owner = limit.owner
    return _save(request, form, gauged=_gauged(request, limit))


@form_view
def delete(request: HtmxRequest, id: UUID) -> HttpResponse:
    """Asks first: what it held back goes through from then on."""
    limit = _changeable(request, id)
    gauged = _gauged(request, limit)
    if request.method != "POST":
        return dialogs.show(request, "limits/delete.html", {"gauged": gauged}, BEHIND)
    actions.remove_limit(actor.of(request), request.user, limit)
    return _done(request, "The limit is removed.")


def _save(request: HtmxRequest, form: LimitForm, **context: Any) -> HttpResponse:
    def act(data: LimitInput) -> Limit:
        return actions.set_limit(actor.of(request), request.user, data, form.owner)

    if form.is_bound and form.act(act) is not None:
        return _done(request, "The limit is saved. Calls are held to it at once.")
    status = 422 if form.is_bound else 200
    shown = {"form": form, **context}
    return dialogs.show(request, "limits/form.html", shown, BEHIND, status=status)


def _changeable(request: HtmxRequest, id: UUID) -> Limit:
    """What a person may not even see is not found; what an administrator set on them is theirs to see only."""
    try:
        limit = limit_access.get_limit(request.user, id)
    except Limit.DoesNotExist:
        raise Http404 from None
    if limit.by_operator and not access.is_administrator(request.user):
        raise PermissionDenied
    return limit


def _gauged(request: HtmxRequest, limit: Limit) -> Gauged:
    foreign = limit.owner_id != request.user.pk
    (gauged,) = meters.gauge([limit], administrator=True, foreign=foreign)
    return gauged


def _done(request: HtmxRequest, text: str) -> HttpResponse:
    if dialogs.is_fragment(request):
        return done(CHANGED, text=text)
    messages.success(request, text)
    return redirect("limits")

"""Aliases: everybody sees what they stand for, administrators decide it."""

from __future__ import annotations

from functools import partial
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from aiproxy import actions
from aiproxy.gateway.aliases import Step
from aiproxy.models import Alias
from integrations import access
from marketplace import actor, administrators, dialogs
from marketplace.dialogs import Behind
from marketplace.forms.aliases import STRATEGIES, AliasForm, line
from marketplace.htmx import HtmxRequest, done

CHANGED = "aliases-changed"

form_view = require_http_methods(["GET", "HEAD", "POST"])


@require_safe
def index(request: HtmxRequest) -> HttpResponse:
    template = "aliases/index.html#list" if dialogs.is_fragment(request) else "aliases/index.html"
    return render(request, template, context(request))


def context(request: HtmxRequest) -> dict[str, Any]:
    rows = [_row(alias) for alias in Alias.objects.all()]
    return {"rows": rows, "may_edit": access.is_administrator(request.user)}


def _row(alias: Alias) -> dict[str, Any]:
    """Weights are told where they count."""
    show = line if alias.strategy == Alias.WEIGHTED else str
    steps = [show(Step.from_json(target)) for target in alias.targets]
    return {
        "alias": alias,
        "steps": steps,
        "strategy": STRATEGIES[alias.strategy][0],
        "in_order": alias.strategy == Alias.PRIORITY,
    }


BEHIND = Behind("aliases", "aliases/index.html", context)


@form_view
@administrators.only
def new(request: HtmxRequest) -> HttpResponse:
    form = AliasForm(request.POST or None)
    if form.is_bound:
        act = partial(actions.create_alias, actor.of(request), request.user)
        if alias := form.act(act):
            return _done(request, f"{alias} can be asked for now.")
    return _form(request, form)


@form_view
@administrators.only
def edit(request: HtmxRequest, id: UUID) -> HttpResponse:
    alias = get_object_or_404(Alias, pk=id)
    form = AliasForm(request.POST or None, alias)
    if form.is_bound:
        act = partial(actions.edit_alias, actor.of(request), request.user, alias)
        if saved := form.act(act):
            return _done(request, f"{saved} is saved. Calls follow it at once.")
    return _form(request, form, alias=alias)


@form_view
@administrators.only
def delete(request: HtmxRequest, id: UUID) -> HttpResponse:
    """Asks first: whoever still uses it gets an error."""
    alias = get_object_or_404(Alias, pk=id)
    if request.method != "POST":
        return dialogs.show(request, "aliases/delete.html", {"alias": alias}, BEHIND)
    actions.delete_alias(actor.of(request), request.user, alias)
    return _done(request, f"{alias} is deleted.")


def _form(request: HtmxRequest, form: AliasForm, **context: Any) -> HttpResponse:
    status = 422 if form.is_bound else 200
    shown = {"form": form, **context}
    return dialogs.show(request, "aliases/form.html", shown, BEHIND, status=status)


def _done(request: HtmxRequest, text: str) -> HttpResponse:
    if dialogs.is_fragment(request):
        return done(CHANGED, text=text)
    messages.success(request, text)
    return redirect("aliases")

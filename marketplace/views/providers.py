"""Providers and models that administrators add for everybody."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import Count
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from integrations import shared
from integrations.actions import providers as actions
from integrations.actions import sharing
from integrations.models import Integration, SharedKey
from integrations.provider_inputs import ModelInput
from marketplace import actor, administrators, dialogs
from marketplace.dialogs import Behind
from marketplace.forms.models import AddedModelForm
from marketplace.forms.providers import ProviderForm
from marketplace.htmx import HtmxRequest, done
from providers.catalogue.loader import BadProvider
from providers.models import CustomModel, CustomProvider
from providers.registry import catalogue

CHANGED = "providers-changed"

form_view = require_http_methods(["GET", "HEAD", "POST"])


@require_safe
@administrators.only
def index(request: HtmxRequest) -> HttpResponse:
    template = "providers/index.html"
    if dialogs.is_fragment(request):
        template += "#list"
    return render(request, template, context(request))


def context(request: HtmxRequest) -> dict[str, Any]:
    counted = Integration.objects.order_by().values_list("provider_id").annotate(Count("pk"))
    used = dict(counted)
    rows = [
        {
            "row": row,
            "spec": _spec(row),
            "used": used.get(row.pk, 0),
            "left_out": f"provider {row.pk}" in catalogue().problems,
        }
        for row in CustomProvider.objects.all()
    ]
    models = [
        {"row": row, "spec": _spec(row), "provider": catalogue().get(row.provider_id)}
        for row in CustomModel.objects.all()
    ]
    keys = [
        {"spec": catalogue().get(id), "id": id, "state": state, "offer": shared.offer(id)}
        for id, state in sorted(shared.states(request.user).items())
    ]
    return {"rows": rows, "models": models, "keys": keys}


BEHIND = Behind("providers", "providers/index.html", context)


@form_view
@administrators.only
def new(request: HtmxRequest) -> HttpResponse:
    form = ProviderForm(request.POST or None)
    if form.is_bound:
        act = partial(actions.create_provider, actor.of(request), request.user)
        if row := form.act(act):
            return _done(request, f"{row} is added. Everybody can connect it now.")
    return _form(request, "providers/form.html", form)


@form_view
@administrators.only
def edit(request: HtmxRequest, id: str) -> HttpResponse:
    row = get_object_or_404(CustomProvider, pk=id)
    spec = _spec(row)
    if spec is None:
        return redirect("provider-delete", id)
    form = ProviderForm(request.POST or None, spec)
    if form.is_bound:
        act = partial(actions.edit_provider, actor.of(request), request.user, row)
        if saved := form.act(act):
            return _done(request, f"{saved} is saved.")
    return _form(request, "providers/form.html", form, row=row)


@form_view
@administrators.only
def delete(request: HtmxRequest, id: str) -> HttpResponse:
    row = get_object_or_404(CustomProvider, pk=id)
    used = Integration.objects.filter(provider_id=row.pk).count()
    act = partial(actions.delete_provider, actor.of(request), request.user, row)
    return _delete(request, act, str(row), {"row": row, "used": used})


@form_view
@administrators.only
def new_model(request: HtmxRequest) -> HttpResponse:
    form = AddedModelForm(request.POST or None)
    if form.is_bound:

        def create(data: ModelInput) -> CustomModel:
            provider_id = form.cleaned_data["provider_id"]
            return actions.create_model(actor.of(request), request.user, provider_id, data)

        if row := form.act(create):
            return _done(request, f"{row} is added.")
    return _form(request, "providers/model.html", form)


@form_view
@administrators.only
def edit_model(request: HtmxRequest, id: UUID) -> HttpResponse:
    row = get_object_or_404(CustomModel, pk=id)
    if _spec(row) is None:
        return redirect("model-delete", id)
    form = AddedModelForm(request.POST or None, row)
    if form.is_bound:
        act = partial(actions.edit_model, actor.of(request), request.user, row)
        if saved := form.act(act):
            return _done(request, f"{saved} is saved.")
    return _form(request, "providers/model.html", form, row=row)


@form_view
@administrators.only
def delete_model(request: HtmxRequest, id: UUID) -> HttpResponse:
    row = get_object_or_404(CustomModel, pk=id)
    act = partial(actions.delete_model, actor.of(request), request.user, row)
    return _delete(request, act, str(row), {"row": row, "is_model": True})


@require_POST
@administrators.only
def share(request: HtmxRequest, provider_id: str) -> HttpResponse:
    """Share the key in the server's environment with everybody."""
    try:
        sharing.share(actor.of(request), request.user, provider_id)
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
        return redirect("providers")
    return _done(request, "Everybody without a key of their own can use it now.")


@require_POST
@administrators.only
def unshare(request: HtmxRequest, provider_id: str) -> HttpResponse:
    row = get_object_or_404(SharedKey, provider_id=provider_id)
    sharing.unshare(actor.of(request), request.user, row)
    return _done(request, "Nobody can use the server’s key any more.")


def _spec(row: CustomProvider | CustomModel) -> Any:
    """None for a row that this version of the program cannot read."""
    try:
        return row.to_spec()
    except BadProvider:
        return None


def _form(
    request: HtmxRequest, template: str, form: ProviderForm | AddedModelForm, **context: Any
) -> HttpResponse:
    status = 422 if form.is_bound else 200
    return dialogs.show(request, template, {"form": form, **context}, BEHIND, status=status)


def _delete(
    request: HtmxRequest, act: Callable[[], None], name: str, context: dict[str, Any]
) -> HttpResponse:
    """Asks first."""
    problems: list[str] = []
    if request.method == "POST":
        try:
            act()
            return _done(request, f"{name} is deleted.")
        except ValidationError as error:
            problems = error.messages
    shown = {**context, "problems": problems}
    status = 422 if problems else 200
    return dialogs.show(request, "providers/delete.html", shown, BEHIND, status=status)


def _done(request: HtmxRequest, text: str) -> HttpResponse:
    if dialogs.is_fragment(request):
        return done(CHANGED, text=text)
    messages.success(request, text)
    return redirect("providers")

"""The dialog of one integration: credentials, settings, usage. Every tab and every question has its own address."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any
from uuid import UUID

from asgiref.sync import sync_to_async
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from aiproxy import probe, trial
from aiproxy.app import breakers
from aiproxy.upstream.client import at_hand
from aiproxy.usage import analytics
from integrations import access, live, shared
from integrations.actions import integrations as actions
from integrations.models import Integration
from marketplace import actor, condition, dialogs, limits, meters
from marketplace.cards import Card, card_of
from marketplace.forms.credentials import CredentialsForm, TargetForm
from marketplace.forms.integrations import SettingsForm
from marketplace.htmx import HtmxRequest, done, tell, toast
from marketplace.pages import page_of
from marketplace.results import VERDICTS
from marketplace.views import home
from marketplace.views import limits as limits_page
from providers.catalogue.spec import ProviderSpec
from providers.errors import CallError
from providers.registry import catalogue

SECRETS = ("key", "headers.value")
CHANGED = "integration-changed"
"""What parts of the page listen for that show integrations."""

form_view = require_http_methods(["GET", "HEAD", "POST"])


@require_safe
def provider(request: HtmxRequest, provider_id: str) -> HttpResponse:
    """What the person has of this provider: a new connection, the one there is, or the choice of several."""
    spec = _spec(provider_id)
    mine = access.integrations_of(request.user).filter(provider_id=provider_id)[:2]
    if len(mine) == 1:
        return redirect("integration-credentials", mine[0].pk)
    if not mine and spec.callable:
        return redirect("integration-new", provider_id)
    return _dialog(request, "integrations/several.html" if mine else "integrations/away.html", spec)


@sensitive_post_parameters(*SECRETS)
@form_view
def new(request: HtmxRequest, provider_id: str) -> HttpResponse:
    spec = _spec(provider_id)
    if not spec.callable or spec.deployment == "builtin":
        return redirect("provider", provider_id)
    form = CredentialsForm(spec, data=request.POST or None)
    if form.is_bound:
        create = partial(actions.create, actor.of(request), request.user, provider_id)
        if integration := form.act(create):
            return _saved(request, integration, "credentials", f"{integration.name} is connected.")
    return _tab(request, "credentials", spec, None, form)


@sensitive_post_parameters(*SECRETS)
@form_view
def credentials(request: HtmxRequest, id: UUID) -> HttpResponse:
    return _edit(request, _mine(request, id), "credentials", CredentialsForm)


@sensitive_post_parameters(*SECRETS)
@form_view
def settings(request: HtmxRequest, id: UUID) -> HttpResponse:
    return _edit(request, _mine(request, id), "settings", SettingsForm)


@require_safe
def usage(request: HtmxRequest, id: UUID) -> HttpResponse:
    integration = _mine(request, id)
    summary = analytics.summary(request.user, integration)
    calls = page_of(request, analytics.calls(request.user, integration), 10)
    spec = _spec(integration.provider_id)
    context: dict[str, Any] = {
        "summary": summary,
        "calls": calls,
        "left": condition.left(integration.limits, timezone.now()),
        "limits": meters.by_subject(limits_page.of_person(request)).get(integration.pk, []),
    }
    return _tab(request, "usage", spec, integration, **context)


@require_POST
def toggle(request: HtmxRequest, id: UUID) -> HttpResponse:
    integration = _mine(request, id)
    integration = actions.set_enabled(actor.of(request), integration, not integration.enabled)
    state = "answers calls again" if integration.enabled else "is disabled"
    return _saved(request, integration, "settings", f"{integration.name} {state}.")


@form_view
def delete(request: HtmxRequest, id: UUID) -> HttpResponse:
    """Asks first, and tells which tokens lose it."""
    integration = _mine(request, id)
    if request.method != "POST":
        context = {"integration": integration, "tokens": access.tokens_using(integration)}
        return _dialog(
            request, "integrations/delete.html", _spec(integration.provider_id), **context
        )
    actions.delete(actor.of(request), integration)
    text = f"{integration.name} is deleted."
    if dialogs.is_fragment(request):
        return done(CHANGED, text=text)
    messages.success(request, text)
    return redirect("home")


@sensitive_post_parameters(*SECRETS)
@require_POST
async def test(request: HtmxRequest) -> HttpResponse:
    """Try what was typed, without saving it. What was typed stays where it is: only the result is answered."""
    connection, saved, problems = await sync_to_async(_draft)(request)
    if connection is None:
        return await _fragment(request, "integrations/_result.html", {"problems": problems})
    async with at_hand() as upstream:
        outcome = await probe.test(upstream, connection)
    context = {"outcome": outcome, "verdict": VERDICTS[outcome.result]}
    response = await _fragment(request, "integrations/_result.html", context)
    if saved:
        record = sync_to_async(actions.record_test)
        await record(saved, outcome.result, outcome.message, await sync_to_async(actor.of)(request))
        if outcome.result != "unreachable":
            breakers().reset(saved.pk)
        tell(response, CHANGED)
    return response


@sensitive_post_parameters(*SECRETS)
@require_POST
async def try_mapping(request: HtmxRequest) -> HttpResponse:
    """One small real call with the mapping as it was typed, whole or as a stream. Nothing is saved."""
    connection, _, problems = await sync_to_async(_draft)(request)
    context: dict[str, Any] = {"problems": problems}
    if connection is not None:
        if connection.provider.adapter != "custom":
            raise Http404
        async with at_hand() as upstream:
            streamed = request.POST.get("as") == "stream"
            context["trial"] = await trial.run(upstream, connection, streamed=streamed)
    return await _fragment(request, "integrations/_trial.html", context)


@require_safe
async def models(request: HtmxRequest, id: UUID) -> HttpResponse:
    """What the provider offers now, else what the catalogue knows."""
    integration = await sync_to_async(_mine)(request, id)
    spec = _spec(integration.provider_id)
    try:
        connection = await sync_to_async(live.connect)(integration)
        async with at_hand() as upstream:
            found = await probe.list_models(upstream, connection)
    except CallError:
        found = ()
    context = {"integration": integration, "models": found or spec.models, "live": bool(found)}
    return await _fragment(request, "integrations/_models.html", context)


def _draft(request: HtmxRequest) -> tuple[live.Connection | None, Integration | None, list[str]]:
    """What to test; the integration too, if nothing of it was changed; or why there is nothing to test."""
    if seconds := limits.wait(request, limits.TEST, str(request.user.pk)):
        return None, None, [f"Too many tests. Try again in {seconds} seconds."]
    target = TargetForm(request.POST)
    if not target.is_valid():
        raise Http404
    id, provider_id = target.cleaned_data["integration"], target.cleaned_data["provider"]
    integration = _mine(request, id) if id else None
    spec = _spec(integration.provider_id if integration else provider_id)
    form = CredentialsForm(spec, integration, request.POST)
    connection = form.act(lambda data: live.draft(request.user, spec.id, data, integration))
    problems = [str(sentence) for sentences in form.errors.values() for sentence in sentences]
    return connection, None if form.has_changed() else integration, problems


def _edit(
    request: HtmxRequest,
    integration: Integration,
    tab: str,
    form_class: Callable[..., CredentialsForm | SettingsForm],
) -> HttpResponse:
    spec = _spec(integration.provider_id)
    form = form_class(spec, integration, request.POST or None)
    if form.is_bound and (
        edited := form.act(partial(actions.edit, actor.of(request), integration))
    ):
        text = f"{edited.integration.name} is saved."
        if edited.wiped:
            text = "Saved. The server changed, so the stored key was erased: enter the key again."
        return _saved(request, edited.integration, "credentials" if edited.wiped else tab, text)
    return _tab(request, tab, spec, integration, form)


def _saved(request: HtmxRequest, integration: Integration, tab: str, text: str) -> HttpResponse:
    """The tab anew, in the open dialog or as a page; cards elsewhere on the page hear of it."""
    url = reverse(f"integration-{tab}", args=[integration.pk])
    if not dialogs.is_fragment(request):
        messages.success(request, text)
        return redirect(url)
    spec = _spec(integration.provider_id)
    form_class = CredentialsForm if tab == "credentials" else SettingsForm
    form = form_class(spec, integration)
    response = _tab(request, tab, spec, integration, form)
    response["HX-Replace-Url"] = url
    return toast(tell(response, CHANGED), text)


def _tab(
    request: HtmxRequest,
    tab: str,
    spec: ProviderSpec,
    integration: Integration | None,
    form: CredentialsForm | SettingsForm | None = None,
    **context: Any,
) -> HttpResponse:
    names = ("credentials", "settings", "usage")
    url = reverse("integration-new", args=[spec.id])
    tabs = [
        {
            "name": name,
            "label": name.capitalize(),
            "current": name == tab,
            "url": reverse(f"integration-{name}", args=[integration.pk]) if integration else url,
        }
        for name in names
    ]
    context |= {"tabs": tabs, "tab": tab, "panel": f"integrations/_{tab}.html", "form": form}
    return _dialog(request, "integrations/dialog.html", spec, integration=integration, **context)


def _dialog(
    request: HtmxRequest, template: str, spec: ProviderSpec, **context: Any
) -> HttpResponse:
    integration, form = context.get("integration"), context.get("form")
    siblings = access.integrations_of(request.user).filter(provider_id=spec.id)
    server = shared.states(request.user).get(spec.id, "")
    context |= {
        "spec": spec,
        "siblings": list(siblings),
        "card": card_of(spec, [integration], analytics.health(request.user))
        if integration
        else Card(spec, server=server),
        "server": server,
    }
    status = 422 if form is not None and form.is_bound else 200
    return dialogs.show(request, template, context, home.BEHIND, status=status)


async def _fragment(request: HtmxRequest, template: str, context: dict[str, Any]) -> HttpResponse:
    return await sync_to_async(render)(request, template, context)


def _mine(request: HtmxRequest, id: UUID) -> Integration:
    return get_object_or_404(access.integrations_of(request.user), pk=id)


def _spec(provider_id: str) -> ProviderSpec:
    spec = catalogue().get(provider_id)
    if spec is None:
        raise Http404
    return spec

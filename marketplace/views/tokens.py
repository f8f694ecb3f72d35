"""Access tokens: what a person hands to each tool in place of every key."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from integrations import access
from integrations.actions import tokens as actions
from integrations.models import AccessToken
from integrations.secret import Secret
from integrations.tokens import SCOPES
from marketplace import actor, dialogs, meters, snippets
from marketplace.dialogs import Behind
from marketplace.forms.tokens import TokenForm
from marketplace.htmx import HtmxRequest, done, tell
from marketplace.views import limits

CHANGED = "token-changed"


@require_safe
def index(request: HtmxRequest) -> HttpResponse:
    template = "tokens/index.html#list" if dialogs.is_fragment(request) else "tokens/index.html"
    return render(request, template, context(request))


def context(request: HtmxRequest) -> dict[str, Any]:
    """Each token bears its limits as ``gauged``."""
    mine = list(access.tokens_of(request.user).prefetch_related("integrations"))
    found = meters.by_subject(limits.of_person(request))
    for token in mine:
        token.gauged = found.get(token.pk, [])  # type: ignore[attr-defined]  # for the template
    return {"tokens": sorted(mine, key=lambda token: token.state == "revoked")}


BEHIND = Behind("tokens", "tokens/index.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HtmxRequest) -> HttpResponse:
    form = TokenForm(request.user, request.POST or None)
    if form.is_valid() and (issued := _issue(request, form)):
        return _show_once(request, *issued)
    shown = {"form": form, "scopes": SCOPES}
    return dialogs.show(
        request, "tokens/new.html", shown, BEHIND, status=422 if form.is_bound else 200
    )


@require_http_methods(["GET", "HEAD", "POST"])
def revoke(request: HtmxRequest, id: UUID) -> HttpResponse:
    """Asks first: whatever uses the token stops working."""
    token = get_object_or_404(access.tokens_of(request.user), pk=id)
    if request.method != "POST":
        return dialogs.show(request, "tokens/revoke.html", {"token": token}, BEHIND)
    actions.revoke(actor.of(request), token)
    text = f"{token.name} is revoked."
    if dialogs.is_fragment(request):
        return done(CHANGED, text=text)
    messages.success(request, text)
    return redirect("tokens")


def _issue(request: HtmxRequest, form: TokenForm) -> tuple[AccessToken, Secret] | None:
    value = form.cleaned_data
    try:
        return actions.issue(
            actor.of(request),
            request.user,
            value["name"],
            value["scopes"],
            form.expires_at,
            form.chosen,
        )
    except ValidationError as error:
        form.report(error)
        return None


def _show_once(request: HtmxRequest, token: AccessToken, text: Secret) -> HttpResponse:
    """The only answer that ever holds a token's text."""
    usable = token.integrations.all() if token.restricted else access.integrations_of(request.user)
    plain = text.plain()
    calls = snippets.of(settings.AIM_PUBLIC_URL, plain, snippets.model_of(usable))
    shown = {"token": token, "text": plain, "snippets": calls if "chat" in token.scopes else []}
    return tell(dialogs.show(request, "tokens/created.html", shown, BEHIND), CHANGED)

"""The marketplace: every provider as a card."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from integrations import access
from marketplace.cards import deal
from marketplace.dialogs import Behind, is_fragment
from marketplace.forms.home import FilterForm
from marketplace.htmx import HtmxRequest
from providers.registry import catalogue


@require_safe
def index(request: HtmxRequest) -> HttpResponse:
    template = "home/index.html#results" if is_fragment(request) else "home/index.html"
    return render(request, template, context(request))


def context(request: HtmxRequest) -> dict[str, Any]:
    """What home/index.html shows; also what lies behind an integration's dialog."""
    form = FilterForm(request.GET, catalogue())
    cards = deal(catalogue(), access.integrations_of(request.user))
    wanted = form.filter
    shown = [card for card in cards if wanted.lets_pass(card)]
    return {"filters": form, "cards": shown, "total": len(cards)}


BEHIND = Behind("home", "home/index.html", context)

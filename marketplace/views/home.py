"""The marketplace: every provider as a card."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from aiproxy.usage import analytics
from integrations import access, shared
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
    mine = access.integrations_of(request.user)
    server = shared.states(request.user)
    dealt = deal(catalogue(), mine, analytics.health(request.user))
    cards = [replace(card, server=server.get(card.spec.id, "")) for card in dealt]
    wanted = form.filter
    shown = [card for card in cards if wanted.lets_pass(card)]
    return {"filters": form, "cards": shown, "total": len(cards)}


BEHIND = Behind("home", "home/index.html", context)

"""The calls that were made: all of them, and each one in full."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from aiproxy.models import UsageRecord
from aiproxy.usage import analytics
from marketplace import facts, journey
from marketplace.htmx import HtmxRequest
from marketplace.pages import page_of


@require_safe
def index(request: HtmxRequest) -> HttpResponse:
    context = {
        "summary": analytics.summary(request.user),
        "calls": page_of(request, analytics.calls(request.user), 25),
    }
    return render(request, "usage/index.html", context)


@require_safe
def call(request: HtmxRequest, id: UUID) -> HttpResponse:
    found = get_object_or_404(analytics.calls(request.user).select_related("token"), pk=id)
    kind = found.operation.replace("_", " ")
    answered = "answered" if found.outcome == UsageRecord.OK else "not answered"
    context = {
        "call": found,
        "heading": f"{kind.capitalize()} call {answered}",
        "groups": facts.of_call(found),
        "journey": journey.of_call(found),
    }
    return render(request, "usage/call.html", context)

"""How views talk to htmx: a typed request, and answers that close a dialog, tell the page or show a toast."""

from __future__ import annotations

from typing import Any, TypeVar

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django_htmx.http import trigger_client_event
from django_htmx.middleware import HtmxDetails

from marketplace.models import User

R = TypeVar("R", bound=HttpResponseBase)


class HtmxRequest(HttpRequest):
    """What a view behind SignInMiddleware and HtmxMiddleware gets. For annotations only."""

    htmx: HtmxDetails
    user: User
    request_id: str


def done(event: str, detail: dict[str, Any] | None = None, *, text: str = "") -> HttpResponse:
    """A finished action: the open dialog closes, the page hears ``event`` with ``detail``, ``text`` becomes a toast.

    204, so that htmx swaps nothing; parts of the page that show what changed listen for the event.
    """
    response = trigger_client_event(HttpResponse(status=204), event, detail or {})
    trigger_client_event(response, "dialog:close")
    return toast(response, text) if text else response


def tell(response: R, event: str, detail: dict[str, Any] | None = None) -> R:
    """Let the page hear ``event`` beside whatever ``response`` swaps in."""
    return trigger_client_event(response, event, detail or {})


def toast(response: R, text: str, *, level: str = "success") -> R:
    """Show ``text`` for a moment; ``level`` is success, info or error."""
    return trigger_client_event(response, "toast", {"text": text, "level": level})

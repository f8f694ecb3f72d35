"""What every page request passes: its id, headers, how long a session lasts, and who may come in without one."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode, urlsplit

import structlog
from django.conf import settings
from django.contrib.auth import logout
from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import resolve_url
from django.urls import ResolverMatch
from django.utils.deprecation import MiddlewareMixin

from integrations import disk
from marketplace.edge import REQUEST_ID
from marketplace.request_id import new_request_id

log = structlog.get_logger(__name__)

PUBLIC_URLS = frozenset({"sign-in", "setup", "healthz", "readyz", "csp-report"})
"""Names of the pages that need no session. Everything else does; a test walks the URLs."""

OWN_DOOR = frozenset({"api"})
"""Namespaces that check their callers themselves: the API also takes tokens."""

PAGES_OF_OWN_DOOR = frozenset({"api-root", "openapi-json", "openapi-view"})
"""What is in there for people all the same."""

BY_ITSELF = frozenset({"/limits/now/"})
"""What open pages ask every few seconds."""


def request_id_of(request: HttpRequest) -> str:
    return getattr(request, "request_id", "")


class RequestIdMiddleware(MiddlewareMixin):
    def process_request(self, request: HttpRequest) -> None:
        # The edge has made one already, unless a test client came in without passing it.
        request_id = getattr(request, "scope", {}).get(REQUEST_ID) or new_request_id()
        request.request_id = request_id  # type: ignore[attr-defined]  # ours
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        response["X-Request-Id"] = request_id_of(request)
        return response


class HeadersMiddleware(MiddlewareMixin):
    """The headers that neither SecurityMiddleware nor CSPMiddleware knows."""

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        response.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        response.setdefault("Permissions-Policy", _PERMISSIONS)
        # Set by default and not only for signed-in pages: after signing out, "back" must not show the last one.
        response.setdefault("Cache-Control", "no-store")
        return response


_PERMISSIONS = ", ".join(
    f"{feature}=()"
    for feature in ("camera", "display-capture", "geolocation", "microphone", "payment", "usb")
)


class CrossSiteMiddleware(MiddlewareMixin):
    """A second layer under the CSRF token: browsers say themselves when another site made them send something."""

    def process_request(self, request: HttpRequest) -> HttpResponseBase | None:
        if request.method in ("GET", "HEAD", "OPTIONS"):
            return None
        if request.headers.get("Sec-Fetch-Site") != "cross-site":
            return None
        return HttpResponse("Another site may not do this.", status=403, content_type="text/plain")


class ApiRefusalMiddleware(MiddlewareMixin):
    """Programs get our error object also where a view is not reached: ninja answers a wrong method in plain text."""

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        if response.status_code != 405 or not request.path.startswith("/api/"):
            return response
        message = f"{request.method} is not possible here; {response['Allow']} is."
        error = {"code": "invalid_request", "message": message, "requestId": request_id_of(request)}
        return JsonResponse({"error": error}, status=405, headers={"Allow": response["Allow"]})


class KeptSessionMiddleware(SessionMiddleware):
    """Django's; but on a full disk a page that only shows something is still shown. Its visit is not noted then."""

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        try:
            return super().process_response(request, response)
        except DatabaseError as error:
            if request.method not in ("GET", "HEAD") or not disk.is_full(error):
                raise
            log.error("disk_full", path=request.path)
            return response


class SessionLifeMiddleware(MiddlewareMixin):
    """A session ends 12 hours after its last visit (its cookie's age), and 14 days after signing in at the latest.

    What an open page asks by itself is no visit.
    """

    STARTED, SEEN = "started", "seen"
    RENEW_AFTER = 300  # seconds; a write on every page view would be one too many

    def process_request(self, request: HttpRequest) -> None:
        if not request.session.session_key or "_auth_user_id" not in request.session:
            return
        now = int(time.time())
        started = request.session.setdefault(self.STARTED, now)
        if now - started > settings.AIM_SESSION_MAX_AGE:
            logout(request)
        elif (
            request.path not in BY_ITSELF
            and now - request.session.get(self.SEEN, 0) > self.RENEW_AFTER
        ):
            request.session[self.SEEN] = now


class SignInMiddleware(LoginRequiredMiddleware):
    """Django's, with the exceptions in one list above and an answer that htmx understands."""

    def process_view(
        self,
        request: HttpRequest,
        view_func: Callable[..., HttpResponseBase],
        view_args: tuple[Any, ...],
        view_kwargs: dict[str, Any],
    ) -> HttpResponseBase | None:
        if _is_open(request.resolver_match) or request.user.is_authenticated:
            return None
        return _to_sign_in(request)


def _is_open(match: ResolverMatch | None) -> bool:
    if match is None:
        return False
    if match.namespace in OWN_DOOR:
        return match.url_name not in PAGES_OF_OWN_DOOR
    return match.view_name in PUBLIC_URLS


def _to_sign_in(request: HttpRequest) -> HttpResponse:
    if request.headers.get("HX-Request") != "true":
        # What was posted is gone after signing in, so the way back is only for a page that was opened.
        back = request.get_full_path() if request.method in ("GET", "HEAD") else ""
        return HttpResponseRedirect(_sign_in_url(back))
    # A redirect would put the sign-in page inside the page; this header makes htmx leave it.
    shown = urlsplit(request.headers.get("HX-Current-URL", ""))
    back = shown._replace(scheme="", netloc="", fragment="").geturl()
    return HttpResponse(status=401, headers={"HX-Redirect": _sign_in_url(back)})


def _sign_in_url(back: str) -> str:
    url = resolve_url(settings.LOGIN_URL)
    return f"{url}?{urlencode({'next': back})}" if back not in ("", "/") else url

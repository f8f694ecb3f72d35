"""The pages for what went wrong: a short sentence, the request id, and nothing about the inside."""

from __future__ import annotations

import sys
from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template import loader

from integrations import disk
from marketplace.middleware import request_id_of

_SENTENCES = {
    400: "Your browser sent something this server cannot read. Go back and try again.",
    403: "You may not do this.",
    404: "There is no such page. It may have been deleted, or it belongs to somebody else.",
    429: "Too many attempts.",
    500: "Something went wrong on this server. Try again; if it stays, look for the request id in its log.",
    507: "The disk of this server is full, so nothing was saved. Its operator must free some space; then try again.",
}


def page(request: HttpRequest, status: int, message: str = "", **headers: str) -> HttpResponse:
    """The answer with ``status`` as a page, or as JSON where a program asked."""
    message = message or _SENTENCES[status]
    request_id = request_id_of(request)
    if request.path.startswith("/api/"):
        code = {404: "not_found", 429: "rate_limit", 500: "server_error", 507: "server_error"}.get(
            status, "invalid_request"
        )
        error = {"code": code, "message": message, "requestId": request_id}
        return JsonResponse({"error": error}, status=status, headers=headers)
    context = {
        "status": status,
        "title": HTTPStatus(status).phrase,
        "message": message,
        "request_id": request_id,
    }
    body = loader.render_to_string("errors/page.html", context, request)
    return HttpResponse(body, status=status, headers=headers)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return page(request, 400)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    return page(request, 403)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return page(request, 404)


def server_error(request: HttpRequest) -> HttpResponse:
    return page(request, 507 if disk.is_full(sys.exception()) else 500)


def csrf_failure(request: HttpRequest, reason: str = "", **_: Any) -> HttpResponse:
    return page(
        request,
        403,
        "This form is out of date, or it was not sent by this site. Load the page again.",
    )

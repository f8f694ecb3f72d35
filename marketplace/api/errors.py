"""Whatever goes wrong in the management API, as the one error object of this server."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import structlog
from django.core.exceptions import ObjectDoesNotExist
from django.core.exceptions import ValidationError as ActionRefused
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError

from integrations import disk
from marketplace.api.schema import ErrorAnswer
from providers.errors import CallError

log = structlog.get_logger(__name__)

DOCUMENTED: dict[int, Any] = dict.fromkeys((400, 401, 403, 404, 429, 500, 507), ErrorAnswer)
"""What every operation may answer beside its own; named in the OpenAPI document."""

DISK_FULL = "The disk of this server is full, so nothing was saved. The operator must free some space; then try again."

NO_SUCH = "There is nothing of yours with this id."

# The actions name fields as Python does.
_FIELDS = {
    "auth_id": "authId",
    "base_url": "baseUrl",
    "default_model": "defaultModel",
    "documentation_url": "documentationUrl",
    "expires_at": "expiresAt",
    "key": "apiKey",
    "key_url": "keyUrl",
    "provider_id": "providerId",
    "integration_id": "integrationId",
    "max_tokens": "maxTokens",
    "token_id": "tokenId",
    "top_p": "topP",
    "requests_per_minute": "requestsPerMinute",
    "tokens_per_minute": "tokensPerMinute",
    "tokens_per_day": "tokensPerDay",
    "tokens_per_month": "tokensPerMonth",
    "money_per_day": "moneyPerDay",
    "money_per_month": "moneyPerMonth",
    "queue_seconds": "queueSeconds",
    "system_prompt": "systemPrompt",
    "supported_models": "supportedModels",
    "ways": "authWays",
    "__all__": "",
}
_CODES = {
    401: "auth_failed",
    403: "auth_failed",
    404: "not_found",
    429: "rate_limit",
    500: "server_error",
    507: "server_error",
}


def answer(
    request: HttpRequest,
    status: int,
    message: str,
    *,
    fields: Mapping[str, list[str]] | None = None,
    **facts: Any,
) -> HttpResponse:
    error = {
        "code": _CODES.get(status, "invalid_request"),
        "message": message,
        "retryable": status == 429,
        "retryAfter": None,
        "requestId": getattr(request, "request_id", ""),
        **facts,
    }
    if fields:
        error |= {"param": next(iter(fields)), "fields": dict(fields)}
    response = JsonResponse({"error": error}, status=status)
    if error["retryAfter"]:
        response["Retry-After"] = str(round(error["retryAfter"]))
    return response


def register(api: NinjaAPI) -> None:
    """Handlers for every kind of exception an operation may raise."""
    api.add_exception_handler(CallError, _call_error)
    api.add_exception_handler(ValidationError, _malformed)
    api.add_exception_handler(ActionRefused, _refused)
    api.add_exception_handler(AuthenticationError, _nobody)
    api.add_exception_handler(ObjectDoesNotExist, _missing)
    api.add_exception_handler(Http404, _missing)
    api.add_exception_handler(HttpError, _http_error)
    api.add_exception_handler(Exception, _our_fault)


def _call_error(request: HttpRequest, error: Any) -> HttpResponse:
    facts = {
        "code": error.code,
        "retryable": error.retryable,
        "retryAfter": error.retry_after,
        **({"provider": error.provider} if error.provider else {}),
        **({"param": error.param} if error.param else {}),
    }
    return answer(request, error.status, error.message, **facts)


def _malformed(request: HttpRequest, error: Any) -> HttpResponse:
    """What the schema refuses. Pydantic's ``input`` is left out: it may be a key."""
    fields: dict[str, list[str]] = {}
    for one in error.errors:
        fields.setdefault(_path(one["loc"]), []).append(_sentence(one))
    name, (reason, *_) = next(iter(fields.items()))
    return answer(request, 400, f"{name}: {reason}" if name else reason, fields=fields)


def _path(location: Iterable[Any]) -> str:
    """``("body", "payload", "defaults", "topP")`` is the caller's ``defaults.topP``."""
    parts = [str(part) for part in location]
    return ".".join(parts[2:] if parts[:1] == ["body"] else parts[1:])


def _sentence(one: Mapping[str, Any]) -> str:
    if one["type"] == "extra_forbidden":
        return "This name is not known here."
    if one["type"] == "missing":
        return "This is needed."
    return f"{one['msg']}."


def _refused(request: HttpRequest, error: Any) -> HttpResponse:
    known = error.message_dict if hasattr(error, "error_dict") else {"__all__": error.messages}
    fields = {_camel(name): list(sentences) for name, sentences in known.items()}
    sentences = [sentence for some in fields.values() for sentence in some]
    named = {name: some for name, some in fields.items() if name}
    return answer(request, 400, " ".join(sentences), fields=named)


def _camel(name: str) -> str:
    return ".".join(_FIELDS.get(part, part) for part in name.split("."))


def _nobody(request: HttpRequest, error: Any) -> HttpResponse:
    message = "Send an access token as 'Authorization: Bearer aimp_…', or sign in first."
    response = answer(request, 401, message)
    response["WWW-Authenticate"] = "Bearer"
    return response


def _missing(request: HttpRequest, error: Any) -> HttpResponse:
    return answer(request, 404, NO_SUCH)


def _http_error(request: HttpRequest, error: Any) -> HttpResponse:
    return answer(request, error.status_code, str(error))


def _our_fault(request: HttpRequest, error: Any) -> HttpResponse:
    if disk.is_full(error):
        log.error("disk_full", path=request.path)
        return answer(request, 507, DISK_FULL)
    log.error("api.failed", path=request.path, exc_info=error)
    return answer(
        request, 500, "Something went wrong on this server. Its log has more under this request id."
    )

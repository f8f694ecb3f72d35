"""Provider errors to CallErrors, for every wire format: the shapes, words and waits real hosts use.

``explain(reply)`` reads a whole error reply, ``explain_value(value)`` an error object inside a
stream. An adapter whose format says more passes its own ``Said`` to ``error_for``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

from providers.adapters.reading import as_dict, as_int, as_list, as_str, decode
from providers.errors import (
    AuthFailed,
    CallError,
    CallTimeout,
    ContentBlocked,
    ContextTooLong,
    InvalidRequest,
    NotFound,
    Overloaded,
    PermissionDenied,
    QuotaExceeded,
    RateLimited,
    ServerError,
)
from providers.wire import WireReply

_DETAIL_LIMIT = 2000


@dataclass(frozen=True, slots=True)
class Said:
    """What a provider says about an error. ``words`` are its machine words (type, code, status),
    lower case.

    ``status`` is the HTTP status named inside the body, 0 when there is none.
    """

    message: str = ""
    words: tuple[str, ...] = ()
    param: str | None = None
    status: int = 0
    retry_after: float | None = None


_MESSAGES: Mapping[type[CallError], str] = {
    AuthFailed: "The provider refused the key. Save a valid one in the integration.",
    PermissionDenied: "The key may not do this. Give it access at the provider, or use another key.",
    RateLimited: "The provider's rate limit is reached. Wait a moment and try again.",
    QuotaExceeded: "The account at the provider has no credit left. Add credit, or use another key.",
    ContextTooLong: "This is longer than the model can take. Shorten it, or use a larger model.",
    ContentBlocked: "The provider's content filter refused the request. Change what is asked.",
    NotFound: "The provider does not know this model or address. Check model and base URL.",
    Overloaded: "The provider is overloaded at the moment. Try again in a moment.",
    CallTimeout: "The provider took too long. Try again.",
    ServerError: "The provider failed to answer. Try again, or use another model.",
    InvalidRequest: "The provider does not accept this request. Check its parameters.",
}

# Machine words that decide whatever the status says.
_WORDS: Mapping[str, type[CallError]] = {
    word: kind
    for kind, words in {
        QuotaExceeded: "insufficient_quota billing_hard_limit_reached billing_not_active billing_error "
        "insufficient_credits insufficient_balance payment_required credits_exhausted",
        ContextTooLong: "context_length_exceeded exceed_context_size_error too_many_prompt_tokens "
        "too_many_tokens context_window_exceeded string_above_max_length",
        ContentBlocked: "content_filter content_policy_violation responsibleaipolicyviolation "
        "image_content_policy_violation "
        "moderation_blocked content_blocked data_inspection_failed",
        NotFound: "model_not_found invalid_model deploymentnotfound not_found_error not_found "
        "model_decommissioned unknown_model model_not_available",
        AuthFailed: "invalid_api_key authentication_error unauthenticated api_key_invalid "
        "missing_api_key token_expired",
        PermissionDenied: "permission_error permission_denied forbidden insufficient_permissions "
        "organization_restricted unsupported_country_region_territory",
        RateLimited: "rate_limit_error rate_limit_exceeded ratelimitreached resource_exhausted "
        "too_many_requests throttlingexception",
        Overloaded: "overloaded_error overloaded unavailable service_unavailable engine_overloaded "
        "capacity_exceeded",
        CallTimeout: "deadline_exceeded timeout_error request_timeout",
    }.items()
    for word in words.split()
}

# Words that count only inside a 200, where no status speaks.
_WEAK_WORDS: Mapping[str, type[CallError]] = {
    word: InvalidRequest
    for words in (
        "invalid_request_error invalid_argument tool_use_failed json_validate_failed",
        "invalid_tool_generation",  # Cohere
        # What a failed response of OpenAI's says about the caller's input.
        "invalid_prompt invalid_image invalid_image_format invalid_base64_image invalid_image_url",
        "invalid_image_mode image_too_large image_too_small image_parse_error image_file_too_large",
        "unsupported_image_media_type empty_image_file failed_to_download_image",
        "image_file_not_found",
    )
    for word in words.split()
}

_STATUS: Mapping[int, type[CallError]] = {
    401: AuthFailed,
    402: QuotaExceeded,
    403: PermissionDenied,
    404: NotFound,
    408: CallTimeout,
    410: NotFound,
    425: RateLimited,
    429: RateLimited,
    498: Overloaded,  # Groq: flex capacity exceeded
    501: InvalidRequest,  # llama.cpp: started without --embeddings; trying again will not help
    503: Overloaded,
    504: CallTimeout,
    524: CallTimeout,  # Cloudflare in front of many hosts
    529: Overloaded,  # Anthropic
}


def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(text, re.IGNORECASE | re.DOTALL)


# Hosts without machine words; each only where the status leaves it open (a 429 is never a long context).
_WORDINGS: tuple[tuple[frozenset[int], re.Pattern[str], type[CallError]], ...] = (
    (
        frozenset({0, 400, 413, 422, 500}),
        _pattern(
            r"(exceed\w*|maximum|longer|larger|over|model's)\b.{0,80}context[ _](length|window|size)"
            r"|context[ _](length|window|size).{0,60}exceed|maximum (input|prompt) (length|size|tokens)"
            r"|(prompt|input|messages?|conversation|request)\b.{0,60} (is|are) too (long|large)"
            r"|too many (input |prompt )?tokens|token count.{0,40}exceeds"
            r"|(exceeds?|longer than|larger than).{0,60}(max_model_len|max(imum)? (number of )?tokens)"
            r"|request too large for model|reduce the length of"
        ),
        ContextTooLong,
    ),
    (
        frozenset({0, 400, 401, 403, 429}),
        _pattern(
            r"insufficient (account )?(balance|credits?|funds|quota)"
            r"|credit balance is too low|(no|any|run out of|out of|more) credits?\b"
            r"|balance is (too low|empty|insufficient|not enough)"
            r"|key limit exceeded"  # OpenRouter: what this key may spend
        ),
        QuotaExceeded,
    ),
    (
        frozenset({0, 400, 403, 422}),
        _pattern(
            r"content (management )?policy|content[ _]filter|safety system"
            r"|(was|been|is|were) flagged|responsible ai|moderation"
        ),
        ContentBlocked,
    ),
    (
        frozenset({0, 400, 403}),
        _pattern(
            r"(incorrect|invalid|expired|wrong|unknown|missing|no) (x-)?api[ -_]?key"
            r"|api[ -_]?key (is )?(not valid|invalid|expired|missing)"
        ),
        AuthFailed,
    ),
    (
        frozenset({0, 400, 422, 500}),
        _pattern(
            r"(model|deployment)\b.{0,120}(does not exist|not found|not exist|is not available"
            r"|has been (deprecated|decommissioned|removed))"
            r"|(invalid|unknown|no such|not a valid|nonexistent) model"
        ),
        NotFound,
    ),
)


def explain(reply: WireReply) -> CallError:
    """Why ``reply`` failed; never raises. Any shape will do: JSON of every known host, text, HTML."""
    try:
        value = decode(reply.body)
    except ValueError:
        value = reply.body[:_DETAIL_LIMIT].decode("utf-8", "replace")
    return error_for(reply.status, said(value), reply.headers)


def explain_value(value: object) -> CallError:
    """The error that an error object inside a 200 (a stream's chunk, a whole answer) stands for."""
    return error_for(200, said(value))


def error_for(status: int, words: Said, headers: Mapping[str, str] | None = None) -> CallError:
    """The CallError for an HTTP status (200: inside a stream) and what the provider said."""
    effective = words.status if status < 400 and 400 <= words.status < 600 else status
    kind = _kind(effective, words)
    param = _param(words.param) if issubclass(kind, InvalidRequest) else None
    message = _MESSAGES[kind]
    if param and kind is InvalidRequest:
        message = f"The provider does not accept the field {param}. Change it or leave it out."
    wait = retry_after(headers or {}, words) if kind.retryable else None
    return kind(
        message,
        retry_after=wait,
        detail=words.message[:_DETAIL_LIMIT] or None,
        upstream_status=status,
        param=param,
    )


def said(value: object) -> Said:
    """Reads an error body of any known shape (recordings/NOTES.md, "Errors", lists them)."""
    if isinstance(value, str):
        return Said(value)
    if isinstance(value, list):
        return said(value[0]) if value else Said()
    outer = as_dict(value)
    error = outer.get("error") or next(iter(as_list(outer.get("errors"))), None)
    inner = error if isinstance(error, dict) else outer
    if isinstance(inner.get("error"), dict) and inner is not outer:
        inner = inner["error"]
    details = [as_dict(item) for item in as_list(inner.get("details"))]
    metadata = as_dict(inner.get("metadata"))
    words = [inner.get("code"), inner.get("type"), inner.get("status"), inner.get("error_type")]
    words += [
        as_dict(inner.get("innererror")).get("code"),
        as_dict(inner.get("inner_error")).get("code"),
    ]
    words += [detail.get("reason") for detail in details]
    words += [outer.get("code")] if inner is not outer else []
    text, param = _detail(outer.get("detail"))
    texts = [as_str(inner.get("message")), as_str(error), text, as_str(metadata.get("raw"))]
    return Said(
        message="\n".join(filter(None, texts)) or as_str(inner.get("msg")),
        words=tuple(as_str(word).lower() for word in words if as_str(word)),
        param=as_str(inner.get("param")) or param,
        status=_status(inner, outer),
        retry_after=next(
            filter(None, (_duration(as_str(detail.get("retryDelay"))) for detail in details)), None
        ),
    )


def retry_after(headers: Mapping[str, str], words: Said = Said()) -> float | None:
    """Seconds to wait, as far as the provider tells. No clock is asked: dates count from its own
    Date header.
    """
    millis = _number(headers.get("retry-after-ms", ""))
    header = headers.get("retry-after", "")
    known = (
        None if not millis else millis / 1000,
        _number(header),
        _until(header, headers),
        words.retry_after,
        _try_again_in(words.message),
        _exhausted(headers),
    )
    return next((seconds for seconds in known if seconds is not None), None)


def _kind(status: int, words: Said) -> type[CallError]:
    text = words.message[:_DETAIL_LIMIT]
    # Groq says rate_limit_exceeded with 413 for a request that is longer than a minute's tokens.
    named = () if status == 413 else words.words
    for word in named:
        if word in _WORDS:
            return _WORDS[word]
    place = 0 if status < 400 else status
    for statuses, pattern, kind in _WORDINGS:
        if place in statuses and pattern.search(text):
            return kind
    if place == 0:
        return next((_WEAK_WORDS[word] for word in named if word in _WEAK_WORDS), ServerError)
    return _STATUS.get(status, InvalidRequest if status < 500 else ServerError)


def _status(*objects: Mapping[str, Any]) -> int:
    names = ("status_code", "code", "status", "raw_status_code", "http_status")
    return next((n for o in objects for n in (as_int(o.get(name)) for name in names) if n), 0)


def _detail(value: object) -> tuple[str, str | None]:
    """FastAPI's ``detail``: a text, or a list of what is wrong where."""
    if isinstance(value, str):
        return value, None
    if isinstance(value, dict):
        return as_str(value.get("message")) or as_str(value.get("error")), None
    first = as_dict(next(iter(as_list(value)), None))
    where = [str(step) for step in as_list(first.get("loc")) if step != "body"]
    return as_str(first.get("msg")), ".".join(where) or None


_PARAM = re.compile(r"[A-Za-z_][A-Za-z0-9_.\[\]-]{0,79}")


def _param(text: str | None) -> str | None:
    """The field's name if it looks like one; anything else of a provider's body stays out of our
    message.
    """
    return text if text and _PARAM.fullmatch(text) else None


_DURATION = re.compile(
    r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+(?:\.\d+)?)s)?(?:(\d+(?:\.\d+)?)ms)?"
)
_TRY_AGAIN = re.compile(
    r"(?:try again|retry|wait)[a-z ]{0,20} (?:in|after|for) (?:about )?"
    r"(\d+(?:\.\d+)?)\s?(ms|milliseconds|s\b|seconds?|minutes?)|try again in ([0-9dhms.]+)",
    re.IGNORECASE,
)
_UNITS = {"ms": 0.001, "milliseconds": 0.001, "minute": 60.0, "minutes": 60.0}


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 0 <= value < 1e9 else None


def _duration(text: str) -> float | None:
    """``6ms``, ``13.065s``, ``2m59.56s``, ``1h0m0s``."""
    match = _DURATION.fullmatch(text)
    if not text or match is None:
        return None
    factors = (86400, 3600, 60, 1, 0.001)
    return sum(float(n) * f for n, f in zip(match.groups(), factors, strict=True) if n)


def _try_again_in(message: str) -> float | None:
    match = _TRY_AGAIN.search(message[:_DETAIL_LIMIT])
    if match is None:
        return None
    number, unit, duration = match.groups()
    if duration:
        return _duration(duration.rstrip("."))
    return float(number) * _UNITS.get(unit.lower(), 1.0)


def _until(date: str, headers: Mapping[str, str]) -> float | None:
    try:
        wait = parsedate_to_datetime(date) - parsedate_to_datetime(headers.get("date", ""))
    except (ValueError, TypeError):
        return None
    return max(0.0, wait.total_seconds())


def _exhausted(headers: Mapping[str, str]) -> float | None:
    """When the counter that is used up begins anew: ``x-ratelimit-reset-tokens: 2m59.56s`` and the
    like.
    """
    waits = []
    for name, value in headers.items():
        if "ratelimit-reset" not in name:
            continue
        if headers.get(name.replace("-reset", "-remaining")) in ("0", None):
            wait = _duration(value)
            waits.append(_number(value) if wait is None else wait)
    return max((wait for wait in waits if wait is not None), default=None)

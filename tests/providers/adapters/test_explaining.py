import json

import pytest

from providers.adapters.explaining import Said, error_for, explain, explain_value, retry_after, said
from providers.errors import (
    AuthFailed,
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


def reply(status, body, **headers):
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return WireReply(
        status, {name.replace("_", "-"): value for name, value in headers.items()}, data
    )


def openai(message="", kind=None, code=None, param=None):
    return {"error": {"message": message, "type": kind, "code": code, "param": param}}


BY_STATUS = [
    (400, InvalidRequest),
    (401, AuthFailed),
    (402, QuotaExceeded),
    (403, PermissionDenied),
    (404, NotFound),
    (405, InvalidRequest),
    (408, CallTimeout),
    (413, InvalidRequest),
    (422, InvalidRequest),
    (429, RateLimited),
    (498, Overloaded),
    (500, ServerError),
    (501, InvalidRequest),
    (502, ServerError),
    (503, Overloaded),
    (504, CallTimeout),
    (529, Overloaded),
    (302, InvalidRequest),
]


@pytest.mark.parametrize(("status", "kind"), BY_STATUS[:-1])
@pytest.mark.parametrize(
    "body", [b"", b"<html>x</html>", b"Not Found", b"{}", b"[]", b"null", b'"x"']
)
def test_status_decides_when_the_body_says_nothing(status, kind, body):
    error = explain(reply(status, body))
    assert type(error) is kind
    assert error.upstream_status == status


def test_redirect_is_the_providers_failure():
    assert type(explain(reply(307, b""))) is ServerError


BODIES = [
    (
        "openai quota",
        429,
        openai("You exceeded …", "insufficient_quota", "insufficient_quota"),
        QuotaExceeded,
    ),
    (
        "openai rate",
        429,
        openai("Rate limit reached", "requests", "rate_limit_exceeded"),
        RateLimited,
    ),
    ("openai context", 400, openai("…", None, "context_length_exceeded"), ContextTooLong),
    (
        "openai model",
        400,
        openai("The requested model 'x' does not exist.", None, "model_not_found"),
        NotFound,
    ),
    ("openai content", 400, openai("…", None, "content_filter"), ContentBlocked),
    (
        "openai policy",
        400,
        openai("rejected by our safety system", None, "content_policy_violation"),
        ContentBlocked,
    ),
    (
        "openai key",
        401,
        openai("Incorrect API key provided: sk-…", None, "invalid_api_key"),
        AuthFailed,
    ),
    ("azure deployment", 404, openai("…", None, "DeploymentNotFound"), NotFound),
    (
        "azure content",
        400,
        {"error": {"code": "x", "innererror": {"code": "ResponsibleAIPolicyViolation"}}},
        ContentBlocked,
    ),
    ("azure rate", 429, {"error": {"code": "RateLimitReached", "message": "…"}}, RateLimited),
    (
        "mistral model",
        400,
        {"object": "error", "message": "Invalid model: x", "type": "invalid_model", "code": "1500"},
        NotFound,
    ),
    ("mistral key", 401, {"detail": "Invalid API Key"}, AuthFailed),
    (
        "mistral fields",
        422,
        {"detail": [{"loc": ["body", "seed"], "msg": "extra"}]},
        InvalidRequest,
    ),
    (
        "cohere context",
        400,
        {"id": "x", "message": "too many tokens: size limit exceeded by 5 tokens"},
        ContextTooLong,
    ),
    (
        "xai key",
        400,
        {"code": "invalid-argument", "error": "Incorrect API key provided: x"},
        AuthFailed,
    ),
    ("xai model", 400, {"code": "invalid-argument", "error": "Model not found: x"}, NotFound),
    (
        "xai credit",
        403,
        {"code": "x", "error": "Your team doesn't have any credits yet."},
        QuotaExceeded,
    ),
    ("deepseek balance", 402, openai("Insufficient Balance"), QuotaExceeded),
    ("openrouter key", 403, openai("Key limit exceeded (total limit)."), QuotaExceeded),
    (
        "anthropic credit",
        400,
        openai("Your credit balance is too low to access the API"),
        QuotaExceeded,
    ),
    (
        "anthropic overload",
        529,
        {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}},
        Overloaded,
    ),
    (
        "gemini key",
        400,
        {
            "error": {
                "code": 400,
                "status": "INVALID_ARGUMENT",
                "details": [{"reason": "API_KEY_INVALID"}],
            }
        },
        AuthFailed,
    ),
    (
        "llama.cpp context",
        400,
        {"error": {"code": 400, "message": "x", "type": "exceed_context_size_error"}},
        ContextTooLong,
    ),
    (
        "vllm context",
        400,
        {"object": "error", "message": "This model's maximum context length is 4096 tokens."},
        ContextTooLong,
    ),
    (
        "openrouter context",
        400,
        {"error": {"code": 400, "message": "This endpoint's maximum context length is 9 tokens."}},
        ContextTooLong,
    ),
    (
        "openrouter flagged",
        403,
        {
            "error": {
                "code": 403,
                "message": "Your chosen model requires moderation and your input was flagged",
            }
        },
        ContentBlocked,
    ),
    (
        "openrouter raw",
        400,
        {
            "error": {
                "code": 400,
                "message": "Provider returned error",
                "metadata": {"raw": "prompt is too long: 9 tokens"},
            }
        },
        ContextTooLong,
    ),
    (
        "perplexity context",
        400,
        {"error": {"message": "…", "type": "too_many_prompt_tokens", "code": 400}},
        ContextTooLong,
    ),
    (
        "groq too large",
        413,
        openai("Request too large for model `x`", "tokens", "rate_limit_exceeded"),
        ContextTooLong,
    ),
    ("groq model", 400, openai("The model `x` has been decommissioned"), NotFound),
    ("ollama model", 404, {"error": "model 'x' not found"}, NotFound),
    ("venice model", 404, {"error": "Specified model not found: x"}, NotFound),
    (
        "doubleword",
        400,
        {"code": 400, "message": "Temperature must be between 0 and 2", "type": "Bad Request"},
        InvalidRequest,
    ),
    ("cloudflare", 400, {"errors": [{"message": "no such model x", "code": 5007}]}, NotFound),
    (
        "array",
        400,
        [{"error": {"code": 400, "message": "API key not valid. Please pass a valid one."}}],
        AuthFailed,
    ),
    (
        "nested",
        400,
        {"error": {"error": {"message": "x", "code": "insufficient_quota"}}},
        QuotaExceeded,
    ),
    ("gateway quota", 403, openai("forbidden", None, "forbidden"), PermissionDenied),
    ("overload as 429 text", 429, openai("This model's maximum context length is 10"), RateLimited),
]


@pytest.mark.parametrize(
    ("status", "body", "kind"), [c[1:] for c in BODIES], ids=[c[0] for c in BODIES]
)
def test_body_is_understood(status, body, kind):
    assert type(explain(reply(status, body))) is kind


def test_our_sentence_holds_nothing_of_the_providers():
    error = explain(reply(400, openai("Incorrect API key provided: sk-canary")))
    assert "canary" not in error.message
    assert "canary" in (error.detail or "")


def test_detail_is_cut():
    assert len(explain(reply(400, b"x" * 100_000)).detail or "") == 2000


def test_field_at_fault_is_named():
    error = explain(reply(400, openai("bad", param="messages[3].content")))
    assert error.param == "messages[3].content"
    assert "messages[3].content" in error.message


def test_field_of_a_validation_error_is_named():
    error = explain(reply(422, {"detail": [{"loc": ["body", "messages", 0], "msg": "x"}]}))
    assert error.param == "messages.0"


@pytest.mark.parametrize("param", ["<script>", "a b", "x" * 200, "sk canary", 7])
def test_strange_field_names_stay_out(param):
    assert explain(reply(400, openai("bad", param=param))).param is None


WAITS = [
    ({"retry_after": "7"}, "", 7.0),
    ({"retry_after": "0.5"}, "", 0.5),
    ({"retry_after_ms": "1500", "retry_after": "2"}, "", 1.5),
    ({"retry_after_ms": "0", "retry_after": "1"}, "", 1.0),
    (
        {"retry_after": "Fri, 20 Nov 2026 10:00:30 GMT", "date": "Fri, 20 Nov 2026 10:00:00 GMT"},
        "",
        30.0,
    ),
    (
        {"retry_after": "Fri, 20 Nov 2026 09:00:00 GMT", "date": "Fri, 20 Nov 2026 10:00:00 GMT"},
        "",
        0.0,
    ),
    ({"retry_after": "Fri, 20 Nov 2026 10:00:30 GMT"}, "", None),
    ({"retry_after": "soon"}, "", None),
    ({"retry_after": "inf"}, "", None),
    ({"retry_after": "-1"}, "", None),
    ({}, "Please try again in 1.2s. Visit …", 1.2),
    ({}, "Please try again in 6ms.", 0.006),
    ({}, "Please try again in 7m12.5s.", 432.5),
    ({}, "Please retry after 20 seconds.", 20.0),
    ({}, "Please try again in 2 minutes", 120.0),
    ({}, "Please retry shortly.", None),
    ({"x_ratelimit_reset_tokens": "6ms", "x_ratelimit_remaining_tokens": "0"}, "", 0.006),
    (
        {
            "x_ratelimit_reset_requests": "2m59.56s",
            "x_ratelimit_remaining_requests": "0",
            "x_ratelimit_reset_tokens": "1s",
            "x_ratelimit_remaining_tokens": "500",
        },
        "",
        179.56,
    ),
    ({"x_ratelimit_reset_requests": "17ms", "x_ratelimit_remaining_requests": "9"}, "", None),
    ({"x_ratelimit_reset": "1754667660000", "x_ratelimit_remaining": "0"}, "", None),
]


@pytest.mark.parametrize(("headers", "message", "seconds"), WAITS)
def test_wait_is_read_from_headers_and_words(headers, message, seconds):
    error = explain(reply(429, openai(message), **headers))
    assert error.retry_after == (None if seconds is None else pytest.approx(seconds))


def test_gemini_puts_the_wait_into_the_body():
    body = {"error": {"code": 429, "details": [{"retryDelay": "48s"}]}}
    assert explain(reply(429, body)).retry_after == 48.0


def test_error_that_will_not_pass_has_no_wait():
    assert explain(reply(401, b"", retry_after="7")).retry_after is None


def test_no_headers_no_wait():
    assert retry_after({}) is None


INSIDE = [
    (
        {
            "error": {
                "message": "x",
                "type": "invalid_request_error",
                "code": "tool_use_failed",
                "status_code": 400,
            }
        },
        InvalidRequest,
    ),
    ({"error": {"code": 429, "message": "x"}}, RateLimited),
    ({"error": {"code": 400, "message": "Token limit reached"}}, InvalidRequest),
    ({"error": {"type": "overloaded_error", "message": "Overloaded"}}, Overloaded),
    ({"error": {"message": "failed to decode, try again"}}, ServerError),
    ({"error": {"type": "invalid_request_error", "message": "x"}}, InvalidRequest),
    ("plain words", ServerError),
    ({}, ServerError),
]


@pytest.mark.parametrize(("value", "kind"), INSIDE)
def test_error_inside_a_200_is_understood(value, kind):
    assert type(explain_value(value)) is kind


def test_adapters_can_say_it_themselves():
    error = error_for(400, Said("x", ("insufficient_quota",)))
    assert type(error) is QuotaExceeded


@pytest.mark.parametrize("value", [None, 3, [], [3], {"error": 5}, {"error": []}, {"detail": [5]}])
def test_strange_shapes_say_nothing(value):
    assert said(value) == Said(status=said(value).status)

import pytest

from providers import errors
from providers.errors import CallError, InvalidRequest, NetworkError, RateLimited

CODES = {
    "auth_failed",
    "rate_limit",
    "quota_exceeded",
    "network_error",
    "invalid_request",
    "context_length",
    "server_error",
    "timeout",
    "not_found",
    "content_filter",
    "cancelled",
}


def every(kind=CallError):
    return [kind, *(found for sub in kind.__subclasses__() for found in every(sub))]


OURS = [kind for kind in every() if kind.__module__ == errors.__name__]


def test_codes_are_the_binding_ones():
    assert {kind.code for kind in OURS} == CODES


@pytest.mark.parametrize("kind", OURS)
def test_every_error_is_drawn_in_the_docstring(kind):
    assert kind.__name__ in (errors.__doc__ or "")


@pytest.mark.parametrize("kind", OURS)
def test_status_is_an_error(kind):
    assert 400 <= kind.status < 600


def test_authentication_and_credit_are_never_retried():
    for kind in (errors.AuthFailed, errors.PermissionDenied, errors.QuotaExceeded, InvalidRequest):
        assert not kind.retryable


def test_failures_of_the_provider_are_retried():
    for kind in (
        RateLimited,
        errors.ServerError,
        errors.Overloaded,
        NetworkError,
        errors.CallTimeout,
    ):
        assert kind.retryable
        assert kind.fall_back


def test_error_object_holds_what_a_caller_may_know():
    error = RateLimited("Wait.", retry_after=2.5, detail="sk-canary", upstream_status=429)
    assert error.for_provider("openai") is error
    error.for_provider("other")
    assert error.as_dict("req_1") == {
        "code": "rate_limit",
        "message": "Wait.",
        "provider": "openai",
        "retryable": True,
        "retryAfter": 2.5,
        "requestId": "req_1",
    }
    assert "canary" not in str(error)
    assert "canary" not in repr(error)


def test_field_at_fault_is_told():
    assert InvalidRequest("x", param="messages[0]").as_dict()["param"] == "messages[0]"

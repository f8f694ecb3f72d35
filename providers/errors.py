"""Everything that can go wrong with a call, in one vocabulary.

    CallError
    ├── AuthFailed          auth_failed      the provider refuses the key
    │   └── PermissionDenied                 the key is right but may not do this
    ├── RateLimited         rate_limit       too many requests or tokens; try later
    ├── QuotaExceeded       quota_exceeded   no credit, or a budget is used up
    ├── NetworkError        network_error    no answer: the connection broke after the request was sent
    │   ├── StreamCut                        a stream ended without its end
    │   └── ConnectFailed                    nobody was there; the request was never sent
    │       ├── HostNotFound                 the host's name has no address
    │       ├── TlsFailed                    the server could not prove who it is
    │       └── AddressRefused               an address that this server must not call
    ├── InvalidRequest      invalid_request  the request cannot work as it is
    │   └── ContextTooLong  context_length   more tokens than the model's window
    ├── ServerError         server_error     the provider failed, or answered nonsense
    │   └── Overloaded                       the provider says it is too busy (529, 503)
    ├── CallTimeout         timeout          a deadline passed
    │   └── ConnectTimedOut                  while connecting; the request was never sent
    ├── NotFound            not_found        no such model, integration or page
    ├── ContentBlocked      content_filter   the provider's filter refused it
    └── Cancelled           cancelled        the caller left

Classes carry the facts that retry and fallback read: ``code`` (binding names), ``status`` (what our HTTP
answer carries), ``retryable`` (the same call may work later), ``fall_back`` (another provider may do better),
``sent`` (the provider may have received the request, so that repeating it may do and bill the work twice),
``breaks`` (the provider itself is in trouble, which its circuit breaker counts).
``message`` is a sentence for the caller that says what to do, in our words; ``detail`` is the provider's, for
the redacted log only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

NetworkReason = Literal["broken", "connect", "dns", "tls", "refused_address"]
"""Where a connection failed."""


class CallError(Exception):
    code: ClassVar[str] = "server_error"
    status: ClassVar[int] = 502
    retryable: ClassVar[bool] = False
    fall_back: ClassVar[bool] = False
    sent: ClassVar[bool] = True
    breaks: ClassVar[bool] = False

    def __init__(
        self,
        message: str,
        *,
        provider: str | None = None,
        retry_after: float | None = None,
        detail: str | None = None,
        upstream_status: int | None = None,
        param: str | None = None,
    ) -> None:
        """``retry_after`` in seconds; ``param`` names the caller's field; ``upstream_status`` is the provider's."""
        super().__init__(message)
        self.message = message
        self.provider = provider
        self.retry_after = retry_after
        self.detail = detail
        self.upstream_status = upstream_status
        self.param = param

    def for_provider(self, provider: str) -> CallError:
        """The same error, naming the provider it came from; adapters do not know their host."""
        self.provider = self.provider or provider
        return self

    def as_dict(self, request_id: str | None = None) -> Mapping[str, Any]:
        """The error object of our own dialect."""
        return {
            "code": self.code,
            "message": self.message,
            "provider": self.provider,
            "retryable": self.retryable,
            "retryAfter": self.retry_after,
            "requestId": request_id,
            **({"param": self.param} if self.param else {}),
        }


class AuthFailed(CallError):
    code = "auth_failed"
    status = 401
    fall_back = True


class PermissionDenied(AuthFailed):
    status = 403


class RateLimited(CallError):
    code = "rate_limit"
    status = 429
    retryable = True
    fall_back = True


class QuotaExceeded(CallError):
    code = "quota_exceeded"
    status = 402
    fall_back = True


class NetworkError(CallError):
    code = "network_error"
    status = 502
    retryable = True
    fall_back = True
    breaks = True
    reason: ClassVar[NetworkReason] = "broken"


class StreamCut(NetworkError):
    pass


class ConnectFailed(NetworkError):
    reason: ClassVar[NetworkReason] = "connect"
    sent = False


class HostNotFound(ConnectFailed):
    reason: ClassVar[NetworkReason] = "dns"


class TlsFailed(ConnectFailed):
    reason: ClassVar[NetworkReason] = "tls"
    retryable = False


class AddressRefused(ConnectFailed):
    reason: ClassVar[NetworkReason] = "refused_address"
    retryable = False
    breaks = False


class InvalidRequest(CallError):
    code = "invalid_request"
    status = 400


class ContextTooLong(InvalidRequest):
    code = "context_length"
    fall_back = True


class ServerError(CallError):
    code = "server_error"
    status = 502
    retryable = True
    fall_back = True
    breaks = True


class Overloaded(ServerError):
    status = 503


class CallTimeout(CallError):
    code = "timeout"
    status = 504
    retryable = True
    fall_back = True
    breaks = True


class ConnectTimedOut(CallTimeout):
    sent = False


class NotFound(CallError):
    code = "not_found"
    status = 404
    fall_back = True


class ContentBlocked(CallError):
    code = "content_filter"
    status = 400


class Cancelled(CallError):
    code = "cancelled"
    status = 499

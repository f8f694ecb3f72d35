"""What Bedrock's exceptions mean, as a header of a refusal or inside a stream
(https://docs.aws.amazon.com/bedrock/latest/APIReference/CommonErrors.html).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from providers.adapters.explaining import Said, error_for
from providers.adapters.reading import as_dict, as_str, decode
from providers.errors import CallError
from providers.wire import WireReply

# AWS's words and those that every format shares.
_WORDS = {
    "accessdeniedexception": "permission_denied",
    "unrecognizedclientexception": "invalid_api_key",
    "invalidsignatureexception": "invalid_api_key",
    "incompletesignatureexception": "invalid_api_key",
    "missingauthenticationtokenexception": "invalid_api_key",
    "missingauthenticationtoken": "invalid_api_key",
    "invalidclienttokenid": "invalid_api_key",
    "expiredtokenexception": "token_expired",
    "optinrequired": "permission_denied",
    "throttlingexception": "throttlingexception",
    "servicequotaexceededexception": "rate_limit_exceeded",
    "resourcenotfoundexception": "not_found",
    "modeltimeoutexception": "request_timeout",
    "modelnotreadyexception": "overloaded",
    "serviceunavailableexception": "service_unavailable",
    "validationexception": "invalid_request_error",
}
_FAILED = frozenset({"modelerrorexception", "modelstreamerrorexception", "internalserverexception"})
_VAGUE = frozenset({"", "validationexception", "accessdeniedexception"})
"""Exceptions that stand for several things; only the message tells which."""

_WORDINGS = (
    (
        re.compile(r"api key is valid|security token .{0,60}(invalid|expired)|bearer token"),
        "invalid_api_key",
    ),
    (re.compile(r"payment[_ ]instrument"), "payment_required"),
    (re.compile(r"model identifier is invalid|end of its life"), "model_not_found"),
    (re.compile(r"is not authorized to perform|access to the model"), "permission_denied"),
)
_SIGNATURE = re.compile(r"(Signature|Credential)=[^\s,'\"]+")


def explain(reply: WireReply) -> CallError:
    """Why ``reply`` failed; never raises."""
    try:
        value = as_dict(decode(reply.body))
    except ValueError:
        value = {"message": reply.body[:2000].decode("utf-8", "replace")}
    name = reply.headers.get("x-amzn-errortype", "") or as_str(value.get("__type"))
    return _explained(reply.status, name, _message(value), reply.headers)


def explain_event(name: str, payload: Mapping[str, Any]) -> CallError:
    """An exception inside a stream."""
    return _explained(200, name, _message(payload), {})


def _explained(status: int, name: str, message: str, headers: Mapping[str, str]) -> CallError:
    name = name.partition(":")[0].rpartition("#")[2].lower()
    text = _SIGNATURE.sub(r"\1=****", message)
    if name in _FAILED:
        error = error_for(500, Said(text), headers)
        error.upstream_status = status  # 424 stands for a model that failed
        return error
    spoken = next((word for pattern, word in _WORDINGS if pattern.search(text.lower())), "")
    word = (spoken if name in _VAGUE else "") or _WORDS.get(name, name)
    return error_for(status, Said(text, (word,) if word else ()), headers)


def _message(value: Mapping[str, Any]) -> str:
    return as_str(value.get("message")) or as_str(value.get("Message"))

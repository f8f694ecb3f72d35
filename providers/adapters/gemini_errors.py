"""What Google's errors mean where status and code leave it open: RESOURCE_EXHAUSTED is a pause or an empty purse."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from providers.adapters.explaining import Said, error_for, said
from providers.adapters.reading import as_dict, as_list, as_str, decode
from providers.errors import CallError
from providers.wire import WireReply

_EMPTY = re.compile(
    r"credits?\b.{0,20}deplet|spend(ing)? (cap|limit)|billing account|limit: 0\b", re.IGNORECASE
)
_CURRENT_QUOTA = re.compile(r"exceeded your current quota", re.IGNORECASE)


def explain(reply: WireReply) -> CallError:
    """Why ``reply`` failed; never raises."""
    try:
        value = decode(reply.body)
    except ValueError:
        value = reply.body[:2000].decode("utf-8", "replace")
    return error_for(reply.status, _clearer(said(value), value), reply.headers)


def explain_value(value: object) -> CallError:
    """The error object inside a stream or a 200."""
    return error_for(200, _clearer(said(value), value))


def _clearer(words: Said, value: object) -> Said:
    if "api_key_invalid" in words.words:
        return replace(words, words=("api_key_invalid",))
    if "resource_exhausted" in words.words and _spent(words, value):
        return replace(words, words=("insufficient_quota",))
    if "failed_precondition" in words.words:
        # The key's project is not served: wrong country, or no billing where it is needed.
        return replace(words, words=("permission_denied",))
    return words


def _spent(words: Said, value: object) -> bool:
    """Whether waiting a moment will not help: a day's quota or the credit is used up."""
    if _EMPTY.search(words.message) or any("PerDay" in quota for quota in _quotas(value)):
        return True
    return bool(_CURRENT_QUOTA.search(words.message)) and words.retry_after is None


def _quotas(value: object) -> list[str]:
    first = as_list(value)[0] if as_list(value) else value
    details = as_list(_error(first).get("details"))
    violations = [v for detail in details for v in as_list(as_dict(detail).get("violations"))]
    return [as_str(as_dict(violation).get("quotaId")) for violation in violations]


def _error(value: object) -> Mapping[str, Any]:
    return as_dict(as_dict(value).get("error"))

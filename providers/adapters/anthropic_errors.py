"""What Anthropic's errors mean where its machine words do not tell: it says ``invalid_request_error`` for many
things (https://docs.anthropic.com/en/api/errors).
"""

from __future__ import annotations

import re
from dataclasses import replace

from providers.adapters.explaining import Said, error_for, said
from providers.adapters.reading import decode
from providers.errors import CallError
from providers.wire import WireReply

_WORDINGS = (
    (re.compile(r"exceed context limit", re.IGNORECASE), "context_length_exceeded"),
    (re.compile(r"(usage|spend) limits?\b", re.IGNORECASE), "billing_error"),
)


def explain(reply: WireReply) -> CallError:
    """Why ``reply`` failed; never raises."""
    try:
        value = decode(reply.body)
    except ValueError:
        value = reply.body[:2000].decode("utf-8", "replace")
    return error_for(reply.status, _clearer(said(value)), reply.headers)


def explain_value(value: object) -> CallError:
    """The error object inside a stream or a 200."""
    return error_for(200, _clearer(said(value)))


def _clearer(words: Said) -> Said:
    if "invalid_request_error" not in words.words:
        return words
    word = next((word for pattern, word in _WORDINGS if pattern.search(words.message)), None)
    return replace(words, words=(word, *words.words)) if word else words

"""Opaque state of any provider as one text, for dialects that have a place for their own provider's alone.

Clients send such a text back untouched: Anthropic's ``signature``, Gemini's ``thoughtSignature``, the
``encrypted_content`` of Responses.
"""

from __future__ import annotations

import base64
import binascii

import msgspec

from aiproxy.protocols import content
from providers.chat import State
from providers.errors import InvalidRequest

SEAL = "aim1."
"""Begins a text of ours; those of providers begin otherwise."""


def seal(state: State) -> str:
    packed = base64.urlsafe_b64encode(msgspec.json.encode(dict(state)))
    return SEAL + packed.decode()


def unseal(text: str, path: str) -> State:
    try:
        packed = base64.b64decode(text.removeprefix(SEAL), altchars=b"-_", validate=True)
        value = msgspec.json.decode(packed)
    except (binascii.Error, ValueError):
        raise InvalidRequest(
            f"{path} is damaged. Send it back as you got it.", param=path
        ) from None
    return content.checked_state(value, path)

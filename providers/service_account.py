"""Google's service account file, as it is pasted and stored (https://cloud.google.com/iam/docs/keys-create-delete)."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class ServiceAccount:
    email: str
    private_key: str = field(repr=False)
    key_id: str = ""

    @classmethod
    def parse(cls, text: str) -> ServiceAccount | None:
        """None when ``text`` is no service account's file."""
        value = _object(text)
        email, private_key = value.get("client_email"), value.get("private_key")
        named = isinstance(email, str) and isinstance(private_key, str)
        if value.get("type") != "service_account" or not named or not email or not private_key:
            return None
        key_id = value.get("private_key_id")
        return cls(email, private_key, key_id if isinstance(key_id, str) else "")


def in_one_line(text: str) -> str:
    """The same JSON without line breaks and with nothing but ASCII, as keys are kept; "" when it is no object."""
    value = _object(text)
    return json.dumps(value, separators=(",", ":")) if value else ""


def _object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}

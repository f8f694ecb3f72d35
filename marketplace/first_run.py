"""The one-time link that makes the first account. Only a hash of it is kept, and only until it has been used."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import secrets
from pathlib import Path

from django.conf import settings
from django.contrib.auth import get_user_model

from marketplace.secret_key import write_private


def needed() -> bool:
    """Whether there is no account yet."""
    return not get_user_model()._default_manager.exists()


def new_token() -> str:
    """A fresh token of 256 bits; the one before it stops working."""
    token = secrets.token_urlsafe(32)
    forget()
    write_private(_file(), _hash(token))
    return token


def accepts(token: str) -> bool:
    """Whether ``token`` is the current one and there is still no account."""
    try:
        known = _file().read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError):
        return False
    return hmac.compare_digest(known, _hash(token)) and needed()


def consume() -> bool:
    """Use the token up. Of two who try at once, one gets True."""
    try:
        _file().unlink()
    except FileNotFoundError:
        return False
    return True


def forget() -> None:
    with contextlib.suppress(FileNotFoundError):
        _file().unlink()


def _file() -> Path:
    return Path(settings.AIM_DATA_DIR) / "setup.hash"


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()

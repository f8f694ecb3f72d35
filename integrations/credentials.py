"""Stores and reveals what integrations keep secret. The only caller of ``encryption/``."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path

import msgspec
from django.conf import settings

from integrations.encryption import content, envelope
from integrations.encryption.envelope import SealContext
from integrations.encryption.keyring import KeyRing
from integrations.errors import KeyRingError, SealBroken
from integrations.lru import Lru
from integrations.models import AccessToken, Integration
from integrations.secret import NO_SECRET, Headers, Secret

HINT_FROM = 12
"""A shorter key would be told too well by its last four characters."""

_SAMPLE = 5
_rings: dict[Path, KeyRing] = {}
_lock = threading.Lock()
_opened: Lru[tuple[str, SealContext], Secret] = Lru(4096)


def ring() -> KeyRing:
    """The process's key ring: read once, made on the first run. Raises KeyRingError in plain words."""
    path: Path = settings.AIM_MASTER_KEY_FILE
    with _lock:
        if path not in _rings:
            _rings[path] = KeyRing.load_or_create(path, is_needed=_anything_sealed)
        return _rings[path]


def is_open() -> bool:
    """Whether ``ring()`` answers without touching files or the database."""
    return settings.AIM_MASTER_KEY_FILE in _rings


def prepare() -> None:
    """Open the ring and try it on stored keys. A server calls it before it starts; raises KeyRingError."""
    ring()
    rows = list(Integration.objects.exclude(sealed_key="").order_by("-updated_at")[:_SAMPLE])
    if rows and not any(_opens(row) for row in rows):
        raise KeyRingError(
            f"The master key in {settings.AIM_MASTER_KEY_FILE} belongs to another installation: none of the "
            "stored provider keys opens with it. Put back this installation's own files from the backup."
        )


def peppers() -> Mapping[str, bytes]:
    """What tokens are hashed with, by the id of the ring's key they come from; the current one first."""
    keys = ring()
    return {kid: keys.subkey("pat-pepper", kid) for kid in keys.ids}


def mask(key: str) -> str:
    """All of ``key`` that may be kept in the clear: its last four characters, nothing of a short one.

    Of a file (a service account's) nothing either: all of them end alike.
    """
    return key[-4:] if len(key) >= HINT_FROM and not key.startswith("{") else ""


def store(integration: Integration, key: str) -> None:
    """Seal ``key`` into the unsaved ``integration``, bound to its row, owner and present origin."""
    integration.sealed_key = envelope.seal(
        ring(), key.encode(), _context(integration, "sealed_key")
    )
    integration.key_hint = mask(key)


def store_headers(integration: Integration, headers: Mapping[str, str]) -> None:
    """Seal all extra headers into the unsaved ``integration``; none at all clears them."""
    integration.header_names = list(headers)
    integration.sealed_headers = ""
    if headers:
        context = _context(integration, "sealed_headers")
        integration.sealed_headers = envelope.seal(
            ring(), msgspec.json.encode(dict(headers)), context
        )


def wipe_key(integration: Integration) -> None:
    """Forget the key of the unsaved ``integration``."""
    integration.sealed_key = integration.key_hint = ""


def reveal(integration: Integration) -> Secret:
    """The stored key, or an empty Secret when there is none. Raises SealBroken."""
    return _open(integration.sealed_key, _context(integration, "sealed_key"))


def reveal_headers(integration: Integration) -> Headers:
    """The stored extra headers. Raises SealBroken."""
    secret = _open(integration.sealed_headers, _context(integration, "sealed_headers"))
    return Headers(msgspec.json.decode(secret.plain(), type=dict[str, str]) if secret else {})


def seal_content(plain: bytes, *place: str) -> bytes:
    """Content sealed for the ``place`` where it will lie, e.g. a table and a row; it opens nowhere else."""
    return content.seal(ring(), plain, *place)


def open_content(sealed: bytes, *place: str) -> bytes:
    """What ``seal_content`` sealed. Raises SealBroken."""
    return content.open_(ring(), sealed, *place)


def forget() -> None:
    """Drop the ring and everything opened from this process's memory."""
    with _lock:
        _rings.clear()
    _opened.clear()


def _open(blob: str, context: SealContext) -> Secret:
    """Remembered by blob *and* context: the same blob in another row must not open from memory either."""
    if not blob:
        return NO_SECRET
    if (known := _opened.get((blob, context))) is not None:
        return known
    secret = Secret(envelope.open_(ring(), blob, context).decode())
    _opened.put((blob, context), secret)
    return secret


def _context(integration: Integration, field: str) -> SealContext:
    return SealContext(
        model=integration._meta.label_lower,
        field=field,
        row=str(integration.pk),
        owner=str(integration.owner_id),
        origin=integration.endpoint.origin,
    )


def _opens(integration: Integration) -> bool:
    try:
        reveal(integration)
    except SealBroken:
        return False
    return True


def _anything_sealed() -> bool:
    return (
        Integration.objects.exclude(sealed_key="", sealed_headers="").exists()
        or AccessToken.objects.filter(revoked_at=None).exists()
    )

"""What ``manage.py check`` says about custody: a key ring that is there must be usable."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core import checks

from integrations.encryption.keyring import KeyRing, ring_file
from integrations.errors import KeyRingError


def register() -> None:
    checks.register(key_ring, checks.Tags.security)


def key_ring(app_configs: Sequence[Any] | None, **_: Any) -> list[checks.CheckMessage]:
    """Before the first run there are no files, which is well; ``credentials.prepare`` makes them."""
    path = Path(settings.AIM_MASTER_KEY_FILE)
    if not path.exists() and not ring_file(path).exists():
        return []
    try:
        KeyRing.load(path)
    except (KeyRingError, OSError) as error:
        return [checks.Error(str(error), id="integrations.E001")]
    return []

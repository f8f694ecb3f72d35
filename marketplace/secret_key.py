"""The key that signs sessions and forms, made on the first start. It encrypts nothing."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

from marketplace.environment import BadSetting


def load_or_create(file: Path) -> str:
    """The key in ``file``, which is made readable to its owner alone when it is not there."""
    try:
        # O_EXCL: of two processes that start at once, one writes and both read the same.
        with contextlib.suppress(FileExistsError):
            write_private(file, secrets.token_urlsafe(48))
        return file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise BadSetting(
            f"AIM_SECRET_KEY is not set and {file} cannot be used ({error})."
        ) from None


def write_private(file: Path, text: str) -> None:
    """Make ``file`` with mode 0600 and all of ``text``, or not at all; FileExistsError when it is there."""
    draft = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with open(descriptor, "w", encoding="ascii") as stream:
            stream.write(text)
        os.link(draft, file)  # fails where rename would replace
    finally:
        draft.unlink()

"""Settings as the environment gives them: read, checked, and refused with one sentence that names the variable.

Every variable can also be given as a file: ``NAME_FILE=/run/secrets/name`` means the content of that file,
which is how containers and systemd hand over secrets.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

from integrations.secret import Secret

T = TypeVar("T")

_TRUE = frozenset(("1", "true", "yes", "on"))
_FALSE = frozenset(("0", "false", "no", "off"))


class BadSetting(ImproperlyConfigured):
    """A value that stops the start. The text is one sentence, names the variable and says what is wanted."""


class Environment:
    """Typed reads from ``values``. An empty value is the same as none: compose files make them by accident."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values
        self.seen: dict[str, str] = {}
        """Every variable asked for with its default as text, for the README's table and its test."""

    @classmethod
    def of_process(cls) -> Environment:
        return cls(os.environ)

    def text(self, name: str, default: str = "") -> str:
        self.seen.setdefault(name, default)
        value, file = self._values.get(name, ""), self._values.get(f"{name}_FILE", "")
        if value and file:
            raise BadSetting(f"{name} and {name}_FILE are both set; keep one of them.")
        if file:
            value = _content(name, Path(file))
        return value.strip() or default

    def path(self, name: str, default: Path) -> Path:
        # Not through text(): AIM_MASTER_KEY_FILE is itself a path, not the content of AIM_MASTER_KEY.
        self.seen.setdefault(name, str(default))
        return Path(self._values.get(name, "").strip() or default).expanduser().absolute()

    def flag(self, name: str, default: bool) -> bool:
        value = self.text(name, "true" if default else "false").lower()
        if value not in _TRUE | _FALSE:
            raise BadSetting(f"{name} must be true or false, not {value!r}.")
        return value in _TRUE

    def integer(self, name: str, default: int, *, least: int, most: int) -> int:
        return self._number(name, default, int, "a whole number", least, most)

    def seconds(
        self, name: str, default: float, *, least: float = 0.1, most: float = 86_400
    ) -> float:
        return self._number(name, default, float, "a number of seconds", least, most)

    def choice(self, name: str, default: str, allowed: tuple[str, ...]) -> str:
        value = self.text(name, default)
        if value not in allowed:
            raise BadSetting(f"{name} must be one of {', '.join(allowed)}, not {value!r}.")
        return value

    def words(self, name: str, default: str = "") -> list[str]:
        """Items separated by commas."""
        return [
            item
            for item in (piece.strip() for piece in self.text(name, default).split(","))
            if item
        ]

    def url(self, name: str, default: str) -> str:
        """An http or https address of a server, without its trailing slash."""
        value = self.text(name, default).rstrip("/")
        try:
            parts = urlsplit(value)
            good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            good = False
        if not good:
            raise BadSetting(
                f"{name} must be an address such as https://ai.example.com, not {value!r}."
            )
        return value

    def parsed(self, name: str, default: str, parse: Callable[[str], T]) -> T:
        """``parse`` raises ValueError with a sentence; the variable's name is put before it."""
        value = self.text(name, default)
        try:
            return parse(value)
        except ValueError as error:
            raise BadSetting(f"{name}: {error}") from None

    def database(self, name: str, default: str) -> dict[str, Any]:
        """Django's DATABASES entry for a ``sqlite:///…`` or ``postgres://…`` URL. Its password is in no message."""
        return self.parsed(name, default, _database)

    def _number(
        self, name: str, default: T, kind: Callable[[str], Any], words: str, least: T, most: T
    ) -> T:
        text = self.text(name, str(default))
        try:
            value = kind(text)
        except ValueError:
            raise BadSetting(f"{name} must be {words}, not {text!r}.") from None
        if not least <= value <= most:
            raise BadSetting(f"{name} must lie between {least} and {most}, not {text}.")
        return value  # type: ignore[no-any-return]  # int or float, as ``kind`` makes it


class ServerKeys:
    """Provider keys of the environment, by the variable's name or as a file. They leave as a Secret, or not at all."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values
        self._files: dict[str, str] = {}

    def get(self, name: str) -> Secret:
        """Empty when there is none. This program's own variables are never given."""
        if name.startswith(_OWN):
            return Secret("")
        value = self._values.get(name, "").strip()
        return Secret(value or self._file(name))

    def _file(self, name: str) -> str:
        path = self._values.get(f"{name}_FILE", "").strip()
        if path and path not in self._files:
            try:
                self._files[path] = _content(name, Path(path)).strip()
            except BadSetting:
                return ""
        return self._files.get(path, "")

    def __repr__(self) -> str:
        return "ServerKeys(***)"


_OWN = ("AIM_", "DATABASE_", "DJANGO_", "REDIS_")


def _content(name: str, file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise BadSetting(f"{name}_FILE: {file} cannot be read ({reason}).") from None


def _database(url: str) -> dict[str, Any]:
    scheme = url.partition(":")[0]
    if scheme == "sqlite":
        return {**environ.Env.db_url_config(url), "OPTIONS": SQLITE_OPTIONS}
    if scheme not in ("postgres", "postgresql"):
        raise ValueError("must begin with postgres:// or sqlite:///.")
    config = environ.Env.db_url_config(url)
    # A server that is away is told within 3 s, and looked for anew each 2 s: the pool's own pauses grow to minutes.
    pool = {"min_size": 1, "max_size": 16, "timeout": 3, "reconnect_timeout": 2}
    options = {
        "pool": pool,
        "connect_timeout": 3,
        "tcp_user_timeout": 10_000,  # ms; of a server that vanished without a word
        **config.get("OPTIONS", {}),
    }
    return {**config, "OPTIONS": options, "CONN_MAX_AGE": 0, "CONN_HEALTH_CHECKS": True}


def redis_url(url: str) -> str:
    """A ``redis://``, ``rediss://`` or ``unix://`` URL as it is, or empty. Its password is in no message."""
    if url and url.partition(":")[0] not in ("redis", "rediss", "unix"):
        raise ValueError("must begin with redis://, rediss:// or unix://.")
    return url


SQLITE_OPTIONS: Mapping[str, Any] = {
    # Without IMMEDIATE, WAL answers a third of concurrent read-then-write transactions with "database is locked".
    "transaction_mode": "IMMEDIATE",
    "timeout": 20,
    # The limit: after a long reader the log of changes becomes small again.
    "init_command": "PRAGMA journal_mode=WAL;PRAGMA synchronous=NORMAL;PRAGMA journal_size_limit=67108864;",
}

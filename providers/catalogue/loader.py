"""TOML files to specs. Every error names the file and the key."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from importlib.resources.abc import Traversable

import msgspec

from providers.catalogue.spec import ProviderSpec, check


class BadProvider(ValueError):
    """A provider's data cannot be used. The message is ``file: key: reason``."""


def load_text(text: str, name: str) -> ProviderSpec:
    """One provider from TOML ``text``; ``name`` is what errors call it."""
    try:
        spec = msgspec.convert(tomllib.loads(text), ProviderSpec)
    except tomllib.TOMLDecodeError as error:
        raise BadProvider(f"{name}: not TOML: {error}") from None
    except msgspec.ValidationError as error:
        reason, _, path = str(error).partition(" - at `$")
        raise BadProvider(
            f"{name}: {path.rstrip('`').lstrip('.') or 'top level'}: {reason}"
        ) from None
    problems = check(spec)
    if problems:
        raise BadProvider(f"{name}: {'; '.join(problems)}")
    return spec


def load_file(path: Traversable) -> ProviderSpec:
    """One provider from a file, which must be called after the provider's id."""
    spec = load_text(path.read_text(encoding="utf-8"), path.name)
    if path.name != f"{spec.id}.toml":
        raise BadProvider(f"{path.name}: id: {spec.id!r} belongs into {spec.id}.toml")
    return spec


def builtin_files() -> tuple[Traversable, ...]:
    """The files of the providers that come with the project, in the order of their names."""
    folder = files("providers.catalogue") / "data"
    paths = (path for path in folder.iterdir() if path.name.endswith(".toml"))
    return tuple(sorted(paths, key=lambda path: path.name))


def load_builtin() -> tuple[ProviderSpec, ...]:
    """The providers that come with the project, in the order of their file names."""
    return tuple(map(load_file, builtin_files()))

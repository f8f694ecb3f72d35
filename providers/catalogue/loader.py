"""TOML files, and the same data from elsewhere, to specs. Every error names where it came from and the key."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any, TypeVar

import msgspec

from providers.catalogue.spec import Auth, ModelSpec, ProviderSpec, Spec, check

S = TypeVar("S", bound=Spec)


class BadProvider(ValueError):
    """A provider's data cannot be used. The message is ``name: key: reason``; ``problems`` are the ``key: reason``."""

    def __init__(self, name: str, problems: Sequence[str]) -> None:
        super().__init__(f"{name}: {'; '.join(problems)}")
        self.problems = tuple(problems)


def load_text(text: str, name: str, *, shipped: bool = False) -> ProviderSpec:
    """One provider from TOML ``text``; ``name`` is what errors call it, ``shipped`` as for ``spec.check``."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadProvider(name, [f"not TOML: {error}"]) from None
    return load_data(data, name, shipped=shipped)


def load_data(data: Any, name: str, *, shipped: bool = False) -> ProviderSpec:
    """One provider from what TOML or JSON gives; ``name`` is what errors call it, ``shipped`` as for ``spec.check``."""
    spec = _convert(data, ProviderSpec, name)
    if problems := check(spec, shipped=shipped):
        raise BadProvider(name, problems)
    return spec


def load_model(data: Any, name: str) -> ModelSpec:
    """One model from what TOML or JSON gives; ``name`` is what errors call it."""
    model = _convert(data, ModelSpec, name)
    if problems := check(msgspec.structs.replace(_AROUND_A_MODEL, models=(model,))):
        raise BadProvider(name, problems)
    return model


_AROUND_A_MODEL = ProviderSpec(
    id="provider",
    name="Provider",
    description="",
    category="custom",
    auth=(Auth(id="none", type="none", label="None", place="none"),),
)
"""A provider with nothing wrong, so that whatever ``check`` finds is the model's."""


def _convert(data: Any, kind: type[S], name: str) -> S:
    try:
        return msgspec.convert(data, kind)
    except msgspec.ValidationError as error:
        reason, _, path = str(error).partition(" - at `$")
        key = path.rstrip("`").lstrip(".") or "top level"
        raise BadProvider(name, [f"{key}: {reason}"]) from None


def load_file(path: Traversable) -> ProviderSpec:
    """A provider that comes with the project, from its file, which must be called after the provider's id."""
    spec = load_text(path.read_text(encoding="utf-8"), path.name, shipped=True)
    if path.name != f"{spec.id}.toml":
        raise BadProvider(path.name, [f"id: {spec.id!r} belongs into {spec.id}.toml"])
    return spec


def builtin_files() -> tuple[Traversable, ...]:
    """The files of the providers that come with the project, in the order of their names."""
    folder = files("providers.catalogue") / "data"
    paths = (path for path in folder.iterdir() if path.name.endswith(".toml"))
    return tuple(sorted(paths, key=lambda path: path.name))


def load_builtin() -> tuple[ProviderSpec, ...]:
    """The providers that come with the project, in the order of their file names."""
    return tuple(map(load_file, builtin_files()))

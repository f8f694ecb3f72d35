"""System checks of the catalogue: every file loads, and every adapter it names exists."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib.resources.abc import Traversable
from typing import Any

from django.apps import AppConfig
from django.core.checks import CheckMessage, Error

from providers.adapters import ADAPTERS
from providers.adapters.base import Host
from providers.catalogue.loader import BadProvider, builtin_files, load_file
from providers.catalogue.spec import ProviderSpec


def catalogue_is_usable(
    app_configs: Sequence[AppConfig] | None, **kwargs: Any
) -> list[CheckMessage]:
    """The check that Django runs; ``apps`` registers it."""
    return problems(builtin_files())


def problems(paths: Iterable[Traversable]) -> list[CheckMessage]:
    """All that is wrong with the files at ``paths``, each named, not only the first."""
    found: list[CheckMessage] = []
    for path in paths:
        try:
            found += _unknown_adapter(load_file(path))
        except BadProvider as error:
            found.append(Error(str(error), id="providers.E001"))
    return found


def _unknown_adapter(spec: ProviderSpec) -> list[CheckMessage]:
    hosts = (Host(spec, model) for model in (None, *spec.models))
    names = sorted({host.adapter for host in hosts} - {"", *ADAPTERS})
    return [
        Error(
            f"{spec.id}.toml: adapter: there is no {name!r}",
            hint=f"One of {', '.join(sorted(ADAPTERS))}, or empty for a provider that is only listed.",
            id="providers.E002",
        )
        for name in names
    ]

"""The one Catalogue that everybody asks. It is immutable; a change makes a new one.

Three sources, and what an earlier one has no later one replaces: the files that come with the project, then
plugins, then rows that administrators made. Whatever cannot be used is left out and named in ``problems``.

``catalogue()`` never waits: files and plugins are read once for a process, rows by ``reload()``. That is called
when a server starts, when this process has changed a row, and when another one has (``integrations.live.refresh``).
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

import msgspec
from django.apps import apps

from providers.adapters import ADAPTERS
from providers.adapters.base import Adapter, Host
from providers.catalogue.loader import BadProvider, load_builtin
from providers.catalogue.plugins import Plugins, load
from providers.catalogue.spec import ModelSpec, ProviderSpec

log = logging.getLogger(__name__)


class Origin(NamedTuple):
    """Where a provider's data comes from; ``package`` names the plugin."""

    kind: Literal["builtin", "plugin", "database"]
    package: str = ""

    def __str__(self) -> str:
        return f"{self.kind} {self.package}".strip()


BUILTIN = Origin("builtin")
DATABASE = Origin("database")


class Catalogue:
    """Providers by id, in the order of their names, the sandbox first."""

    def __init__(
        self,
        specs: Iterable[ProviderSpec],
        *,
        adapters: Mapping[str, Adapter] = ADAPTERS,
        origins: Mapping[str, Origin] | None = None,
        problems: Mapping[str, str] | None = None,
    ) -> None:
        ordered = sorted(specs, key=lambda spec: (spec.deployment != "builtin", spec.name.lower()))
        self._specs = {spec.id: spec for spec in ordered}
        self._origins = dict(origins or {})
        self.adapters: Mapping[str, Adapter] = MappingProxyType(dict(adapters))
        self.problems: Mapping[str, str] = MappingProxyType(dict(problems or {}))
        """What was left out and why, by its name: ``plugin <package>``, ``provider <id>``, ``model <name>``."""

    def __iter__(self) -> Iterator[ProviderSpec]:
        return iter(self._specs.values())

    def __contains__(self, provider_id: object) -> bool:
        return provider_id in self._specs

    def get(self, provider_id: str) -> ProviderSpec | None:
        return self._specs.get(provider_id)

    def __getitem__(self, provider_id: str) -> ProviderSpec:
        return self._specs[provider_id]

    def origin(self, provider_id: str) -> Origin:
        """Raises KeyError for a provider that is not here."""
        return self._origins.get(self._specs[provider_id].id, BUILTIN)

    def adapter(self, provider_id: str, model_id: str = "") -> Adapter:
        """How this model is spoken to: the quirk ``adapter`` says where that is not its provider's format.

        Raises KeyError for a provider that is listed only.
        """
        return self.adapter_of(self.host(provider_id, model_id))

    def adapter_of(self, host: Host) -> Adapter:
        """The same for a provider at hand, which may have left the catalogue a moment ago."""
        return self.adapters[str(host.quirk("adapter", host.provider.adapter))]

    def host(self, provider_id: str, model_id: str = "") -> Host:
        spec = self._specs[provider_id]
        return Host(spec, spec.model(model_id))


@dataclass(slots=True)
class _Parts:
    """What a Catalogue is made of, while it is being put together."""

    specs: dict[str, ProviderSpec]
    origins: dict[str, Origin]
    adapters: Mapping[str, Adapter]
    problems: dict[str, str] = field(default_factory=dict)

    def add_provider(self, row: Any) -> None:
        name = f"provider {row.pk}"
        try:
            spec: ProviderSpec = row.to_spec()
        except BadProvider as error:
            self.problems[name] = "; ".join(error.problems)
            return
        if spec.id in self.specs:
            self.problems[name] = f"There is already one of this id ({self.origins[spec.id]})."
        elif problem := unfit(spec, self.adapters):
            self.problems[name] = problem
        else:
            self.specs[spec.id] = spec
            self.origins[spec.id] = DATABASE

    def add_model(self, row: Any) -> None:
        name = f"model {row}"
        try:
            model: ModelSpec = row.to_spec()
        except BadProvider as error:
            self.problems[name] = "; ".join(error.problems)
            return
        spec = self.specs.get(row.provider_id)
        if spec is None:
            self.problems[name] = "Its provider is not in the catalogue."
        elif spec.model(model.id):
            self.problems[name] = "The provider has this model already."
        else:
            models = (*spec.models, model)
            self.specs[spec.id] = msgspec.structs.replace(spec, models=models)

    def catalogue(self) -> Catalogue:
        return Catalogue(
            self.specs.values(),
            adapters=self.adapters,
            origins=self.origins,
            problems=self.problems,
        )


def unfit(spec: ProviderSpec, adapters: Mapping[str, Adapter]) -> str:
    """Why a row may not hold this otherwise good provider; empty when it may."""
    if spec.deployment == "builtin":
        return "deployment: only the sandbox is built in"
    for model in (None, *spec.models):
        if (name := Host(spec, model).adapter) not in adapters:
            return f"adapter: there is no {name!r}; one of {', '.join(sorted(adapters))}"
    return ""


def catalogue() -> Catalogue:
    """As it was last read. Without rows until ``reload()`` has been called."""
    return _current or without_rows()


@cache
def without_rows() -> Catalogue:
    """The built-in providers and those of plugins. Loaded once for a process."""
    return _fixed().catalogue()


def reload() -> None:
    """Read the rows afresh, in sync code. What is broken is logged when it was not before."""
    global _current
    with _reading:
        parts = _fixed()
        for provider in _rows("CustomProvider"):
            parts.add_provider(provider)
        for model in _rows("CustomModel"):
            parts.add_model(model)
        known = catalogue().problems
        _current = parts.catalogue()
    for name, problem in parts.problems.items():
        if name not in known:
            log.error("%s is left out of the catalogue: %s", name, problem)


def _rows(name: str) -> Iterable[Any]:
    """Asked for by name, so that this module can be imported where Django is not set up."""
    model: Any = apps.get_model("providers", name)
    return tuple(model._default_manager.all())


def forget(*, plugins: bool = False) -> None:
    """Begin anew, as a new process would; with ``plugins``, as one in another environment."""
    global _current
    with _reading:
        _current = None
        if plugins:
            _plugins.cache_clear()
            without_rows.cache_clear()


_current: Catalogue | None = None
# Reading and replacing are one step, so that what was read earlier never replaces what was read later.
_reading = threading.RLock()


@cache
def _builtin() -> tuple[ProviderSpec, ...]:
    return load_builtin()


@cache
def _plugins() -> Plugins:
    return load({spec.id for spec in _builtin()}, ADAPTERS)


def _fixed() -> _Parts:
    parts = _Parts({}, {}, dict(ADAPTERS))
    for spec in _builtin():
        parts.specs[spec.id], parts.origins[spec.id] = spec, BUILTIN
    adapters = dict(ADAPTERS)
    for plugin in _plugins().loaded:
        adapters |= plugin.adapters
        for spec in plugin.providers:
            parts.specs[spec.id] = spec
            parts.origins[spec.id] = Origin("plugin", plugin.package)
    parts.adapters = adapters
    parts.problems = {f"plugin {name}": why for name, why in _plugins().problems.items()}
    return parts

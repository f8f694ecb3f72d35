"""The one Catalogue that everybody asks. It is immutable; a change makes a new one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache

from providers.adapters import ADAPTERS
from providers.adapters.base import Adapter, Host
from providers.catalogue.loader import load_builtin
from providers.catalogue.spec import ProviderSpec


class Catalogue:
    """Providers by id, in the order of their names, the sandbox first."""

    def __init__(self, specs: Iterable[ProviderSpec]) -> None:
        ordered = sorted(specs, key=lambda spec: (spec.deployment != "builtin", spec.name.lower()))
        self._specs = {spec.id: spec for spec in ordered}

    def __iter__(self) -> Iterator[ProviderSpec]:
        return iter(self._specs.values())

    def __contains__(self, provider_id: object) -> bool:
        return provider_id in self._specs

    def get(self, provider_id: str) -> ProviderSpec | None:
        return self._specs.get(provider_id)

    def __getitem__(self, provider_id: str) -> ProviderSpec:
        return self._specs[provider_id]

    def adapter(self, provider_id: str) -> Adapter:
        """Raises KeyError for a provider that is listed only."""
        return ADAPTERS[self._specs[provider_id].adapter]

    def host(self, provider_id: str, model_id: str = "") -> Host:
        spec = self._specs[provider_id]
        return Host(spec, spec.model(model_id))


@cache
def catalogue() -> Catalogue:
    """The built-in providers. Loaded once for a process."""
    return Catalogue(load_builtin())

"""Python packages that bring providers: entry points of the group ``aim.providers``.

An entry point names a module, or a callable without arguments whose result counts. Either has ``providers``, a
sequence of TOML texts, and may have ``adapters``, a mapping from the name of a wire format to its adapter::

    [project.entry-points."aim.providers"]
    echo = "aim_echo"

A package comes whole or not at all. One that is broken is named (``Plugins.problems``) and takes nobody else along.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from types import MappingProxyType
from typing import Any

from providers.adapters.base import Adapter
from providers.catalogue.loader import load_text
from providers.catalogue.spec import ProviderSpec

log = logging.getLogger(__name__)

GROUP = "aim.providers"

_VERBS = tuple(name for name in vars(Adapter) if not name.startswith("_"))


class BadPlugin(ValueError):
    """A plugin breaks the contract above; the message says how."""


@dataclass(frozen=True, slots=True)
class Plugin:
    """What one entry point brings. ``package`` is the distribution's name, by which people know it."""

    package: str
    providers: tuple[ProviderSpec, ...]
    adapters: Mapping[str, Adapter]


@dataclass(frozen=True, slots=True)
class Plugins:
    """``problems`` has one sentence for each plugin that was skipped, by its package."""

    loaded: tuple[Plugin, ...]
    problems: Mapping[str, str]


def load(
    taken: Iterable[str], adapters: Mapping[str, Adapter], found: Iterable[EntryPoint] | None = None
) -> Plugins:
    """All installed plugins, in the order of their packages' names.

    ``taken`` are the ids of providers and ``adapters`` the wire formats that are there already: no plugin may
    replace one, and of two plugins that want the same id the first gets it.
    """
    ids, formats = set(taken), dict(adapters)
    loaded: list[Plugin] = []
    problems: dict[str, str] = {}
    for entry in sorted(entry_points(group=GROUP) if found is None else found, key=_order):
        package = _package(entry)
        try:
            plugin = _read(entry, ids, formats)
        except Exception as error:  # noqa: BLE001  # it runs foreign code, which may raise anything
            problems[package] = f"{type(error).__name__}: {error}"
            log.error("the plugin %s is skipped: %s", package, problems[package])
            continue
        ids |= {spec.id for spec in plugin.providers}
        formats |= plugin.adapters
        loaded.append(plugin)
    return Plugins(tuple(loaded), MappingProxyType(problems))


def _read(entry: EntryPoint, taken: set[str], adapters: Mapping[str, Adapter]) -> Plugin:
    source: Any = entry.load()
    if callable(source):
        source = source()
    texts = getattr(source, "providers", None)
    if texts is None or isinstance(texts, str):
        raise BadPlugin(f"{entry.value} has no sequence `providers` of TOML texts")
    own = dict(getattr(source, "adapters", {}))
    for name, adapter in own.items():
        if name in adapters:
            raise BadPlugin(f"there is already an adapter {name!r}")
        if missing := [verb for verb in _VERBS if not callable(getattr(adapter, verb, None))]:
            raise BadPlugin(f"the adapter {name!r} lacks {', '.join(missing)}")
    specs = tuple(
        load_text(text, f"{entry.value}.providers[{number}]") for number, text in enumerate(texts)
    )
    ids = [spec.id for spec in specs]
    for spec in specs:
        if spec.id in taken or ids.count(spec.id) > 1:
            raise BadPlugin(f"there is already a provider {spec.id!r}")
        if spec.deployment == "builtin":
            raise BadPlugin(f"{spec.id}: deployment: only the sandbox is built in")
        if spec.adapter and spec.adapter not in adapters and spec.adapter not in own:
            raise BadPlugin(f"{spec.id}: adapter: there is no {spec.adapter!r}")
    return Plugin(_package(entry), specs, own)


def _package(entry: EntryPoint) -> str:
    return entry.dist.name if entry.dist else entry.name


def _order(entry: EntryPoint) -> tuple[str, str]:
    return _package(entry), entry.name

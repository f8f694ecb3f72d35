"""Hosts for adapter tests: a provider of nothing but quirks."""

from __future__ import annotations

from providers.adapters.base import Host
from providers.catalogue.spec import Auth, ModelSpec, ProviderSpec


def host(adapter: str = "openai", model: ModelSpec | None = None, **quirks: object) -> Host:
    paths = quirks.pop("paths", {})
    assert isinstance(paths, dict)
    spec = ProviderSpec(
        id="test",
        name="Test",
        description="",
        category="llm",
        adapter=adapter,
        auth=(Auth(id="none", type="none", label="None", place="none"),),
        quirks=quirks,
        paths=paths,
    )
    return Host(spec, model)

"""Our vocabulary for embeddings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from providers.chat import Json
from providers.usage import Usage


@dataclass(frozen=True, slots=True)
class EmbeddingRequest:
    """``inputs`` are texts, or token lists for providers that take them. ``dimensions`` None: the model's own."""

    model: str
    inputs: tuple[str | tuple[int, ...], ...]
    dimensions: int | None = None
    user: str | None = None
    task: str | None = None
    """What the vectors are for (query, document, …) where the provider distinguishes."""
    extra: Mapping[str, Mapping[str, Json]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EmbeddingResponse:
    """One vector for each input, in the order of the inputs."""

    model: str
    vectors: tuple[tuple[float, ...], ...]
    usage: Usage | None = None

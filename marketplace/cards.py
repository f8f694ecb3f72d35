"""What the marketplace shows of each provider: the catalogue beside what one person has connected."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Literal
from uuid import UUID

from django.urls import reverse
from django.utils import timezone

from aiproxy.app import breakers
from aiproxy.usage.analytics import Health
from integrations.models import Integration
from integrations.shared import State
from marketplace import condition
from providers.catalogue.spec import ProviderSpec

Status = Literal["connected", "needs_attention", "disabled", "not_connected"]

STATUSES: dict[Status, str] = {
    "connected": "Connected",
    "needs_attention": "Needs attention",
    "disabled": "Disabled",
    "not_connected": "Not connected",
}
TONES: dict[Status, str] = {
    "connected": "good",
    "needs_attention": "warn",
    "disabled": "",
    "not_connected": "hollow",
}
CATEGORIES = {
    "llm": "LLM",
    "vision": "Vision",
    "speech": "Speech",
    "embedding": "Embeddings",
    "image": "Images",
    "local": "Local",
    "custom": "Custom",
}
FEATURES = {
    "chat": "Chat",
    "streaming": "Streaming",
    "tools": "Tools",
    "vision": "Images as input",
    "embeddings": "Embeddings",
    "reasoning": "Reasoning",
    "structured_output": "Structured output",
    "image": "Making images",
    "speech_to_text": "Speech to text",
    "text_to_speech": "Text to speech",
    "rerank": "Reranking",
}

# The worst first, but a connection switched off on purpose does not hide one that works.
_LOUDEST: tuple[Status, ...] = ("needs_attention", "connected", "disabled")


@dataclass(frozen=True, slots=True)
class Card:
    """One provider, and the person's integrations of it with what their calls met lately."""

    spec: ProviderSpec
    integrations: tuple[Integration, ...] = ()
    health: tuple[Health, ...] = ()
    server: State = ""
    """Of a key in the server's environment, which counts where the person has no integration."""

    @property
    def by_server(self) -> bool:
        """Whether calls are answered with the server's own key."""
        return not self.integrations and self.server in ("shared", "missing")

    @property
    def status(self) -> Status:
        if self.by_server:
            return "connected" if self.server == "shared" else "needs_attention"
        found = {integration.status for integration in self.integrations}
        return next((status for status in _LOUDEST if status in found), "not_connected")

    @property
    def status_label(self) -> str:
        if self.by_server and self.server == "shared":
            return "Provided by the server"
        count = sum(integration.status == self.status for integration in self.integrations)
        label = STATUSES[self.status]
        return f"{count} {label.lower()}" if count > 1 else label

    @property
    def tone(self) -> str:
        return TONES[self.status]

    @property
    def category(self) -> str:
        return "Built in" if self.spec.deployment == "builtin" else CATEGORIES[self.spec.category]

    @property
    def last_used(self) -> datetime | None:
        times = [item.last_used for item in self.integrations if item.last_used is not None]
        return max(times, default=None)

    @property
    def trouble(self) -> str:
        """What failed lately, in a few words; empty when nothing did."""
        pause = max((breakers().paused(one.pk) for one in self.integrations), default=0)
        return condition.resting(pause) or condition.trouble(self.health)

    @property
    def lately(self) -> str:
        """The time that ``health`` is about."""
        return condition.lately()

    @property
    def tooltip(self) -> str:
        return condition.tooltip(self.integrations, timezone.now())

    @property
    def away(self) -> str:
        """Why it cannot be connected, in a few words; empty when it can."""
        if self.spec.status == "retired":
            return "No longer offered"
        return "" if self.spec.callable else "Not callable yet"

    @property
    def action(self) -> str:
        if self.integrations:
            return "Configure"
        return "Details" if self.away else "Connect"

    @property
    def url(self) -> str:
        """Where the card leads: to the one integration, to the choice of several, or to a new one."""
        if len(self.integrations) == 1:
            return reverse("integration-credentials", args=[self.integrations[0].pk])
        return reverse("provider", args=[self.spec.id])


@dataclass(frozen=True, slots=True)
class Filter:
    """What the person looks for; an empty value lets all pass."""

    text: str = ""
    category: str = ""
    feature: str = ""
    status: str = ""

    def lets_pass(self, card: Card) -> bool:
        spec = card.spec
        words = " ".join((spec.name, spec.id, spec.description, card.category)).casefold()
        return (
            all(word in words for word in self.text.casefold().split())
            and self.category in ("", spec.category)
            and (not self.feature or self.feature in spec.features)
            and self.status in ("", card.status)
        )


NO_CALLS: Mapping[UUID, Health] = MappingProxyType({})


def deal(
    specs: Iterable[ProviderSpec],
    integrations: Iterable[Integration],
    health: Mapping[UUID, Health] = NO_CALLS,
) -> list[Card]:
    """A card for every provider, in the catalogue's order."""
    mine = defaultdict(list)
    for integration in integrations:
        mine[integration.provider_id].append(integration)
    return [card_of(spec, mine[spec.id], health) for spec in specs]


def card_of(
    spec: ProviderSpec, integrations: Iterable[Integration], health: Mapping[UUID, Health]
) -> Card:
    mine = tuple(integrations)
    return Card(spec, mine, tuple(health[one.pk] for one in mine if one.pk in health))

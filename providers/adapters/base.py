"""The contract of every adapter: our vocabulary on one side, one provider format on the other.

An adapter is pure. It never sees a credential, a clock or a socket: it is given values and returns values, so
every question about a format can be asked in a REPL with bytes. ``auth.sign`` and the gateway do the rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable
from urllib.parse import quote

from providers.adapters.custom_mapping import BadMapping, CustomMapping
from providers.catalogue.spec import ModelSpec, ProviderSpec
from providers.chat import ChatRequest, ChatResponse
from providers.embedding import EmbeddingRequest, EmbeddingResponse
from providers.errors import CallError, InvalidRequest
from providers.events import Event
from providers.wire import WireReply, WireRequest


@dataclass(frozen=True, slots=True)
class Host:
    """Whom an adapter speaks to: the provider's data, and the model's where the catalogue knows it.

    ``quirk(name)`` reads the model's quirk first, then the provider's; adapters ask it and never compare names.
    ``mapping`` is the integration's own, or why it cannot be used; only the adapter ``custom`` asks for it.
    """

    provider: ProviderSpec
    model: ModelSpec | None = None
    mapping: CustomMapping | BadMapping | None = None

    def quirk(self, name: str, default: object = None) -> object:
        if self.model is not None and name in self.model.quirks:
            return self.model.quirks[name]
        return self.provider.quirks.get(name, default)

    @property
    def adapter(self) -> str:
        """The wire format this model is spoken to in: the quirk ``adapter`` where it is not its provider's."""
        return str(self.quirk("adapter", self.provider.adapter))

    def path(self, name: str, default: str, model: str = "") -> str:
        """The provider's path for an operation (``chat``, ``models`` …); an empty one means it has none.

        ``model`` fills ``{model}``, and whatever it is, it stays one segment of the path. Raises InvalidRequest.
        """
        path = self.provider.paths.get(name, default)
        if "{model}" not in path:
            return path
        if model.strip(".") == "":
            raise InvalidRequest("Name a model. Dots alone name none.", param="model")
        return path.replace("{model}", quote(model, safe=""))


class StreamParser(Protocol):
    """Bytes in, events out; any cut of the same bytes gives the same events."""

    def feed(self, data: bytes) -> Sequence[Event]:
        """The events that ``data`` completes."""

    @property
    def heard(self) -> int:
        """How many complete frames have come, pings and comments too. Half a frame is no sign of life."""

    def close(self) -> Sequence[Event]:
        """Call once at the end of the body. Gives the last event: ``Ended``, or ``Failed`` when the end is missing."""


@runtime_checkable
class Counting(Protocol):
    """An adapter whose format can count the tokens of a chat without answering it."""

    def build_count(self, request: ChatRequest, host: Host) -> WireRequest | None:
        """None where this host has no counter (an empty path ``count``)."""

    def parse_count(self, reply: WireReply, host: Host) -> int:
        """Raises ServerError for nonsense."""


class Adapter(Protocol):
    """One wire format. ``host`` tells the paths and quirks; ``request.model`` is the provider's own model id."""

    name: str

    def build(self, request: ChatRequest, host: Host) -> WireRequest:
        """Raises InvalidRequest when the conversation cannot be said in this format at all."""

    def parse(self, reply: WireReply, host: Host) -> ChatResponse:
        """A successful answer. Raises a CallError for an error inside a 200 and ServerError for nonsense."""

    def stream(self, host: Host) -> StreamParser:
        """A parser for the body of a streamed answer with status 200."""

    def explain(self, reply: WireReply, host: Host) -> CallError:
        """Why a reply with status >= 300 failed, in our vocabulary and words; never raises."""

    def build_embedding(self, request: EmbeddingRequest, host: Host) -> WireRequest:
        """Raises InvalidRequest where the format has no embeddings."""

    def parse_embedding(self, reply: WireReply, host: Host) -> EmbeddingResponse: ...

    def build_models(self, host: Host) -> WireRequest:
        """The provider's list of models."""

    def parse_models(self, reply: WireReply, host: Host) -> tuple[ModelSpec, ...]:
        """Ids and whatever else the list tells; raises ServerError for nonsense."""

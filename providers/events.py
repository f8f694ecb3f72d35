"""A streamed answer as typed events, and the Accumulator that turns them back into a ChatResponse.

Order: ``Started`` first; deltas; at most one ``Finished`` per choice; ``UsageReported`` any number of times
(the last one counts, never add them up); and as the very last event exactly one of ``Ended`` (the provider said
that this was all) or ``Failed`` (it did not: the caller must see an error, never a false end).

``part`` numbers the blocks of one choice in the order they began; all deltas of one block carry its number.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from providers.chat import (
    NO_STATE,
    ChatResponse,
    Choice,
    Citation,
    FinishReason,
    Part,
    Reasoning,
    Refusal,
    State,
    Text,
    ToolCall,
)
from providers.errors import CallError
from providers.usage import Usage


@dataclass(frozen=True, slots=True)
class Started:
    id: str
    model: str


@dataclass(frozen=True, slots=True)
class TextDelta:
    part: int
    text: str
    choice: int = 0
    state: State = NO_STATE


@dataclass(frozen=True, slots=True)
class ReasoningDelta:
    """``state`` replaces what earlier deltas of this part said under the same format and key."""

    part: int
    text: str
    choice: int = 0
    state: State = NO_STATE


@dataclass(frozen=True, slots=True)
class RefusalDelta:
    part: int
    text: str
    choice: int = 0


@dataclass(frozen=True, slots=True)
class ToolCallDelta:
    """``id`` and ``name`` are set on the part's first delta; ``arguments`` is the next piece of JSON text."""

    part: int
    arguments: str = ""
    id: str = ""
    name: str = ""
    choice: int = 0
    state: State = NO_STATE


@dataclass(frozen=True, slots=True)
class CitationAdded:
    """A citation for the text part ``part`` (which need not have begun yet)."""

    part: int
    citation: Citation
    choice: int = 0


@dataclass(frozen=True, slots=True)
class WholePart:
    """A block that arrives in one piece: a generated image, a provider's own block."""

    part: int
    value: Part
    choice: int = 0


@dataclass(frozen=True, slots=True)
class Finished:
    reason: FinishReason
    choice: int = 0
    raw: str | None = None


@dataclass(frozen=True, slots=True)
class UsageReported:
    usage: Usage


@dataclass(frozen=True, slots=True)
class Ended:
    """The provider's stream is complete."""


@dataclass(frozen=True, slots=True)
class Failed:
    error: CallError


Delta = TextDelta | ReasoningDelta | RefusalDelta | ToolCallDelta | CitationAdded | WholePart
Event = Started | Delta | Finished | UsageReported | Ended | Failed


class _Block:
    """A part under construction."""

    __slots__ = ("citations", "first", "id", "name", "pieces", "state")

    def __init__(self, first: Delta) -> None:
        self.first = first
        self.pieces: list[str] = []
        self.citations: list[Citation] = []
        self.state: dict[str, object] = {}
        self.id = ""
        self.name = ""

    def add(self, delta: Delta) -> None:
        match delta:
            case CitationAdded():
                self.citations.append(delta.citation)
                return
            case WholePart():
                self.first = delta
                return
            case ToolCallDelta():
                self.id = self.id or delta.id
                self.name = self.name or delta.name
                self.pieces.append(delta.arguments)
            case TextDelta() | ReasoningDelta() | RefusalDelta():
                self.pieces.append(delta.text)
        if isinstance(self.first, CitationAdded):
            self.first = delta
        if not isinstance(delta, RefusalDelta) and delta.state:
            self.state = merge_state(self.state, delta.state)

    def part(self) -> Part:
        text = "".join(self.pieces)
        state: State = self.state or NO_STATE
        match self.first:
            case WholePart():
                return self.first.value
            case ToolCallDelta():
                return ToolCall(self.id, self.name, text, state)
            case ReasoningDelta():
                return Reasoning(text, state)
            case RefusalDelta():
                return Refusal(text, state)
            case TextDelta() | CitationAdded():
                return Text(text, tuple(self.citations), state)


_NO_BLOCKS: Mapping[int, _Block] = {}


class Accumulator:
    """Feed it every event of a stream; ``response()`` gives what has been said so far, at any time."""

    def __init__(self) -> None:
        self.id = ""
        self.model = ""
        self.usage: Usage | None = None
        self.ended = False
        self.error: CallError | None = None
        self._blocks: dict[int, dict[int, _Block]] = {}
        self._finish: dict[int, Finished] = {}

    @property
    def over(self) -> bool:
        """Whether the last event has been fed: ``Ended`` or ``Failed``."""
        return self.ended or self.error is not None

    def add(self, event: Event) -> None:
        if type(event) is TextDelta and not event.state:  # almost every event of a stream
            block = self._blocks.get(event.choice, _NO_BLOCKS).get(event.part)
            if block is not None and type(block.first) is TextDelta:
                block.pieces.append(event.text)
                return
        match event:
            case Started():
                self.id = self.id or event.id
                self.model = self.model or event.model
            case UsageReported():
                self.usage = event.usage
            case Finished():
                self._finish[event.choice] = event
            case Ended():
                self.ended = True
            case Failed():
                self.error = event.error
            case _:
                blocks = self._blocks.setdefault(event.choice, {})
                if event.part not in blocks:
                    blocks[event.part] = _Block(event)
                blocks[event.part].add(event)

    def extend(self, events: Iterable[Event]) -> None:
        for event in events:
            self.add(event)

    @property
    def text_length(self) -> int:
        """Characters received so far; the basis of an estimate when a cut stream never told its usage."""
        return sum(
            len(piece)
            for blocks in self._blocks.values()
            for b in blocks.values()
            for piece in b.pieces
        )

    def response(self) -> ChatResponse:
        numbers = sorted(set(self._blocks) | set(self._finish)) or [0]
        return ChatResponse(self.id, self.model, tuple(map(self._choice, numbers)), self.usage)

    def _choice(self, number: int) -> Choice:
        blocks = self._blocks.get(number, {})
        finish = self._finish.get(number)
        parts = tuple(blocks[index].part() for index in sorted(blocks))
        return Choice(parts, finish.reason if finish else "unknown", finish.raw if finish else None)


def merge_state(old: State, new: State) -> dict[str, object]:
    """``new`` over ``old``, one level below the wire format's name."""
    merged: dict[str, object] = dict(old)
    for key, value in new.items():
        before = merged.get(key)
        merged[key] = (
            {**before, **value} if isinstance(before, dict) and isinstance(value, dict) else value
        )
    return merged

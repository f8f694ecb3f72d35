"""A whole answer as the events of a stream."""

from __future__ import annotations

from collections.abc import Iterator

from providers.chat import ChatResponse, Choice, Part, Reasoning, Refusal, Text, ToolCall
from providers.events import (
    CitationAdded,
    Delta,
    Event,
    Finished,
    ReasoningDelta,
    RefusalDelta,
    Started,
    TextDelta,
    ToolCallDelta,
    UsageReported,
    WholePart,
)

PIECE = 400
"""Characters of a text in one event."""


def events(answer: ChatResponse) -> Iterator[Event]:
    """All but ``Ended``; an Accumulator makes the same answer of them."""
    yield Started(answer.id, answer.model)
    for number, choice in enumerate(answer.choices):
        yield from _choice(number, choice)
    if answer.usage is not None:
        yield UsageReported(answer.usage)


def _choice(number: int, choice: Choice) -> Iterator[Event]:
    for index, part in enumerate(choice.parts):
        yield from _deltas(number, index, part)
    yield Finished(choice.finish, number, choice.raw_finish)


def _deltas(choice: int, index: int, part: Part) -> Iterator[Delta]:
    """State comes with the first piece, as a sealed thought is told from an open one by how it begins."""
    match part:
        case Text(text=text, state=state):
            first, *rest = _pieces(text)
            yield TextDelta(index, first, choice, state)
            yield from (TextDelta(index, piece, choice) for piece in rest)
            yield from (CitationAdded(index, citation, choice) for citation in part.citations)
        case Reasoning(text=text, state=state):
            first, *rest = _pieces(text)
            yield ReasoningDelta(index, first, choice, state)
            yield from (ReasoningDelta(index, piece, choice) for piece in rest)
        case Refusal(text=text):
            yield from (RefusalDelta(index, piece, choice) for piece in _pieces(text))
        case ToolCall():
            yield ToolCallDelta(index, part.arguments, part.id, part.name, choice, part.state)
        case _:
            yield WholePart(index, part, choice)


def _pieces(text: str) -> list[str]:
    return [text[start : start + PIECE] for start in range(0, len(text), PIECE)] or [""]

"""A whole answer as bytes and back, for what keeps answers. Data only: reading it runs nothing."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import msgspec

from providers.chat import (
    ChatResponse,
    Choice,
    File,
    FinishReason,
    Image,
    Opaque,
    Part,
    Reasoning,
    Refusal,
    State,
    Text,
    ToolCall,
)
from providers.embedding import EmbeddingResponse
from providers.usage import Usage

Answer = ChatResponse | EmbeddingResponse

_PARTS: Mapping[str, type[Part]] = {
    kind.__name__: kind for kind in (Text, Image, File, Reasoning, Refusal, ToolCall, Opaque)
}
"""What an answer can hold, each written after its name: only so can it be told from the others again."""


class _Choice(msgspec.Struct, array_like=True, frozen=True):
    parts: list[tuple[str, msgspec.Raw]]
    finish: FinishReason
    raw_finish: str | None


class _Chat(msgspec.Struct, array_like=True, frozen=True, tag="chat"):
    at: float
    id: str
    model: str
    choices: list[_Choice]
    usage: Usage | None
    state: State


class _Vectors(msgspec.Struct, array_like=True, frozen=True, tag="vectors"):
    at: float
    answer: EmbeddingResponse


def pack(answer: Answer) -> bytes:
    """Raises ValueError for an answer with a part that cannot be written."""
    try:
        return _encoder.encode(_packed(answer))
    except (TypeError, OverflowError) as error:  # not of JSON, or a number too large
        raise ValueError(str(error)) from None


def unpack(data: bytes) -> tuple[Answer, float]:
    """The answer, and how many seconds ago it was packed. Raises ValueError for what ``pack`` did not write."""
    found = _decoder.decode(data)
    age = max(0.0, time.time() - found.at)
    if isinstance(found, _Vectors):
        return found.answer, age
    choices = tuple(map(_choice, found.choices))
    return ChatResponse(found.id, found.model, choices, found.usage, found.state), age


def _packed(answer: Answer) -> _Chat | _Vectors:
    if isinstance(answer, EmbeddingResponse):
        return _Vectors(time.time(), answer)
    choices = [
        _Choice(list(map(_part, choice.parts)), choice.finish, choice.raw_finish)
        for choice in answer.choices
    ]
    return _Chat(time.time(), answer.id, answer.model, choices, answer.usage, answer.state)


def _part(part: Part) -> tuple[str, msgspec.Raw]:
    name = type(part).__name__
    if name not in _PARTS:
        raise ValueError(f"a {name} is no part of an answer")
    return name, msgspec.Raw(_encoder.encode(part))


def _choice(packed: _Choice) -> Choice:
    parts = tuple(_decoders[name].decode(raw) for name, raw in packed.parts if name in _decoders)
    if len(parts) < len(packed.parts):
        raise ValueError("a part of an unknown kind")
    return Choice(parts, packed.finish, packed.raw_finish)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):  # an empty or read-only State
        return dict(value)
    raise TypeError(f"cannot pack a {type(value).__name__}")


_encoder = msgspec.msgpack.Encoder(enc_hook=_plain)
_decoder = msgspec.msgpack.Decoder(_Chat | _Vectors)
_decoders: Mapping[str, msgspec.msgpack.Decoder[Any]] = {
    name: msgspec.msgpack.Decoder(kind) for name, kind in _PARTS.items()
}

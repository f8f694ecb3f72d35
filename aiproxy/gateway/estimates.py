"""How much a call may use, guessed before it is made: what a budget holds back until the provider has counted."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from providers.chat import ChatRequest, File, Image, Part, Text, ToolCall, ToolResult
from providers.embedding import EmbeddingRequest

BYTES_PER_TOKEN = 4
PICTURE = 1_000
"""Tokens of a picture or a document, whose bytes say little about them."""

UNSAID = 1_024
"""Output tokens of a call that names no most."""


class Estimate(NamedTuple):
    """Tokens."""

    input: int
    output: int

    @property
    def total(self) -> int:
        return self.input + self.output


def of_chat(request: ChatRequest, most: int | None = None) -> Estimate:
    """``most`` is how many output tokens the integration allows where the request says nothing."""
    size = sum(_size(part) for message in request.messages for part in message.parts)
    if request.tools:
        tools = [(tool.name, tool.description, tool.parameters) for tool in request.tools]
        size += len(msgspec.json.encode(tools))
    output = request.max_tokens or most or UNSAID
    return Estimate(-(-size // BYTES_PER_TOKEN), output * (request.n or 1))


def of_embedding(request: EmbeddingRequest) -> Estimate:
    """Vectors are not counted."""
    texts = sum(_bytes(text) for text in request.inputs if isinstance(text, str))
    tokens = sum(len(text) for text in request.inputs if not isinstance(text, str))
    return Estimate(-(-texts // BYTES_PER_TOKEN) + tokens, 0)


def _size(part: Part) -> int:
    """In bytes of text."""
    match part:
        case Text():
            return _bytes(part.text)
        case Image() | File():
            return PICTURE * BYTES_PER_TOKEN
        case ToolCall():
            return _bytes(part.arguments)
        case ToolResult():
            return sum(map(_size, part.content))
        case _:
            return 0


def _bytes(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "replace"))

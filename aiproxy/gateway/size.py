"""How much a call will use, guessed before it is made, so that prices can be compared."""

from __future__ import annotations

from aiproxy.gateway.billing import CHARACTERS_PER_TOKEN
from aiproxy.protocols.base import encode
from providers.chat import ChatRequest, File, Image, Part, Reasoning, Text, ToolCall, ToolResult
from providers.embedding import EmbeddingRequest
from providers.usage import Usage

ANSWER_TOKENS = 500
"""A usual answer. A larger ``max_tokens`` only says what would be too long."""

PICTURE_TOKENS = 1_000
"""A picture or document, whatever its bytes."""


def of_chat(request: ChatRequest) -> Usage:
    tokens = sum(_tokens(part) for message in request.messages for part in message.parts)
    for tool in request.tools:
        written = len(tool.description or "") + len(encode(tool.parameters or {}))
        tokens += written // CHARACTERS_PER_TOKEN
    return Usage(tokens, min(request.max_tokens or ANSWER_TOKENS, ANSWER_TOKENS))


def of_embedding(request: EmbeddingRequest) -> Usage:
    lengths = (
        len(one) // CHARACTERS_PER_TOKEN if isinstance(one, str) else len(one)
        for one in request.inputs
    )
    return Usage(sum(lengths))


def _tokens(part: Part) -> int:
    match part:
        case Text() | Reasoning():
            return len(part.text) // CHARACTERS_PER_TOKEN
        case ToolCall():
            return len(part.arguments) // CHARACTERS_PER_TOKEN
        case ToolResult():
            return sum(map(_tokens, part.content))
        case Image() | File():
            return PICTURE_TOKENS
        case _:
            return 0

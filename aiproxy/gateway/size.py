"""How much a call will use, guessed before it is made: what is likely, to compare prices, and the most, which limits
hold back until the provider has counted.
"""

from __future__ import annotations

from collections.abc import Sequence

from aiproxy.gateway.billing import CHARACTERS_PER_TOKEN
from aiproxy.gateway.call import Call, Target
from aiproxy.gateway.ticket import MOST_OF_ONE
from aiproxy.protocols.base import encode
from providers.chat import ChatRequest, File, Image, Part, Reasoning, Text, ToolCall, ToolResult
from providers.embedding import EmbeddingRequest
from providers.usage import Usage
from providers.wire import WireRequest

ANSWER_TOKENS = 500
"""A usual answer. A larger ``max_tokens`` only says what would be too long."""

MOST_TOKENS = 1_024
"""The longest answer that is reckoned with where nobody has said how long it may be."""

PICTURE_TOKENS = 1_000
"""A picture or document, whatever its bytes."""


def likely(request: ChatRequest | EmbeddingRequest) -> Usage:
    return of_embedding(request) if isinstance(request, EmbeddingRequest) else of_chat(request)


def most(
    call: Call, request: ChatRequest | EmbeddingRequest, targets: Sequence[Target]
) -> Usage | None:
    """None for a call that uses no tokens: one that counts them."""
    if call.operation == "count":
        return None
    if isinstance(request, EmbeddingRequest):
        return of_embedding(request)
    return most_of_chat(request, targets)


def of_wire(wire: WireRequest) -> int:
    """Tokens of what would be sent."""
    return -(-len(wire.content() or b"") // CHARACTERS_PER_TOKEN)


def of_chat(request: ChatRequest) -> Usage:
    tokens = sum(_tokens(part) for message in request.messages for part in message.parts)
    for tool in request.tools:
        written = len(tool.description or "") + len(encode(tool.parameters or {}))
        tokens += written // CHARACTERS_PER_TOKEN
    return Usage(tokens, min(request.max_tokens or ANSWER_TOKENS, ANSWER_TOKENS))


def most_of_chat(request: ChatRequest, targets: Sequence[Target]) -> Usage:
    """``targets`` are where it may go, whose integrations may say how long an answer may be."""
    allowed = max(
        (target.connection.defaults.get("max_tokens", 0) for target in targets), default=0
    )
    longest = request.max_tokens or allowed or MOST_TOKENS
    return Usage(of_chat(request).input_tokens, min(MOST_OF_ONE, longest * (request.n or 1)))


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

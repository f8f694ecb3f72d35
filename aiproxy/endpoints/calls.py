"""What the endpoints of all dialects share: from a parsed request to a rendered answer."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import aclosing
from functools import lru_cache
from urllib.parse import quote
from uuid import UUID

from aiproxy.endpoints import wishes
from aiproxy.endpoints.exchange import Exchange
from aiproxy.gateway import cache, pipeline
from aiproxy.gateway.call import UNSAID, Caching, Call
from aiproxy.protocols.base import Context, EmbeddingProtocol, JsonObject
from integrations.policy import NUMBERS
from providers.chat import ChatRequest
from providers.embedding import EmbeddingRequest, EmbeddingResponse
from providers.errors import InvalidRequest
from providers.events import Ended

CACHE_SECONDS = 3_600
"""For how long an answer is kept when the caller does not say."""

_CACHING = {
    "true": Caching(CACHE_SECONDS),
    "false": Caching(0),
    "refresh": Caching(CACHE_SECONDS, read=False),
}


async def chat(exchange: Exchange, request: ChatRequest, operation: str = "chat") -> None:
    """Answer a chat call, whole or as a stream. Pictures need the scope ``vision`` too."""
    exchange.caller.need("vision" if operation == "vision" else "chat")
    if request.has_images:
        exchange.caller.need("vision")
    call = _call(exchange, operation, request.model, stream=request.stream)
    if request.stream:
        await _stream(exchange, call, request)
        return
    response = await pipeline.chat(exchange.gateway, call, request)
    body = exchange.protocol.render_response(response, _context(exchange, call))
    await exchange.reply(body, headers=_headers(call))


async def embeddings(exchange: Exchange, protocol: EmbeddingProtocol) -> None:
    """Answer an embeddings call in a dialect that has them."""
    await embed(
        exchange, await exchange.parsed(protocol.parse_embedding), protocol.render_embedding
    )


async def embed(
    exchange: Exchange,
    request: EmbeddingRequest,
    render: Callable[[EmbeddingResponse, Context], JsonObject],
) -> None:
    """Answer a parsed embeddings call."""
    exchange.caller.need("embeddings")
    call = _call(exchange, "embeddings", request.model)
    response = await pipeline.embed(exchange.gateway, call, request)
    await exchange.reply(render(response, _context(exchange, call)), headers=_headers(call))


async def count(exchange: Exchange, request: ChatRequest) -> None:
    """Answer how many tokens a chat would be. The header ``x-aim-estimated`` marks a guess of ours."""
    exchange.caller.need("chat")
    call = _call(exchange, "count", request.model)
    tokens, estimated = await pipeline.count(exchange.gateway, call, request)
    assert call.target is not None
    exchange.readable_for(call.target.connection.policy.origins)
    headers = {**_headers(call), **({"x-aim-estimated": "true"} if estimated else {})}
    await exchange.reply(exchange.protocol.render_count(tokens), headers=headers)


async def _stream(exchange: Exchange, call: Call, request: ChatRequest) -> None:
    async with aclosing(pipeline.chat_stream(exchange.gateway, call, request)) as events:
        exchange.expect_stream(lambda: exchange.protocol.stream(_context(exchange, call)))
        first = await anext(events)
        context = _context(exchange, call)
        await exchange.begin_stream(exchange.protocol.stream(context), _headers(call))
        await exchange.events(first)
        async for some in events:
            if isinstance(some[0], Ended):
                context.cost = call.cost
            await exchange.events(some)
    await exchange.end_stream()


def _call(exchange: Exchange, operation: str, model: str, *, stream: bool = False) -> Call:
    exchange.call = Call(
        request_id=exchange.request_id,
        caller=exchange.caller,
        dialect=exchange.protocol.name,
        operation=operation,
        requested_model=model,
        stream=stream,
        integration_id=integration_id(exchange.header("x-integration-id")),
        caching=_caching(exchange.header("x-aim-cache")),
        strict=_flag(exchange, "X-Aim-Strict") or exchange.style.strict,
        fallback=wishes.fallback(exchange),
        patience=wishes.patience(exchange),
        started=exchange.arrived,
        steps=exchange.steps,
    )
    return exchange.call


def _flag(exchange: Exchange, name: str) -> bool:
    text = exchange.header(name.lower()).lower()
    if text not in ("", "true", "false"):
        raise InvalidRequest(f"{name} must be true or false.", param=name)
    return text == "true"


def _caching(text: str) -> Caching:
    """``X-Aim-Cache``: seconds, or a word."""
    if not text:
        return UNSAID
    word = text.lower()
    if word in _CACHING:
        return _CACHING[word]
    longest = NUMBERS["cacheSeconds"][2]
    if not (word.isascii() and word.isdigit() and len(word) < 10 and int(word) <= longest):
        raise InvalidRequest(
            f"X-Aim-Cache must be true, false, refresh, or a number of seconds up to {longest:.0f}.",
            param="X-Aim-Cache",
        )
    return Caching(int(word))


def integration_id(text: str) -> UUID | None:
    """From the header or the address that names one; raises InvalidRequest."""
    if not text:
        return None
    try:
        return UUID(text)
    except ValueError:
        raise InvalidRequest(
            "X-Integration-Id must be the id of an integration, as its page and GET /api/integrations show it.",
            param="X-Integration-Id",
        ) from None


def _context(exchange: Exchange, call: Call) -> Context:
    """Without a provider where none has been found yet: of a stream that fails after its head has left."""
    target = call.target
    if target is not None:
        exchange.readable_for(target.connection.policy.origins)
    return Context(
        request_id=exchange.request_id,
        id=exchange.request_id.removeprefix("req_"),
        model=call.requested_model or (target.model if target else ""),
        provider=target.connection.provider.id if target else "",
        integration_id=str(target.connection.id) if target else "",
        created=int(time.time()),
        style=exchange.style,
        cost=call.cost,
        changes=call.changes,
    )


def _headers(call: Call) -> dict[str, str]:
    assert call.target is not None
    headers = {
        "x-aim-provider": call.target.connection.provider.id,
        "x-aim-integration": str(call.target.connection.id),
        "x-aim-model": _quoted(call.target.model),
    }
    if call.route and not call.cached and (told := call.route.told(call.place, call.fell)):
        headers["x-aim-route"] = told
    if said := cache.told(call):
        headers |= said
    if call.queued_ms:
        headers["x-aim-queued-ms"] = str(call.queued_ms)
    if call.changes:
        headers["x-aim-changes"] = _one_line("; ".join(map(str, call.changes)))[:2000]
    return headers


@lru_cache(maxsize=512)
def _quoted(model: str) -> str:
    return quote(model, safe="/:@. ")


def _one_line(text: str) -> str:
    """Without control characters: names that the caller made up stand in it, and a header may not hold them."""
    return "".join(character if character.isprintable() else " " for character in text)

"""Answers kept for calls that are made again, for those who ask for it: a caller with ``X-Aim-Cache``, the owner of
an integration with ``cacheSeconds``. Never shared between users, and never of a call that did not end well.

They lie in this process's memory or, sealed, in Redis, where all workers find them. An answer belongs to what would
be sent: the integration as it was last edited, and the built request. So the caller's dialect does not matter, nor
whether the answer is streamed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from hashlib import sha256
from typing import TypeVar

import msgspec

from aiproxy.gateway import defaults
from aiproxy.gateway.call import Call, Target
from aiproxy.gateway.packing import Answer, pack, unpack
from aiproxy.gateway.shared import Gateway
from aiproxy.state.redis import Unavailable
from integrations import credentials
from integrations.errors import SealBroken
from providers.chat import ChatRequest, ChatResponse
from providers.embedding import EmbeddingRequest
from providers.errors import CallError
from providers.wire import Change, WireRequest

A = TypeVar("A", bound=Answer)
Request = ChatRequest | EmbeddingRequest

MAX_BYTES = 2**20
"""Of one answer; larger ones are not kept."""

PRICE_SOURCE = "answered from the cache"

_COMPLETE = frozenset({"stop", "tool_calls", "length"})
_OPERATIONS = frozenset({"chat", "vision", "embeddings"})
_FORMAT = 1
"""Of keys and content; another number forgets everything kept so far."""


async def find(
    gateway: Gateway, call: Call, targets: Sequence[Target], request: Request, kind: type[A]
) -> A | None:
    """An earlier answer of the first of ``targets`` that has one, noted on ``call``; None leads to a real call.

    A target that keeps nothing ends the search, for its answer would come before those of the targets after it.
    """
    for target in targets:
        seconds = _seconds(call, target)
        if not seconds or not call.caching.read:
            break
        planned = _plan(call, target, request)
        data = await _load(gateway, planned[0]) if planned else None
        if planned is None or data is None:
            continue
        answer, age = data
        if age < seconds and isinstance(answer, kind):
            _note(call, target, answer, age, planned[1])
            return answer
    return None


async def keep(gateway: Gateway, call: Call, request: Request, answer: Answer | None) -> None:
    """Keep what the call's last target answered, where that is asked for and the answer is complete."""
    target = call.target
    if target is None or answer is None or call.cached:
        return
    seconds = _seconds(call, target)
    if not seconds or not _is_complete(answer):
        return
    if planned := _plan(call, target, request):
        try:
            content = pack(answer)
        except ValueError:
            return
        if len(content) <= MAX_BYTES:
            await _store(gateway, planned[0], content, seconds)


def told(call: Call) -> dict[str, str]:
    """What the answer's headers say of the cache; nothing where nobody asked for it."""
    if call.cache_age is not None:
        return {"x-aim-cache": "hit", "age": str(int(call.cache_age))}
    if call.target is not None and _seconds(call, call.target):
        return {"x-aim-cache": "miss"}
    return {}


def _seconds(call: Call, target: Target) -> int:
    """For how long answers of ``target`` are kept; 0 is not at all."""
    said = call.caching.seconds
    seconds = target.connection.policy.cache_seconds if said is None else said
    return seconds if seconds and call.operation in _OPERATIONS else 0


def _note(
    call: Call, target: Target, answer: Answer, age: float, changes: tuple[Change, ...]
) -> None:
    """The answer repeats what was used when it was made; this call used and cost nothing."""
    call.target, call.changes, call.cache_age = target, changes, age
    call.model = answer.model
    call.finish = answer.finish if isinstance(answer, ChatResponse) else "stop"
    call.cost, call.price_source = Decimal(0), PRICE_SOURCE


def _is_complete(answer: Answer) -> bool:
    if not isinstance(answer, ChatResponse):
        return True
    return bool(answer.choices) and all(one.finish in _COMPLETE for one in answer.choices)


def _plan(call: Call, target: Target, request: Request) -> tuple[str, tuple[Change, ...]] | None:
    """The key of the answer, and how the request is changed on its way there. None where it cannot be sent so, which
    the attempt then tells.
    """
    try:
        wire = whole = _wire(request, target)
        if isinstance(request, ChatRequest) and request.stream:
            whole = _wire(replace(request, stream=False), target)
    except CallError:
        return None
    if call.strict and wire.changes:
        return None
    return _key(call, target, whole), wire.changes


def _wire(request: Request, target: Target) -> WireRequest:
    if isinstance(request, EmbeddingRequest):
        return target.adapter.build_embedding(replace(request, model=target.model), target.host)
    return target.adapter.build(defaults.apply(request, target), target.host)


def _key(call: Call, target: Target, wire: WireRequest) -> str:
    connection = target.connection
    head = [
        _FORMAT,
        call.caller.user_id,
        connection.id,
        connection.edited,
        connection.endpoint.url,
        target.adapter.name,
        target.model,
        wire.path,
        sorted(wire.headers.items()),
    ]
    # JSON ends before a zero byte, so no body can stand in for a piece of the head.
    return sha256(msgspec.json.encode(head) + b"\0" + (wire.content() or b"")).hexdigest()


async def _load(gateway: Gateway, key: str) -> tuple[Answer, float] | None:
    try:
        if gateway.redis is None:
            content = gateway.answers.get(key)
        else:
            sealed = await gateway.redis.do("GET", gateway.redis.key(f"answer:{key}"))
            content = sealed and credentials.open_content(sealed, "answer", key)
        return unpack(content) if content else None
    except (Unavailable, SealBroken, ValueError):
        return None


async def _store(gateway: Gateway, key: str, content: bytes, seconds: int) -> None:
    if gateway.redis is None:
        gateway.answers.put(key, content, seconds)
        return
    sealed = credentials.seal_content(content, "answer", key)
    try:
        await gateway.redis.do("SET", gateway.redis.key(f"answer:{key}"), sealed, "EX", seconds)
    except Unavailable:
        return

"""A call in the provider's own format, to the provider and back as it is.

Only what ``policy`` lets through passes, either way; where it goes is the integration's own address, and nothing that a
caller sends can change that. It goes through the same guards as every call and leaves one usage record, committed
before its end. It is never sent twice: nobody here knows what it does.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from uuid import UUID

import msgspec

from aiproxy.cors.meter import Meter
from aiproxy.cors.paths import Rule
from aiproxy.errors import NoRoute, OriginRefused
from aiproxy.gateway import billing, routing, size
from aiproxy.gateway.attempts import first_good
from aiproxy.gateway.call import Call, Target
from aiproxy.gateway.outcome import judged, recorded
from aiproxy.gateway.sending import Raw, begin_raw
from aiproxy.gateway.shared import Gateway
from integrations.live import Connection
from integrations.tokens import Caller
from providers.adapters.base import Host
from providers.errors import CallError, InvalidRequest
from providers.registry import catalogue
from providers.usage import Usage
from providers.wire import WireReply, WireRequest

_PROVIDER = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


@dataclass(frozen=True, slots=True)
class Head:
    """How an answer begins, with the headers that the provider gave it."""

    status: int
    headers: Mapping[str, str]


class Named(msgspec.Struct):
    """What a body in any format says about itself, as far as it matters here."""

    model: str = ""
    stream: bool = False


def find(
    connections: Sequence[Connection],
    caller: Caller,
    provider: str,
    integration_id: UUID | None,
    origin: str,
) -> Connection:
    """Whose key is put on. ``provider`` is empty when the id alone says it. Of several, the oldest enabled one that a
    page of ``origin`` (empty: no page calls) may use.

    Raises NoRoute, OriginRefused, InvalidRequest, Disabled or CredentialRequired.
    """
    if provider and not _PROVIDER.fullmatch(provider):
        raise InvalidRequest(
            "After /api/proxy/ comes the id of a provider, for example openai. No other destination can be named."
        )
    of_provider = [
        one
        for one in connections
        if caller.may_use(one.id)
        and provider in ("", one.provider.id)
        and integration_id in (None, one.id)
    ]
    if not of_provider:
        raise NoRoute(
            f"There is no integration {integration_id} that this token may use here. Look up its id on the "
            "marketplace page."
            if integration_id
            else f"There is no integration of {provider!r} that this token may use. Connect it on the marketplace page."
        )
    open_ = [one for one in of_provider if not origin or origin in one.policy.origins]
    if not open_:
        raise OriginRefused(
            f"The integration {of_provider[0].name!r} does not allow pages of {origin[:200]!r}. Its owner can add "
            "this origin in its settings."
        )
    found = next((one for one in open_ if one.enabled), open_[0])
    routing.ready(found)
    return found


def named(content_type: str, body: bytes) -> Named:
    """The model that ``body`` asks for, and whether the answer is to be streamed; nothing where that is not told."""
    if content_type.lower().startswith("application/json"):
        with suppress(msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return msgspec.json.decode(body, type=Named)
    return Named()


def target(connection: Connection, model: str) -> Target:
    provider = connection.provider
    host = Host(provider, provider.model(model), connection.mapping)
    return Target(connection, model, catalogue().adapter_of(host), host)


async def relay(
    gateway: Gateway, call: Call, target: Target, wire: WireRequest, rule: Rule
) -> AsyncGenerator[Head | bytes]:
    """The answer: its Head, then its bytes as they come. Whatever status the provider answers is an answer; every
    failure to get one, or the rest of it, raises CallError.
    """
    refusal: CallError | None = None
    answer: Raw | None = None
    timeouts = gateway.timeouts.of(target.connection.policy)
    call.until = call.started + min(call.patience, timeouts.total)
    if not call.stream:  # a picture may take a minute in which not a byte comes
        timeouts = replace(timeouts, first_byte=timeouts.total, idle=timeouts.total)

    async def once(target: Target) -> Raw:
        nonlocal refusal, answer
        answer = await begin_raw(gateway, call, target, wire, timeouts)
        if answer.status >= 400:
            reply = WireReply(answer.status, answer.headers, answer.first)
            refusal = target.adapter.explain(reply, target.host)
            raise refusal
        return answer

    try:
        async with recorded(gateway, call):
            await gateway.guards.limits.caller(call, [target], partial(_most, wire))
            begun = await first_good(gateway.guards, call, [target], once, again=False)
            async with begun.stack:
                with judged(gateway, call):
                    meter = Meter(call, target, rule, begun.headers.get("content-type", ""))
                    call.stream = meter.streams
                    try:
                        yield Head(begun.status, begun.headers)
                        meter.feed(begun.first)
                        yield begun.first
                        begun.rest.alive()
                        async for piece in begun.rest:
                            begun.rest.alive()  # in a format that nobody reads here, any byte is a sign of life
                            meter.feed(piece)
                            yield piece
                    finally:
                        meter.close()
    except CallError as error:
        if answer is None or error is not refusal:
            raise
        yield Head(answer.status, answer.headers)
        yield answer.first


def _most(wire: WireRequest) -> Usage | None:
    """What limits hold back until the answer has told: nobody here knows how long it may be. Reading a list uses
    nothing.
    """
    if wire.method == "GET":
        return None
    return Usage(len(wire.raw or b"") // billing.CHARACTERS_PER_TOKEN, size.MOST_TOKENS)

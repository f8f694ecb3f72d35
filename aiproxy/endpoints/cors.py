"""/api/proxy/*: providers' own addresses with the stored key put on, for browser apps.

Errors of ours are those of our own dialect. A page may read them if any integration of this server allows its origin;
an answer, only if the one that was called does.
"""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import dataclass

from aiproxy.cors import paths, policy, relay
from aiproxy.cors.paths import Rule
from aiproxy.endpoints import body as bodies
from aiproxy.endpoints import repeating, wishes
from aiproxy.endpoints.caller import caller_of
from aiproxy.endpoints.calls import integration_id
from aiproxy.endpoints.exchange import Endpoint, Exchange, address, leaving_cancels
from aiproxy.errors import MethodNotAllowed, NoDatabase, OriginRefused
from aiproxy.gateway.call import Call, Target
from aiproxy.protocols.native import PROTOCOL
from integrations import live, origins
from integrations.live import Connection
from providers.wire import WireRequest


@dataclass(frozen=True, slots=True)
class Errand:
    """One request that may be carried, and what is to be sent for it."""

    call: Call
    target: Target
    rule: Rule
    wire: WireRequest


class Relay(Endpoint):
    """As its base, but that its body is the bytes themselves, and is read only once it may be sent on."""

    def __init__(self) -> None:
        super().__init__(PROTOCOL, _relay)

    async def _answer(self, exchange: Exchange) -> None:
        raw = exchange.scope["headers"]
        exchange.headers = dict(raw)
        origin = exchange.header("origin")
        exchange.always = {**policy.ALWAYS, **policy.answer(origin, origins.everywhere())}
        if exchange.scope["method"] not in policy.METHODS:
            raise MethodNotAllowed(f"The relay carries {' and '.join(policy.METHODS)} only.")
        if exchange.gateway.database_away:
            raise NoDatabase
        exchange.caller = await caller_of(raw, address(exchange.scope))
        exchange.caller.need("proxy")
        errand = await _errand(exchange, await _connection(exchange, origin))
        exchange.body, exchange.call = errand, errand.call
        handler = self.handler
        if errand.wire.raw and repeating.HEADER in exchange.headers:
            handler = await repeating.once(exchange, errand.wire.raw, handler)
        with leaving_cancels(exchange):
            await handler(exchange)


async def _relay(exchange: Exchange) -> None:
    errand: Errand = exchange.body
    connection = errand.target.connection
    answer = relay.relay(exchange.gateway, errand.call, errand.target, errand.wire, errand.rule)
    async with aclosing(answer) as pieces:
        async for piece in pieces:
            if isinstance(piece, bytes):
                await exchange.write(piece)
            else:
                about = {
                    "x-aim-provider": connection.provider.id,
                    "x-aim-integration": str(connection.id),
                }
                headers = {**policy.from_provider(piece.headers), **about}
                await exchange.begin(piece.status, headers)
    await exchange.end_stream()


async def _connection(exchange: Exchange, origin: str) -> Connection:
    """The integration whose key is put on. From here on only pages that this one allows may read the answer."""
    names = exchange.scope["path_params"]
    wanted = integration_id(names.get("integration") or exchange.header("x-integration-id"))
    known = await live.connections(exchange.caller.user_id)
    try:
        found = relay.find(known, exchange.caller, names.get("provider", ""), wanted, origin)
    except OriginRefused:
        exchange.always = policy.ALWAYS
        raise
    if origin:
        exchange.always = {**policy.ALWAYS, **policy.answer(origin, found.policy.origins)}
    return found


async def _errand(exchange: Exchange, connection: Connection) -> Errand:
    """Raises PathRefused or InvalidRequest, before it reads the body, for what is not carried."""
    scope = exchange.scope
    path = paths.clean(scope["path_params"]["path"], scope.get("raw_path") or b"")
    rule, model = paths.find(connection, scope["method"], path)
    key_name = connection.auth.name if connection.auth.place == "query" else ""
    query = paths.query(scope["query_string"].decode("latin-1"), key_name)
    body = b"" if rule.method == "GET" else await bodies.read(exchange)
    said = relay.named(exchange.header("content-type"), body)
    target = relay.target(connection, model or said.model)
    call = Call(
        request_id=exchange.request_id,
        caller=exchange.caller,
        dialect="relay",
        operation="relay",
        requested_model=target.model,
        stream=said.stream or "stream" in path.lower(),
        integration_id=connection.id,
        patience=wishes.patience(exchange),
    )
    wire = WireRequest(
        rule.method,
        paths.joined(connection, path, query),
        headers=policy.to_provider(exchange.headers),
        raw=body,
    )
    return Errand(call, target, rule, wire)


by_id = Relay()
by_provider = Relay()

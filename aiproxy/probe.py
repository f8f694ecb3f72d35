"""The smallest real call: does this connection work, and if not, why, and what can the person do about it?

A provider's data names its cheapest request that looks at the key; most cost nothing. Nothing is stored here,
so a key can be tried before it is saved.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

import msgspec

from aiproxy.upstream.client import Upstream
from aiproxy.upstream.send import Timeouts, send
from integrations.live import Connection
from integrations.secret import NO_SECRET, Headers
from providers.adapters.base import Adapter, Host
from providers.catalogue.spec import (
    ConnectionTest,
    ModelSpec,
    ProviderSpec,
    TestResult,
    origin_of,
)
from providers.chat import ChatRequest, Message, Text
from providers.endpoint import parse_endpoint
from providers.errors import (
    AddressRefused,
    AuthFailed,
    CallError,
    CallTimeout,
    InvalidRequest,
    NotFound,
    PermissionDenied,
    QuotaExceeded,
    RateLimited,
    ServerError,
    TlsFailed,
)
from providers.registry import catalogue
from providers.wire import WireReply, WireRequest

TIMEOUTS = Timeouts(connect=5.0, first_byte=10.0, idle=10.0, total=10.0)
"""Short: a person is waiting in front of the dialog."""

TEST_TOKENS = 16
"""The smallest limit that every provider accepts."""

_SPACE = re.compile(r'(?<="):\s+')
"""What some put behind a JSON key, and a provider's data leaves out."""

# What an explained error says about the key. The first that fits counts.
_MEANING: tuple[tuple[type[CallError], TestResult], ...] = (
    (PermissionDenied, "restricted_key"),
    (AuthFailed, "wrong_key"),
    (QuotaExceeded, "no_credit"),
    (RateLimited, "rate_limited"),
    (NotFound, "unreachable"),
    (InvalidRequest, "not_checkable"),
    (CallError, "unreachable"),
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """``message`` says in a sentence or two why, and what to do. ``models`` are the provider's own list, if it gave
    one; ``latency_ms`` is how long the deciding request took.
    """

    result: TestResult
    message: str
    latency_ms: int = 0
    models: tuple[ModelSpec, ...] = ()


async def test(upstream: Upstream, connection: Connection) -> Outcome:
    """Try the connection. Never raises a CallError."""
    adapter = catalogue().adapters.get(connection.provider.adapter)
    if adapter is None:
        return Outcome("not_checkable", _NOT_CARRIED.format(connection.provider.name))
    if connection.auth.type != "none" and not connection.secret:
        return Outcome("not_checkable", "There is no key to test. Enter one first.")
    connection = _safe(connection)
    try:
        request = _request(connection, adapter)
    except CallError as error:
        return Outcome("not_checkable", error.message)
    started = time.monotonic()
    try:
        reply = await send(upstream, _rooted(connection), request, TIMEOUTS)
    except CallError as error:
        # A key that has to be exchanged first may be refused where that is done.
        result: TestResult = "wrong_key" if isinstance(error, AuthFailed) else "unreachable"
        return Outcome(result, _why_not(error, connection), _since(started))
    latency = _since(started)
    result, message = _classified(reply, connection, adapter)
    if result != "ok":
        return Outcome(result, message, latency)
    try:
        models = await _models(upstream, connection, adapter, request, reply)
    except ServerError as error:
        return Outcome("unreachable", error.message, latency)
    result, message = await _proven(upstream, connection, request, models)
    return Outcome(result, message, latency, models)


async def list_models(upstream: Upstream, connection: Connection) -> tuple[ModelSpec, ...]:
    """The provider's own list of models, now. Raises CallError."""
    adapter = catalogue().adapters.get(connection.provider.adapter)
    if adapter is None:
        raise InvalidRequest(_NOT_CARRIED.format(connection.provider.name))
    host = Host(connection.provider, mapping=connection.mapping)
    reply = await send(upstream, connection, adapter.build_models(host), TIMEOUTS)
    if reply.status >= 300:
        raise adapter.explain(reply, host).for_provider(connection.provider.id)
    return adapter.parse_models(reply, host)


def _request(connection: Connection, adapter: Adapter) -> WireRequest:
    """The request that the provider's data names. Raises InvalidRequest when none can be made."""
    test = connection.provider.test
    if not test.chat:
        path = test.path if test.path.startswith("/") else _path_of(test.path)
        return WireRequest(test.method, path, test.body, test.headers)
    spec = connection.provider
    model = connection.model or spec.default_model or next((m.id for m in spec.models), "")
    if not model and spec.adapter != "custom":  # a mapping may have no place for one
        raise InvalidRequest(
            f"{spec.name} can only be tested by a small chat, and for that it needs a default model. "
            "Save it, and choose one in the settings."
        )
    chat = ChatRequest(model, (Message("user", (Text("Hi"),)),), max_tokens=TEST_TOKENS)
    return adapter.build(chat, Host(spec, spec.model(model), connection.mapping))


def _path_of(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"


def _safe(connection: Connection) -> Connection:
    """``connection`` with a test that takes its key only where the key may go.

    A test on another origin is for those who call the provider at its own address. Whoever calls it elsewhere, through
    a proxy of their own perhaps, gave the key to that address alone.
    """
    spec = connection.provider
    if not _is_elsewhere(spec) or connection.endpoint == parse_endpoint(spec.base_url):
        return connection
    models = ConnectionTest(path=spec.paths.get("models") or "/models", proves_key=False)
    return replace(connection, provider=msgspec.structs.replace(spec, test=models))


def _is_elsewhere(spec: ProviderSpec) -> bool:
    test = spec.test
    return not test.chat and "://" in test.path and origin_of(test.path) in spec.test_origins


def _rooted(connection: Connection) -> Connection:
    """Where the test's path counts from: a whole URL, from the root of the connection's own origin, or of the other
    one it names. That one hears the key and nothing else of the integration's.
    """
    spec = connection.provider
    if spec.test.chat or spec.test.path.startswith("/"):
        return connection
    if _is_elsewhere(spec):
        there = parse_endpoint(origin_of(spec.test.path))
        return replace(connection, endpoint=there, headers=Headers(spec.headers))
    return replace(connection, endpoint=replace(connection.endpoint, path=""))


def _classified(
    reply: WireReply, connection: Connection, adapter: Adapter
) -> tuple[TestResult, str]:
    """The provider's data first, then the usual meaning of the answer."""
    known = _known(reply, connection)
    if known is None and 200 <= reply.status < 300:
        known = "ok"
    if known is not None:
        return known, _sentence(known, connection, None)
    error = adapter.explain(reply, Host(connection.provider, mapping=connection.mapping))
    result = next(result for kind, result in _MEANING if isinstance(error, kind))
    if result == "unreachable" or result == "not_checkable":
        return result, _no_verdict(error, reply, connection)
    return result, _sentence(result, connection, error.retry_after)


def _known(reply: WireReply, connection: Connection) -> TestResult | None:
    test = connection.provider.test
    body = _SPACE.sub(":", reply.body.decode("utf-8", "replace"))
    found = next((result for piece, result in test.contains.items() if piece in body), None)
    # A 429 that speaks of money is no rate limit, so what a status usually means is left to `explain`.
    return found or (test.status.get(str(reply.status)) if reply.status != 429 else None)


async def _models(
    upstream: Upstream,
    connection: Connection,
    adapter: Adapter,
    request: WireRequest,
    reply: WireReply,
) -> tuple[ModelSpec, ...]:
    """From the test's own answer if it was the list, else by one more request, whose failure does not matter.

    Raises ServerError when the test's answer should have been the list and is not.
    """
    host = Host(connection.provider, mapping=connection.mapping)
    try:
        lists = adapter.build_models(host)
    except InvalidRequest:
        return ()
    if (lists.method, lists.path) == (request.method, request.path):
        return adapter.parse_models(reply, host)
    try:
        return await list_models(upstream, connection)
    except CallError:
        return ()


async def _proven(
    upstream: Upstream, connection: Connection, request: WireRequest, models: tuple[ModelSpec, ...]
) -> tuple[TestResult, str]:
    """Whether a good answer says anything about the key: it does not if no key at all does as well."""
    name, offer = connection.provider.name, _offer(connection, models)
    if connection.auth.type == "none" or not connection.secret:
        return "ok", f"Connected: {name} answers.{offer}"
    if not connection.provider.test.proves_key:
        try:
            bare = replace(connection, secret=NO_SECRET)
            reply = await send(upstream, _rooted(bare), request, TIMEOUTS)
        except CallError:
            reply = None
        if reply is None or reply.status not in (401, 403):
            return (
                "not_checkable",
                f"{name} answers, but it does so without a key too, so this does not show whether the key is "
                f"right. Save it, and see whether a call works.{offer}",
            )
    return "ok", f"Connected: {name} accepted the key.{offer}"


def _offer(connection: Connection, models: tuple[ModelSpec, ...]) -> str:
    if models:
        return f" It offers {len(models)} model{'' if len(models) == 1 else 's'}."
    if connection.provider.deployment == "local":
        return " It has no model yet: download one there."
    return ""


def _sentence(result: TestResult, connection: Connection, retry_after: float | None) -> str:
    spec = connection.provider
    message = _SENTENCES[result].format(spec.name)
    if result == "wrong_key" and spec.key.hint:
        message += f" A key looks like {spec.key.hint}."
    if result in ("wrong_key", "no_credit") and spec.key_url:
        message += f" See {spec.key_url}."
    if result == "rate_limited":
        wait = f"in {retry_after:.0f} seconds" if retry_after else "in a moment"
        message += f" Try again {wait}."
    return message


_NOT_CARRIED = "{} is listed only: this server does not speak its format yet."

_SENTENCES: Mapping[TestResult, str] = {
    "ok": "Connected: {} answers.",
    "wrong_key": "{} refused the key. Check that it was copied whole and is still valid.",
    "restricted_key": "{} knows the key, but the key may not do this. Give it more rights at the provider, or "
    "save it and see whether the calls you need work.",
    "no_credit": "{} knows the key, but its account has no credit left. Add credit, or use another key.",
    "rate_limited": "{} answers, but takes no more calls at the moment because a limit is reached.",
    "unreachable": "{} did not give a useful answer. Check the base URL.",
    "not_checkable": "{} answers, but this does not show whether the key is right. Save it and try a call.",
}


def _no_verdict(error: CallError, reply: WireReply, connection: Connection) -> str:
    """Something answered, but nothing about the key."""
    name = connection.provider.name
    if isinstance(error, NotFound):
        return f"{name} answers, but not at this address (status {reply.status}). Check the base URL and the model."
    if isinstance(error, InvalidRequest):
        return (
            f"{name} answers, but does not accept the test (status {reply.status}), so the key was not "
            "checked. Save it, and see whether a call works."
        )
    return f"{name} answers, but has trouble of its own (status {reply.status}). Try again later."


def _why_not(error: CallError, connection: Connection) -> str:
    """Why no answer came at all, and for a server of one's own how to start it."""
    spec, endpoint = connection.provider, connection.endpoint
    if isinstance(error, AddressRefused):
        pair = endpoint.origin.partition("://")[2]
        return (
            f"{spec.name} was not called: {endpoint.origin} is a private address or not encrypted. If it is yours, "
            f"the operator of this server can allow it: AIM_PRIVATE_ENDPOINTS={pair}"
        )
    if isinstance(error, TlsFailed) and error.detail:
        return f"{error.message} ({error.detail})"
    if spec.deployment == "local" and not error.sent:
        start = spec.test.note or f"Start {spec.name}, and let it serve its API."
        return f"Nothing answers at {endpoint.origin}. {start}"
    if isinstance(error, CallTimeout) and error.sent:
        return f"{spec.name} took the request but did not answer within {TIMEOUTS.total:.0f} seconds. Try again later."
    return error.message


def _since(started: float) -> int:
    return round((time.monotonic() - started) * 1000)

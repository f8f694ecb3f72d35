"""Tries a person's mapping with one small real call, and tells what each of its paths found.

Nothing is stored and nothing is logged: what the provider answered is shown to the person who typed the mapping,
shortened and with the secrets of the connection blacked out.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from aiproxy.upstream.client import Upstream
from aiproxy.upstream.send import Timeouts, send, stream
from integrations.live import Connection
from providers.adapters.base import Host
from providers.adapters.custom import CustomAdapter, mapping_of
from providers.adapters.custom_answer import Finding, findings, frames_of
from providers.adapters.custom_mapping import CustomMapping
from providers.adapters.reading import decode
from providers.chat import ChatRequest, ChatResponse, Message, Text
from providers.errors import CallError
from providers.events import Accumulator
from providers.usage import Usage
from providers.wire import WireReply, WireRequest

TIMEOUTS = Timeouts(connect=5.0, first_byte=20.0, idle=10.0, total=30.0)
QUESTION = "Say hello in one short sentence."
TOKENS = 32
MAX_STREAM, MAX_SHOWN, SHORTEST = 256 * 1024, 4000, 6
"""Bytes of a stream that are read, characters that are shown, and of a secret that is looked for in them."""

_ADAPTER = CustomAdapter()


@dataclass(frozen=True, slots=True)
class Trial:
    """``request`` is what was sent, without any secret; ``status`` 0 means that no answer came.

    ``problem`` says in a sentence what went wrong; empty: the mapping works. ``findings`` tell for each path
    whether it found something in ``answer``.
    """

    request: str = ""
    status: int = 0
    answer: str = ""
    text: str = ""
    finish: str = ""
    usage: Usage | None = None
    findings: tuple[Finding, ...] = ()
    problem: str = ""
    latency_ms: int = 0

    @property
    def missed(self) -> tuple[Finding, ...]:
        """The paths that found nothing. That is as it should be for an error, and where nothing is said."""
        return tuple(finding for finding in self.findings if not finding.times)


async def run(upstream: Upstream, connection: Connection, *, streamed: bool) -> Trial:
    """One call through the guarded upstream. Never raises a CallError."""
    model = connection.model
    host = Host(connection.provider, connection.provider.model(model), connection.mapping)
    asked = (Message("user", (Text(QUESTION),)),)
    try:
        mapping = mapping_of(host)
        chat = ChatRequest(model, asked, max_tokens=TOKENS, stream=streamed)
        wire = _ADAPTER.build(chat, host)
    except CallError as error:
        return Trial(problem=error.message)
    if streamed and mapping.stream is None:
        return Trial(problem="The mapping has no stream, so calls are answered in one piece.")
    began = Trial(request=_hidden(_shown(wire), connection))
    started = time.monotonic()
    try:
        if streamed:
            trial = await _stream(upstream, connection, wire, host, mapping, began)
        else:
            reply = await send(upstream, connection, wire, TIMEOUTS)
            trial = _read(reply, host, mapping, began)
    except CallError as error:
        trial = replace(began, problem=error.message)
    elapsed = round((time.monotonic() - started) * 1000)
    return replace(trial, latency_ms=elapsed, **_veiled(trial, connection))


async def _stream(
    upstream: Upstream,
    connection: Connection,
    wire: WireRequest,
    host: Host,
    mapping: CustomMapping,
    began: Trial,
) -> Trial:
    """The stream as far as it is worth reading; what came before a break is shown too."""
    data, broken = b"", ""
    async with stream(upstream, connection, wire, TIMEOUTS) as streamed:
        if streamed.reply is not None:
            return _read(streamed.reply, host, mapping, began)
        try:
            async for chunk in streamed:
                data += chunk
                if len(data) > MAX_STREAM:
                    break
        except CallError as error:
            broken = error.message
    parser, answer = _ADAPTER.stream(host), Accumulator()
    answer.extend([*parser.feed(data), *parser.close()])
    problem = answer.error.message if answer.error else ""
    found = _found(mapping, data, streamed=True)
    shown = replace(began, status=200, answer=_text(data), findings=found)
    return _answered(shown, answer.response(), problem or ("" if answer.ended else broken))


def _read(reply: WireReply, host: Host, mapping: CustomMapping, began: Trial) -> Trial:
    trial = replace(began, status=reply.status, answer=_text(reply.body))
    if reply.status >= 300:
        found = [f for f in _found(mapping, reply.body) if f.key.endswith(".error")]
        return replace(trial, findings=tuple(found), problem=_ADAPTER.explain(reply, host).message)
    trial = replace(trial, findings=_found(mapping, reply.body))
    try:
        return _answered(trial, _ADAPTER.parse(reply, host), "")
    except CallError as error:
        return replace(trial, problem=error.message)


def _answered(trial: Trial, response: ChatResponse, problem: str) -> Trial:
    return replace(
        trial,
        text=response.text,
        finish=response.finish,
        usage=response.usage,
        problem=problem,
    )


def _found(mapping: CustomMapping, data: bytes, *, streamed: bool = False) -> tuple[Finding, ...]:
    if streamed and mapping.stream is not None:
        return tuple(findings(mapping.stream.answer, frames_of(mapping.stream, data)))
    try:
        values = [decode(data)]
    except ValueError:
        values = []
    return tuple(findings(mapping.answer, values))


def _shown(wire: WireRequest) -> str:
    return f"{wire.method} {wire.path}\n\n{json.dumps(wire.body, indent=2, ensure_ascii=False)}"


def _text(data: bytes) -> str:
    """The beginning of an answer, indented where it is JSON."""
    text = data.decode("utf-8", "replace")
    if len(data) <= MAX_STREAM:
        with suppress(ValueError):
            text = json.dumps(decode(data), indent=2, ensure_ascii=False)
    return text


def _veiled(trial: Trial, connection: Connection) -> dict[str, Any]:
    """Everything of the provider's own words, without the secrets and not too long."""
    answer = _hidden(trial.answer, connection)
    found = [replace(f, sample=_hidden(f.sample, connection)) for f in trial.findings]
    return {
        "answer": _short(answer),
        "text": _short(_hidden(trial.text, connection)),
        "findings": tuple(found),
    }


def _hidden(text: str, connection: Connection) -> str:
    for secret in _secrets(connection):
        text = text.replace(secret, "****")
    return text


def _secrets(connection: Connection) -> Iterable[str]:
    values = [connection.secret.plain(), *connection.headers.values()]
    return sorted((value for value in values if len(value) >= SHORTEST), key=len, reverse=True)


def _short(text: str) -> str:
    return text if len(text) <= MAX_SHOWN else text[:MAX_SHOWN] + "…"

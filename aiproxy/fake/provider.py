"""The fake provider without a socket: a received request in, an answer to play out.

``respond`` finds the format by the path, asks the brain, and applies the faults that shape the answer.
``play`` gives the answer's bytes in time and applies the faults that shape the transfer. The server
(``app.py``) and the built-in provider (``sandbox.py``) differ only in how they wait.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import islice
from typing import Any, cast
from urllib.parse import parse_qs

import msgspec

from aiproxy.fake import brain, faults, vectors
from aiproxy.fake.dialects.anthropic import Anthropic
from aiproxy.fake.dialects.base import Asked, Dialect, JsonObject, Operation, Refusal, encode
from aiproxy.fake.dialects.bedrock import Bedrock
from aiproxy.fake.dialects.gemini import Gemini
from aiproxy.fake.dialects.ollama import VERSION, Ollama
from aiproxy.fake.dialects.openai import OpenAI
from aiproxy.fake.faults import Faults
from providers.chat import ChatRequest, Message, Text
from providers.embedding import EmbeddingRequest, EmbeddingResponse
from providers.errors import CallError, InvalidRequest
from providers.events import Event
from providers.usage import Usage

MODELS = ("sandbox", "sandbox-embed")
ELSEWHERE = "http://127.0.0.1:9/redirected"
"""Where a redirect points: nobody is there, and nobody may go."""

JSON = "application/json"
_HTML = b"<!doctype html><title>Sign in</title><h1>Please sign in</h1>"
_STATUS_WORDS = {
    400: "The request is not valid.",
    401: "The key is not valid.",
    403: "This is not permitted.",
    404: "There is no such model.",
    429: "Too many requests.",
    500: "Something went wrong inside.",
    503: "The service is not available at the moment.",
    529: "Overloaded.",
}

OPENAI, ANTHROPIC, GEMINI, OLLAMA = OpenAI(), Anthropic(), Gemini(), Ollama()
BEDROCK = Bedrock()

# Method, end of the path, format, operation. Model lists are told apart by `_lister`.
_ROUTES: tuple[tuple[str, str, Dialect, Operation], ...] = (
    ("POST", "/chat/completions", OPENAI, "chat"),
    ("POST", "/embeddings", OPENAI, "embed"),
    ("POST", "/messages", ANTHROPIC, "chat"),
    ("POST", "/messages/count_tokens", ANTHROPIC, "count"),
    ("POST", ":generateContent", GEMINI, "chat"),
    ("POST", ":streamGenerateContent", GEMINI, "chat"),
    ("POST", ":embedContent", GEMINI, "embed"),
    ("POST", ":batchEmbedContents", GEMINI, "embed"),
    ("POST", ":countTokens", GEMINI, "count"),
    ("POST", "/converse", BEDROCK, "chat"),
    ("POST", "/converse-stream", BEDROCK, "chat"),
    ("POST", "/invoke", BEDROCK, "embed"),
    ("POST", "/api/chat", OLLAMA, "chat"),
    ("POST", "/api/embed", OLLAMA, "embed"),
    ("GET", "/api/tags", OLLAMA, "models"),
    ("GET", "/api/version", OLLAMA, "version"),
)
_MODEL = re.compile(r"/models(?:/(?P<name>[^:]+))?")
_BEDROCK_MODEL = re.compile(r"/model/(.+)/[^/]+")


@dataclass(slots=True)
class Received:
    """A request as it came, kept for the tests to look at. ``outcome`` says how it ended for the client."""

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    outcome: str = ""
    """``""`` under way, ``done``, ``cut`` by a fault, or ``left``: the client went away."""

    @property
    def key(self) -> str:
        """The credential, wherever a format puts it."""
        for name in ("x-api-key", "x-goog-api-key", "api-key"):
            if name in self.headers:
                return self.headers[name]
        bearer = self.headers.get("authorization", "").removeprefix("Bearer ")
        return bearer or next(iter(parse_qs(self.query).get("key", ())), "")

    def json(self) -> Any:
        return msgspec.json.decode(self.body)


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    pieces: Iterable[bytes]
    faults: Faults = faults.NONE
    streams: bool = False
    ping: bytes = b""
    """How the format says that it is alive."""


class Cut(Exception):
    """The connection is to be broken here."""


def respond(received: Received, models: Sequence[str] = MODELS) -> Answer:
    """What to answer. Never raises."""
    route = _route(received)
    if route is None:
        return _json(404, {"error": {"message": f"There is no {received.method} {received.path}"}})
    dialect, operation = route
    if why := _refused(received.key):
        status, body = dialect.refusal(why)
        retry = {"retry-after": "2"} if why == "rate_limited" else {}
        return _json(status, body, retry)
    try:
        asked = _asked(received, dialect, operation)
        wanted = faults.read(asked.model, received.headers)
        faulty = wanted is not faults.NONE and _faulty(received, dialect, asked, wanted)
        return faulty or _answer(dialect, asked, wanted, models)
    except CallError as error:
        return _json(400, dialect.error(400, error.message))
    except (
        TypeError,
        ValueError,
        KeyError,
        AttributeError,
        IndexError,
    ):  # a body of the wrong shape
        return _json(400, dialect.error(400, "The request has not the shape this format wants."))


async def play(
    answer: Answer, wait: Callable[[float | None], Awaitable[None]]
) -> AsyncIterator[bytes]:
    """The answer's bytes when they are due. ``wait`` waits so many seconds, or with None for ever."""
    wanted = answer.faults
    number = 0
    for piece in answer.pieces:
        if number == wanted.stall_after:
            await wait(None)
        if number == wanted.cut_after:
            raise Cut
        if number and wanted.chunk_delay_ms:
            await wait(wanted.chunk_delay_ms / 1000)
        if wanted.drip_ms is None:
            yield piece
        else:
            for at in range(len(piece)):
                await wait(wanted.drip_ms / 1000)
                yield piece[at : at + 1]
        number += 1
        while wanted.ping_ms is not None:
            await wait(wanted.ping_ms / 1000)
            yield answer.ping
    if wanted.stall_after is not None and number <= wanted.stall_after:
        await wait(None)
    if wanted.cut_after is not None:
        raise Cut


def _route(received: Received) -> tuple[Dialect, Operation] | None:
    for method, end, dialect, operation in _ROUTES:
        if received.method == method and received.path.endswith(end):
            return dialect, operation
    found = _MODEL.search(received.path)
    if received.method != "GET" or found is None:
        return None
    return _lister(received), "model" if found["name"] else "models"


def _lister(received: Received) -> Dialect:
    """Three formats list models at the same path."""
    if received.path.startswith("/v1beta") or "x-goog-api-key" in received.headers:
        return GEMINI
    return ANTHROPIC if "anthropic-version" in received.headers else OPENAI


def _refused(key: str) -> Refusal | None:
    return next((cast(Refusal, why) for word, why, _ in faults.KEYS if word in key), None)


def _asked(received: Received, dialect: Dialect, operation: Operation) -> Asked:
    body = msgspec.json.decode(received.body) if received.body else {}
    if not isinstance(body, dict):
        raise InvalidRequest("The body must be a JSON object.")
    model = str(body.get("model") or "")
    if found := _MODEL.search(received.path):
        model = found["name"] or model
    streams = bool(body.get("stream", dialect is OLLAMA))
    array = False
    if dialect is GEMINI:
        streams = received.path.endswith(":streamGenerateContent")
        array = streams and "alt=sse" not in received.query
    if dialect is BEDROCK:
        streams = received.path.endswith("/converse-stream")
        found = _BEDROCK_MODEL.search(received.path)
        model = found[1] if found else model
    batch = received.path.endswith(":batchEmbedContents")
    return Asked(operation, model, body, streams and operation == "chat", array, batch)


def _answer(dialect: Dialect, asked: Asked, wanted: Faults, models: Sequence[str]) -> Answer:
    match asked.operation:
        case "models":
            return _json(200, dialect.models(models))
        case "model" if asked.model in models:
            return _json(200, dialect.model(asked.model))
        case "model":
            return _json(404, dialect.error(404, f"There is no model {asked.model}."))
        case "version":
            return _json(200, {"version": VERSION}, faults=wanted)
        case "count":
            return _json(200, dialect.count(brain.input_tokens(dialect.chat(asked))), faults=wanted)
        case "embed":
            made = dialect.vectors(_embedded(dialect.embedding(asked)), asked)
            return _json(200, made, faults=wanted)
    if wanted.fast:
        return _fast(dialect, asked)
    request = _lengthened(dialect.chat(asked), wanted)
    if not asked.streams:
        body = encode(dialect.completion(brain.answer(request), asked))
        return Answer(200, {"content-type": JSON}, (body,), wanted)
    pieces = _stream(dialect, asked, brain.events(request), wanted)
    return _streaming(dialect, asked, pieces, wanted)


def _streaming(
    dialect: Dialect, asked: Asked, pieces: Iterable[bytes], wanted: Faults = faults.NONE
) -> Answer:
    media = JSON if asked.array else dialect.stream_type
    headers = {"content-type": media, "cache-control": "no-cache"}
    return Answer(200, headers, pieces, wanted, streams=True, ping=dialect.ping)


def _stream(
    dialect: Dialect, asked: Asked, events: Iterator[Event], wanted: Faults
) -> Iterator[bytes]:
    started = next(events)
    render = dialect.renderer(asked, getattr(started, "id", ""))
    pieces = filter(None, map(render, _with(started, events)))
    if wanted.error_in_stream is not None:
        yield from islice(pieces, wanted.error_in_stream)
        yield dialect.error_frame(wanted.status or 503, _words(wanted.status or 503))
        return
    yield from islice(pieces, wanted.end_after)


def _with(first: Event, rest: Iterator[Event]) -> Iterator[Event]:
    yield first
    yield from rest


def _faulty(received: Received, dialect: Dialect, asked: Asked, wanted: Faults) -> Answer | None:
    """The answer in place of the right one, where a fault takes its place."""
    if wanted.silence:
        return Answer(200, {}, (), replace(wanted, stall_after=0))
    if wanted.redirect is not None:
        return Answer(wanted.redirect, {"location": ELSEWHERE}, (), wanted)
    if wanted.echo_key:
        body = dialect.error(401, f"The key {received.key} is not valid.")
        return _json(401, body, {"x-echo": received.key}, wanted)
    if wanted.status is not None and wanted.error_in_stream is None:
        wait = 2 if wanted.retry_after is None and wanted.status == 429 else wanted.retry_after
        retry = {} if wait is None else {"retry-after": str(wait)}
        return _json(
            wanted.status, dialect.error(wanted.status, _words(wanted.status)), retry, wanted
        )
    if wanted.html:
        return Answer(200, {"content-type": "text/html; charset=utf-8"}, (_HTML,), wanted)
    media = dialect.stream_type if asked.streams else JSON
    if wanted.garbage:
        return Answer(200, {"content-type": media}, (b"data: {\xff\x00 not json\n\n",), wanted)
    if wanted.gzip is not None:
        encoded = {"content-type": media, "content-encoding": "gzip"}
        return Answer(200, encoded, _compressed(wanted.gzip), wanted)
    if wanted.headers is not None:
        many = {f"x-filler-{number}": "x" * 20 for number in range(wanted.headers)}
        return Answer(200, {"content-type": media, **many}, (), wanted)
    if wanted.huge_line is not None:
        return Answer(200, {"content-type": media}, _line(wanted.huge_line), wanted)
    return None


def _line(size: int) -> Iterator[bytes]:
    yield b"data: "
    block = b"x" * 65536
    for start in range(0, size, len(block)):
        yield block[: size - start]


def _compressed(size: int) -> Iterator[bytes]:
    """Zeros, a thousandth of their size."""
    packer = zlib.compressobj(wbits=31)
    block = bytes(1 << 20)
    for start in range(0, size, len(block)):
        yield packer.compress(block[: size - start])
    yield packer.flush()


def _lengthened(request: ChatRequest, wanted: Faults) -> ChatRequest:
    """The same request, asking for as many words as the fault wants."""
    if wanted.chunks is None:
        return request
    words = " ".join(f"word{number}" for number in range(1, wanted.chunks + 1))
    return replace(request, messages=(Message("user", (Text(f"repeat: {words}"),)),), tools=())


def _embedded(request: EmbeddingRequest) -> EmbeddingResponse:
    dimensions = request.dimensions or vectors.DIMENSIONS
    if not 0 < dimensions <= vectors.MAX_DIMENSIONS:
        raise InvalidRequest(f"Between 1 and {vectors.MAX_DIMENSIONS} dimensions are possible.")
    texts = [item if isinstance(item, str) else " ".join(map(str, item)) for item in request.inputs]
    made = tuple(vectors.embed(text, dimensions) for text in texts)
    usage = Usage(input_tokens=sum(max(1, brain.tokens(text)) for text in texts))
    return EmbeddingResponse(request.model, made, usage)


_FAST = ChatRequest("fake-fast", (Message("user", (Text("Hello"),)),))


def _fast(dialect: Dialect, asked: Asked) -> Answer:
    """The same bytes every time, whatever was asked."""
    with_usage = bool((asked.body.get("stream_options") or {}).get("include_usage"))
    pieces = _made(dialect, asked.streams, asked.array, with_usage)
    if asked.streams:
        return _streaming(dialect, asked, pieces)
    return Answer(200, {"content-type": JSON}, pieces)


@lru_cache
def _made(dialect: Dialect, streams: bool, array: bool, with_usage: bool) -> tuple[bytes, ...]:
    body = {"stream_options": {"include_usage": with_usage}} if with_usage else {}
    asked = Asked("chat", _FAST.model, body, streams, array)
    if streams:
        return tuple(_stream(dialect, asked, brain.events(_FAST), faults.NONE))
    return (encode(dialect.completion(brain.answer(_FAST), asked)),)


def _words(status: int) -> str:
    return _STATUS_WORDS.get(status, f"The server answers with status {status}.")


def _json(
    status: int,
    body: JsonObject,
    headers: Mapping[str, str] | None = None,
    faults: Faults = faults.NONE,
) -> Answer:
    return Answer(status, {"content-type": JSON, **(headers or {})}, (encode(body),), faults)

"""What a relayed answer used, read from its bytes as they pass. What cannot be read stays unknown, never zero."""

from __future__ import annotations

import time

from aiproxy.cors.paths import Rule
from aiproxy.gateway import billing
from aiproxy.gateway.call import Call, Target
from providers.adapters.base import Adapter, StreamParser
from providers.errors import CallError
from providers.events import Accumulator
from providers.registry import catalogue
from providers.wire import WireReply

MOST_BYTES = 8 * 1024 * 1024
"""A whole answer is kept up to this size, to be read at its end."""

_STREAMS = ("text/event-stream", "application/x-ndjson", "application/vnd.amazon.eventstream")


class Meter:
    """``feed`` it every piece that has passed; ``close`` notes on the call what was used, wherever the answer ended."""

    def __init__(self, call: Call, target: Target, rule: Rule, content_type: str) -> None:
        self._call = call
        self._target = target
        self._kind = rule.kind
        self._adapter: Adapter | None = catalogue().adapters.get(rule.format)
        media = content_type.partition(";")[0].strip().lower()
        self.streams = media in _STREAMS
        self._parser: StreamParser | None = None
        self._seen = Accumulator()
        self._kept: bytearray | None = None
        if self._adapter is None:
            return
        if self.streams and rule.kind == "chat":
            self._parser = self._adapter.stream(target.host)
        elif media == "application/json":
            self._kept = bytearray()

    def feed(self, data: bytes) -> None:
        if self.streams and self._call.first_event_at is None:
            self._call.first_event_at = time.monotonic()
        if self._parser is not None:
            self._seen.extend(self._parser.feed(data))
        elif self._kept is not None:
            self._kept += data
            if len(self._kept) > MOST_BYTES:
                self._kept = None

    def close(self) -> None:
        self._call.answered_at = time.monotonic()
        if self._parser is not None:
            self._streamed()
            return
        self._read()
        self._call.unread = self._call.usage is None

    def _read(self) -> None:
        if self._kept and self._adapter is not None:
            reply = WireReply(200, {"content-type": "application/json"}, bytes(self._kept))
            try:
                self._whole(self._adapter, reply)
            except CallError:
                return  # an answer of another shape; its caller has it as it is

    def _streamed(self) -> None:
        response = self._seen.response()
        self._call.model = response.model
        self._call.finish = response.finish if self._seen.ended else ""
        seen = self._seen
        billing.charge(self._call, seen.usage, seen.text_length, counted=seen.ended)

    def _whole(self, adapter: Adapter, reply: WireReply) -> None:
        if self._kind == "embeddings":
            vectors = adapter.parse_embedding(reply, self._target.host)
            self._call.model, self._call.finish = vectors.model, "stop"
            billing.charge(self._call, vectors.usage)
        elif self._kind == "chat":
            response = adapter.parse(reply, self._target.host)
            self._call.model, self._call.finish = response.model, response.finish
            billing.charge(self._call, response.usage, len(response.text))

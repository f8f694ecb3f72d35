"""Reads answers by the paths of a person's mapping: whole ones, streams, and a whole answer where a stream was asked.

``findings`` tells which path found what, for the person who writes the mapping.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import msgspec

from providers.adapters.custom_mapping import COUNTS, Answer, CustomMapping, Json, Stream
from providers.adapters.custom_paths import Path
from providers.adapters.explaining import error_for, explain_value, said
from providers.adapters.reading import PartNumbers, arguments_text, decode, made_up_id
from providers.adapters.streaming import EventStream, cut, nonsense
from providers.chat import ChatResponse, FinishReason
from providers.errors import CallError, ServerError
from providers.events import (
    Accumulator,
    Ended,
    Event,
    Failed,
    Finished,
    ReasoningDelta,
    Started,
    TextDelta,
    ToolCallDelta,
    UsageReported,
)
from providers.framing.ndjson import NDJSONSplitter
from providers.framing.sse import Frame, SSESplitter
from providers.usage import Usage
from providers.wire import WireReply

MAX_WHOLE = 16 << 20
"""Bytes of a whole answer that stands for a stream."""

# What hosts call it when a mapping does not say so itself.
_WORDS: Mapping[FinishReason, str] = {
    "stop": "stop eos eos_token end_turn stop_sequence stop_token complete completed finished "
    "finish done success word",
    "length": "length max_tokens max_length max_output_tokens model_length limit truncated",
    "tool_calls": "tool_calls tool_call tool_use function_call",
    "content_filter": "content_filter safety sensitive blocked",
    "refusal": "refusal",
    "error": "error failed",
}
_FINISH: Mapping[str, FinishReason] = {
    word: reason for reason, words in _WORDS.items() for word in words.split()
}


def parse(reply: WireReply, mapping: CustomMapping) -> ChatResponse:
    """Raises a CallError for an error inside a 200 and ServerError where no path finds an answer."""
    try:
        value = decode(reply.body)
    except ValueError:
        raise ServerError(
            "The provider's answer is not JSON. Check the integration's base URL and its mapping.",
            detail=reply.body[:500].decode("utf-8", "replace"),
            upstream_status=reply.status,
        ) from None
    answer = Accumulator()
    answer.extend(_whole(value, mapping.answer))
    return answer.response()


def explain(reply: WireReply, mapping: CustomMapping) -> CallError | None:
    """What a refusal says at the mapping's own path; None where that finds nothing."""
    path = mapping.answer.error
    try:
        text = path.text_in(decode(reply.body)) if path else None
    except ValueError:
        return None
    if not text:
        return None
    words = replace(said(decode(reply.body)), message=text)
    return error_for(reply.status, words, reply.headers)


def stream(mapping: CustomMapping) -> CustomStream | WholeAsStream:
    return CustomStream(mapping.stream) if mapping.stream else WholeAsStream(mapping.answer)


def _whole(value: Json, answer: Answer) -> Iterator[Event]:
    reader = _Reader(answer)
    if error := _error(value, answer):
        raise error
    yield from reader.read(value)
    if not reader.answered:
        if isinstance(value, dict) and value.get("error"):
            raise explain_value(value)
        raise _not_found(answer, value)
    yield from reader.end()


class CustomStream(EventStream[Frame | str]):
    """Frames of JSON until the mapping's end; a body that stops before it was cut short."""

    def __init__(self, stream: Stream) -> None:
        self._sse = SSESplitter() if stream.framing == "sse" else None
        super().__init__(self._sse or NDJSONSplitter())
        self._end = stream.end
        self._answer = stream.answer
        self._reader = _Reader(stream.answer)

    def read(self, frame: Frame | str) -> Iterator[Event]:
        data = frame.data if isinstance(frame, Frame) else frame
        if self._end.data and data.strip() == self._end.data:
            yield from self._conclude()
            return
        value = self._value(data)
        if isinstance(frame, Frame) and frame.event == "error":
            yield Failed(_error(value, self._answer) or explain_value(value))
            return
        if error := _error(value, self._answer):
            yield Failed(error)
            return
        yield from self._reader.read(value)
        if self._end.path is not None and self._end.path.is_set_in(value):
            yield from self._conclude()

    def finish(self) -> list[Event]:
        if self._end.body and self._reader.answered:
            return list(self._conclude())
        stray = self._sse.stray if self._sse else ""
        return [Failed(_instead_of_a_stream(stray, self._answer) if stray.strip() else cut())]

    def _value(self, data: str) -> Json:
        """Any JSON, unlike in other formats: a frame may be a bare text."""
        try:
            return decode(data)
        except ValueError:
            raise (cut() if self._closing else nonsense(data)) from None

    def _conclude(self) -> Iterator[Event]:
        if not self._reader.answered:
            yield Failed(_not_found(self._answer, None))
            return
        yield from self._reader.end()
        yield Ended()


class WholeAsStream:
    """The parser where the mapping has no stream: the whole answer, told as events at its end."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._body = bytearray()
        self._over = False
        self.heard = 0
        """Each piece counts: a whole answer has no frames."""

    def feed(self, data: bytes) -> list[Event]:
        self.heard += 1
        if self._over:
            return []
        self._body += data
        if len(self._body) <= MAX_WHOLE:
            return []
        self._over = True
        return [Failed(ServerError("The provider's answer is too long. Ask for a shorter one."))]

    def close(self) -> list[Event]:
        if self._over:
            return []
        self._over = True
        events: list[Event] = []
        try:
            events.extend(_whole(decode(bytes(self._body)), self._answer))
        except CallError as error:
            return [*events, Failed(error)]
        except ValueError:
            return [Failed(cut("the answer is no JSON or not all of it"))]
        return [*events, Ended()]


class _Reader:
    """Values in, events out. ``answered``: some path to an answer has found something."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._parts = PartNumbers()
        self._counts: dict[str, int] = {}
        self._finish = ""
        self._calls = 0
        self._started = False
        self.answered = False

    def read(self, value: Json) -> Iterator[Event]:
        answer = self._answer
        if not self._started:
            self._started = True
            yield Started(_text(answer.id, value) or "", _text(answer.model, value) or "")
        thought, text = _text(answer.reasoning, value), _text(answer.text, value)
        if thought:
            yield ReasoningDelta(self._parts.number("reasoning"), thought)
        if text:
            yield TextDelta(self._parts.number("text"), text)
        self.answered = self.answered or thought is not None or text is not None
        yield from self._tool_calls(value)
        yield from self._usage(value)
        if answer.finish is not None:
            hits = answer.finish.hits(value)
            self._finish = next((hit for hit in hits if isinstance(hit, str)), self._finish)

    def end(self) -> Iterator[Event]:
        raw = self._finish
        reason = self._answer.finish_words.get(raw.lower()) or _FINISH.get(raw.lower(), "unknown")
        if self._answer.finish is None:
            reason = "stop"  # nobody says more: the answer came to its end
        if self._calls and reason in ("stop", "unknown"):
            reason = "tool_calls"
        yield Finished(reason, raw=raw or None)

    def _tool_calls(self, value: Json) -> Iterator[Event]:
        tools = self._answer.tools
        hits = tools.calls.hits(value) if tools else []
        calls = [call for hit in hits for call in (hit if isinstance(hit, list) else [hit])]
        for call in calls:
            name = _text(tools.name, call) if tools else None
            if tools is None or not name:
                continue
            number, self._calls, self.answered = self._calls, self._calls + 1, True
            arguments = next(iter(tools.arguments.hits(call)), None)
            yield ToolCallDelta(
                part=self._parts.number("tool_call", key=number),
                arguments=arguments_text(arguments),
                id=_text(tools.id, call) or made_up_id(number, name, arguments),
                name=name,
            )

    def _usage(self, value: Json) -> Iterator[Event]:
        """Counts may come one by one, or as running totals: of each the last one holds."""
        found = {name: path.count_in(value) for name, path in self._answer.usage.items()}
        new = {name: count for name, count in found.items() if count is not None}
        if new and not new.items() <= self._counts.items():
            self._counts |= new
            counts = [self._counts.get(name, 0) for name in COUNTS]
            yield UsageReported(
                Usage(
                    input_tokens=counts[0],
                    output_tokens=counts[1],
                    cached_tokens=counts[2],
                    reasoning_tokens=counts[3],
                )
            )


def _text(path: Path | None, value: Json) -> str | None:
    return path.text_in(value) if path else None


def _error(value: Json, answer: Answer) -> CallError | None:
    """The error that the mapping's path finds inside a 200."""
    if answer.error is None or not answer.error.is_set_in(value):
        return None
    text = answer.error.text_in(value) or _shown(answer.error.hits(value))
    return error_for(200, replace(said(value), message=text))


def _not_found(answer: Answer, value: Json) -> ServerError:
    path = answer.text
    return ServerError(
        f"The mapping's {path.key} ({path.text}) found no text in the provider's answer. "
        "Correct it in the integration's mapping.",
        detail=None if value is None else _shown(value)[:500],
        upstream_status=200,
    )


def _instead_of_a_stream(body: str, answer: Answer) -> CallError:
    """The host that answers a request for a stream with one piece of JSON, mostly an error."""
    try:
        value = decode(body)
    except ValueError:
        return cut("the answer is no stream")
    if error := _error(value, answer):
        return error
    if isinstance(value, dict) and value.get("error"):
        return explain_value(value)
    return ServerError(
        "The provider answered in one piece, not as a stream. Correct stream in the integration's "
        "mapping, or leave it out.",
        detail=body[:500],
        upstream_status=200,
    )


def _shown(value: Json) -> str:
    try:
        return msgspec.json.encode(value).decode()
    except (msgspec.MsgspecError, TypeError, ValueError):
        return ""


# --- For the person who writes a mapping -----------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Finding:
    """What one path found: ``sample`` is the beginning of the first hit, ``times`` in how many values."""

    key: str
    path: str
    times: int
    sample: str


def findings(answer: Answer, values: Iterable[Json]) -> list[Finding]:
    """For a whole answer (one value) or the frames of a stream."""
    held = list(values)
    return [_finding(path, [path.hits(value) for value in held]) for path in answer.paths()]


def _finding(path: Path, hits: Sequence[list[Json]]) -> Finding:
    found = [each for each in hits if each]
    sample = _shown(found[0][0]) if found else ""
    return Finding(
        path.key, path.text, len(found), sample[:79] + "…" if len(sample) > 80 else sample
    )


def frames_of(stream: Stream, data: bytes) -> list[Json]:
    """The JSON values of a stream's bytes, whatever else stands between them."""
    splitter = SSESplitter() if stream.framing == "sse" else NDJSONSplitter()
    found: list[Json] = []
    try:
        for frame in [*splitter.feed(data), *splitter.close()]:
            try:
                found.append(decode(frame.data if isinstance(frame, Frame) else frame))
            except ValueError:
                continue
    except ServerError:
        return found
    return found

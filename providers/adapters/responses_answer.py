"""Reads the answers of Responses: one reader for whole bodies and for streams, so both say the same.

An answer is a list of items. In a stream each item grows by deltas and is repeated whole in
``response.output_item.done``; ``response.completed`` repeats them all, except at ChatGPT's Codex backend, where it
holds none. So the reader counts what the deltas said of each piece and adds what a later, fuller form has beyond that.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from providers.adapters.explaining import explain_value
from providers.adapters.openai_usage import read_usage
from providers.adapters.reading import (
    PartNumbers,
    arguments_text,
    as_dict,
    as_int,
    as_list,
    as_str,
    decode,
    made_up_id,
)
from providers.adapters.streaming import EventStream, cut
from providers.chat import NO_STATE, Citation, FinishReason, Image, Opaque, Part, State
from providers.events import (
    CitationAdded,
    Ended,
    Event,
    Failed,
    Finished,
    ReasoningDelta,
    RefusalDelta,
    Started,
    TextDelta,
    ToolCallDelta,
    UsageReported,
    WholePart,
)
from providers.framing.sse import Frame, SSESplitter

Json = dict[str, Any]

FORMAT = "responses"
"""The name under which this format keeps its state."""

CUSTOM: State = {"openai": {"type": "custom"}, FORMAT: {"type": "custom_tool_call"}}
"""Marks a call of a tool that takes plain text; chat completions has the same kind of tool."""

_INCOMPLETE: Mapping[str, FinishReason] = {
    "max_output_tokens": "length",
    "content_filter": "content_filter",
}
_CALLS = {"function_call": "arguments", "custom_tool_call": "input"}
"""Items the caller must answer, and where they hold their arguments."""

_LAST = ("response.completed", "response.incomplete", "response.done")
_FAILED = ("response.failed", "response.cancelled")


class OutputReader:
    """The items of one answer, piece by piece or whole, as events. An item is known by its place in ``output``:
    Copilot gives it another id with every event.
    """

    def __init__(self) -> None:
        self.started = False
        self._id = ""
        self._called = False
        self._parts = PartNumbers()
        self._said: dict[tuple[object, ...], int] = {}
        """How many characters of a piece have been said."""
        self._places: dict[int, list[int]] = {}
        self._cited: dict[tuple[int, int], int] = {}
        self._thought: dict[int, tuple[str, int]] = {}
        """The piece of a reasoning item that spoke last."""
        self._begun: set[int] = set()
        """Calls whose name is said."""
        self._done: set[int] = set()

    def start(self, response: Json) -> Iterator[Event]:
        if not self.started:
            self.started = True
            self._id = as_str(response.get("id"))
            yield Started(self._id, as_str(response.get("model")))

    def delta(self, kind: str, event: Json) -> Iterator[Event]:
        """A ``response.*.delta``, ``…annotation.added`` or ``output_item.*`` event; others say nothing new."""
        index, text = as_int(event.get("output_index")), as_str(event.get("delta"))
        content = self._place(index, event) if "content_index" in event else 0
        match kind:
            case "response.output_text.delta":
                yield from self._text(index, content, text)
            case "response.output_text.annotation.added":
                yield from self._annotate(index, content, as_dict(event.get("annotation")))
            case "response.refusal.delta":
                yield from self._refusal(index, content, text)
            case "response.reasoning_summary_text.delta":
                yield from self._reasoning(
                    index, "summary", as_int(event.get("summary_index")), text
                )
            case "response.reasoning_text.delta":
                yield from self._reasoning(index, "content", content, text)
            case "response.function_call_arguments.delta" | "response.custom_tool_call_input.delta":
                yield from self._arguments(index, text)
            case "response.output_item.added":
                yield from self._begin(index, as_dict(event.get("item")))
            case "response.output_item.done":
                yield from self.item(index, as_dict(event.get("item")))

    def item(self, index: int, item: Json) -> Iterator[Event]:
        """A whole item: what its deltas have not said yet."""
        if index in self._done:
            return
        self._done.add(index)
        match as_str(item.get("type")):
            case "message":
                yield from self._message(index, item)
            case "reasoning":
                yield from self._thoughts(index, item)
            case "function_call" | "custom_tool_call" as kind:
                yield from self._begin(index, item)
                text = arguments_text(item.get(_CALLS[kind]) or "")
                yield from self._arguments(index, self._rest((index, "arguments"), text))
            case "image_generation_call" if as_str(item.get("result")):
                yield self._whole(_picture(item))
            case kind:
                yield self._whole(Opaque(kind or "item", {FORMAT: item}))

    def end(self, response: Json) -> Iterator[Event]:
        """The finished answer: items that were never told alone, the usage, and why it ended."""
        for index, item in enumerate(map(as_dict, as_list(response.get("output")))):
            yield from self.item(index, item)
        usage = read_usage(response.get("usage"))
        if usage is not None:
            yield UsageReported(usage)
        yield self._finish(response)

    def _finish(self, response: Json) -> Finished:
        status = as_str(response.get("status")) or "completed"
        if status == "completed":
            return Finished("tool_calls" if self._called else "stop", raw=status)
        reason = as_str(as_dict(response.get("incomplete_details")).get("reason"))
        # A background response is queued: neither an answer nor a failure.
        return Finished(_INCOMPLETE.get(reason, "unknown"), raw=reason or status)

    # --- messages ---

    def _message(self, index: int, item: Json) -> Iterator[Event]:
        phase = as_str(item.get("phase"))
        for number, content in enumerate(map(as_dict, as_list(item.get("content")))):
            match content.get("type"):
                case "output_text" | "text":
                    text = self._rest((index, "text", number), as_str(content.get("text")))
                    yield from self._text(index, number, text)
                    notes = as_list(content.get("annotations"))
                    for note in map(as_dict, notes[self._cited.get((index, number), 0) :]):
                        yield from self._annotate(index, number, note)
                    if phase and self._said.get((index, "text", number)):
                        part = self._parts.number("text", key=(index, number))
                        yield TextDelta(part, "", state={FORMAT: {"phase": phase}})
                case "refusal":
                    text = self._rest((index, "refusal", number), as_str(content.get("refusal")))
                    yield from self._refusal(index, number, text)
                case kind:
                    yield self._whole(Opaque(as_str(kind) or "content", {FORMAT: content}))

    def _text(self, index: int, content: int, text: str) -> Iterator[Event]:
        if text:
            self._count((index, "text", content), text)
            yield TextDelta(self._parts.number("text", key=(index, content)), text)

    def _refusal(self, index: int, content: int, text: str) -> Iterator[Event]:
        if text:
            self._count((index, "refusal", content), text)
            yield RefusalDelta(self._parts.number("refusal", key=(index, content)), text)

    def _annotate(self, index: int, content: int, note: Json) -> Iterator[Event]:
        self._cited[index, content] = self._cited.get((index, content), 0) + 1
        part = self._parts.number("text", key=(index, content))
        yield CitationAdded(part, _citation(note))

    # --- reasoning ---

    def _thoughts(self, index: int, item: Json) -> Iterator[Event]:
        streamed = self._thought.get(index)
        for kind in ("summary", "content"):
            # Hosts that stream one of the two may repeat it as the other in the whole item.
            for number, piece in enumerate(map(as_dict, as_list(item.get(kind)))):
                if streamed is None or streamed[0] == kind:
                    text = self._rest((index, kind, number), as_str(piece.get("text")))
                    yield from self._reasoning(index, kind, number, text)
        own = {k: v for k, v in item.items() if k not in ("type", "status") and v is not None}
        yield ReasoningDelta(self._parts.number("reasoning", key=index), "", state={FORMAT: own})

    def _reasoning(self, index: int, kind: str, number: int, text: str) -> Iterator[Event]:
        if not text:
            return
        self._count((index, kind, number), text)
        before = self._thought.get(index, (kind, number))
        self._thought[index] = (kind, number)
        gap = "" if before == (kind, number) else "\n\n"
        yield ReasoningDelta(self._parts.number("reasoning", key=index), gap + text)

    # --- calls ---

    def _begin(self, index: int, item: Json) -> Iterator[Event]:
        kind = as_str(item.get("type"))
        if kind not in _CALLS or index in self._begun:
            return
        self._begun.add(index)
        self._called = True
        space = as_str(item.get("namespace"))
        state: State = {FORMAT: {"namespace": space}} if space else NO_STATE
        yield ToolCallDelta(
            self._parts.number("tool_call", key=index),
            id=as_str(item.get("call_id")) or made_up_id(self._id, index),
            name=as_str(item.get("name")),
            state=CUSTOM if kind == "custom_tool_call" else state,
        )

    def _arguments(self, index: int, text: str) -> Iterator[Event]:
        # Arguments of a hosted server's call (mcp_call_arguments) are another event and never come here.
        if text and index in self._begun:
            self._count((index, "arguments"), text)
            yield ToolCallDelta(self._parts.number("tool_call", key=index), text)

    # --- pieces ---

    def _place(self, index: int, event: Json) -> int:
        """Where a piece stands in its item. vLLM counts on from the item before; so the order counts."""
        places = self._places.setdefault(index, [])
        number = as_int(event.get("content_index"))
        if number not in places:
            places.append(number)
        return places.index(number)

    def _whole(self, value: Part) -> Event:
        return WholePart(self._parts.new("item"), value)

    def _count(self, key: tuple[object, ...], text: str) -> None:
        self._said[key] = self._said.get(key, 0) + len(text)

    def _rest(self, key: tuple[object, ...], text: str) -> str:
        return text[self._said.get(key, 0) :]


class ResponseStream(EventStream[Frame]):
    """The stream of Responses. It is over with the event that holds the whole answer, ``[DONE]`` or not."""

    def __init__(self) -> None:
        self._sse = SSESplitter()
        super().__init__(self._sse)
        self._reader = OutputReader()

    def read(self, frame: Frame) -> Iterator[Event]:
        if frame.event == "error":
            yield from self._fail(_lenient(frame.data))
        elif frame.data.strip() != "[DONE]" and _known(frame.event):
            yield from self._value(self.decode(frame.data))

    def finish(self) -> list[Event]:
        stray = as_dict(_lenient(self._sse.stray))
        if not self._reader.started and (failed(stray) or isinstance(stray.get("output"), list)):
            return list(self._whole(stray))  # a host that does not stream
        return [Failed(cut())]

    def _value(self, value: Json) -> Iterator[Event]:
        kind, response = as_str(value.get("type")), as_dict(value.get("response"))
        if kind in _FAILED or kind == "error" or (not kind and failed(value)):
            yield from self._fail(response or value)
            return
        if response or kind in _LAST:
            yield from self._reader.start(response)
        if kind in _LAST and not failed(response):
            yield from self._reader.end(response)
            yield Ended()
        elif kind in _LAST:
            yield from self._fail(response)
        else:
            yield from self._reader.delta(kind, value)

    def _whole(self, response: Json) -> Iterator[Event]:
        if failed(response):
            yield from self._fail(response)
            return
        yield from self._reader.start(response)
        yield from self._reader.end(response)
        yield Ended()

    def _fail(self, value: object) -> Iterator[Event]:
        usage = read_usage(as_dict(value).get("usage"))
        if usage is not None:
            yield UsageReported(usage)
        yield Failed(explain_value(value))


def failed(response: Json) -> bool:
    """Whether a response, or any object inside a 200, is an error."""
    status = response.get("status") in ("failed", "cancelled")
    bare = "output" not in response and ("detail" in response or response.get("type") == "error")
    return bool(response.get("error")) or status or bare


def _known(event: str) -> bool:
    """An event of this format; anything else in a stream is a host's own chatter."""
    return event in ("", "message") or event.startswith("response.")


def _citation(note: Json) -> Citation:
    """A page by its address, or a file by its name. Only pages and generated files say where in the text."""
    own: State = NO_STATE if note.get("type") == "url_citation" else {FORMAT: note}
    start, end = as_int(note.get("start_index")), as_int(note.get("end_index"))
    return Citation(
        url=as_str(note.get("url")) or None,
        title=as_str(note.get("title")) or as_str(note.get("filename")) or None,
        start=start if end else None,
        end=end or None,
        state=own,
    )


def _picture(item: Json) -> Image:
    """A generated picture; the rest of its item goes back with it."""
    own = {name: value for name, value in item.items() if name != "result"}
    media_type = f"image/{as_str(item.get('output_format')) or 'png'}"
    return Image(media_type, as_str(item.get("result")), state={FORMAT: own})


def _lenient(text: str) -> object:
    try:
        return decode(text)
    except ValueError:
        return text

"""Reads the answers of chat completions: one reader for whole bodies and for streams, so both say
the same.

A whole answer is read as a stream of one chunk whose ``message`` is the ``delta``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal

import msgspec

from providers.adapters.explaining import explain_value
from providers.adapters.openai_pieces import FORMAT, Calls, Details, join
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
from providers.chat import (
    NO_STATE,
    ChatResponse,
    Choice,
    Citation,
    FinishReason,
    Image,
    Opaque,
    Part,
    Text,
)
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
from providers.usage import Usage

_FINISH: Mapping[str, FinishReason] = {
    "stop": "stop",
    "eos": "stop",  # Together
    "eos_token": "stop",
    "stop_sequence": "stop",
    "end_turn": "stop",
    "completed": "stop",
    "length": "length",
    "max_tokens": "length",
    "model_length": "length",  # Mistral
    "tool_calls": "tool_calls",
    "tool_use": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
    "sensitive": "content_filter",  # z.ai
    "safety": "content_filter",
    "refusal": "refusal",
    "error": "error",
    "abort": "error",  # vLLM
    "insufficient_system_resource": "error",  # DeepSeek
    "network_error": "error",  # z.ai
}

_NATIVE_LENGTH = ("length", "max_tokens", "max_output_tokens", "MAX_TOKENS")

Json = dict[str, Any]


class _TextDelta(msgspec.Struct, forbid_unknown_fields=True):
    content: str
    role: str | None = None
    refusal: None = None


class _TextChoice(msgspec.Struct, forbid_unknown_fields=True):
    delta: _TextDelta
    index: Literal[0] = 0
    finish_reason: None = None
    native_finish_reason: None = None
    logprobs: None = None


class _TextChunk(msgspec.Struct, forbid_unknown_fields=True):
    """A chunk that says no more than a piece of text. Any other field, or one that holds something, makes it
    another chunk.
    """

    choices: tuple[_TextChoice]
    id: str = ""
    object: Literal["chat.completion.chunk"] = "chat.completion.chunk"
    created: float = 0
    model: str = ""
    provider: str = ""  # OpenRouter
    system_fingerprint: str | None = None
    service_tier: str | None = None
    obfuscation: str = ""  # OpenAI
    usage: None = None


class _Message(msgspec.Struct, forbid_unknown_fields=True):
    content: str
    role: str | None = None
    refusal: None = None
    tool_calls: None = None
    annotations: tuple[()] | None = None


class _Choice(msgspec.Struct, forbid_unknown_fields=True):
    message: _Message
    finish_reason: str
    index: Literal[0] = 0
    logprobs: None = None


class _Answer(msgspec.Struct, forbid_unknown_fields=True):
    """A whole answer that says no more than a text and its usage."""

    id: str
    choices: tuple[_Choice]
    model: str
    usage: dict[str, Any]
    object: Literal["chat.completion"] = "chat.completion"
    created: float = 0
    system_fingerprint: str | None = None
    service_tier: str | None = None


_TEXT_CHUNK = msgspec.json.Decoder(_TextChunk)
_ANSWER = msgspec.json.Decoder(_Answer)


def plain_answer(body: bytes) -> ChatResponse | None:
    """What AnswerReader makes of a whole answer that is one text, as almost every one is, at a quarter of the price;
    None where there may be more to read.
    """
    try:
        answer = _ANSWER.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    choice = answer.choices[0]
    reason = _FINISH.get(choice.finish_reason.lower())
    usage = read_usage(answer.usage)
    if not choice.message.content or reason is None or usage is None:
        return None
    said = Choice((Text(choice.message.content),), reason, choice.finish_reason)
    return ChatResponse(answer.id, answer.model, (said,), usage)


class AnswerReader:
    """Chunks in, events out. ``whole``: the one chunk is a whole answer, with ``message`` for
    ``delta``.

    ``end()`` gives what is only known at the end: sealed reasoning, sources, sound, finish reasons.
    Holding the finish back makes it come once, though OpenRouter and Avian repeat it in the chunk
    with the usage.
    """

    def __init__(self, whole: bool = False) -> None:
        self.whole = whole
        self.started = False
        self._id = ""
        self._usage: Usage | None = None
        self._choices: dict[int, _ChoiceReader] = {}

    @property
    def complete(self) -> bool:
        """Whether every choice that began has told its finish reason."""
        readers = self._choices.values()
        return bool(readers) and all(reader.finish is not None for reader in readers)

    def chunk(self, value: Json) -> Iterator[Event]:
        choices = [as_dict(choice) for choice in as_list(value.get("choices"))]
        self._id = self._id or as_str(value.get("id"))
        # Azure and Copilot begin with a chunk about the prompt's filter that has neither.
        if not self.started and (choices or self._id):
            self.started = True
            yield Started(self._id, as_str(value.get("model")))
        for position, choice in enumerate(choices):
            number = as_int(choice.get("index", position if self.whole else 0))
            yield from self._choice(number).read(choice, self._id)
        if choices:
            self._choice(as_int(choices[0].get("index"))).add_sources(value)
        usage = read_usage(value.get("usage"))
        usage = usage or read_usage(as_dict(value.get("x_groq")).get("usage"))
        if usage is not None and usage != self._usage:
            self._usage = usage
            yield UsageReported(usage)

    def text(self, text: str) -> Event:
        """What ``chunk`` gives for a chunk of the first choice that holds ``text`` and nothing else."""
        return self._choice(0).text(text)

    def end(self) -> Iterator[Event]:
        for number in sorted(self._choices):
            yield from self._choices[number].end()

    def _choice(self, number: int) -> _ChoiceReader:
        if number not in self._choices:
            self._choices[number] = _ChoiceReader(number, self.whole)
        return self._choices[number]


class _ChoiceReader:
    """One choice of an answer."""

    def __init__(self, number: int, whole: bool) -> None:
        self.finish: Finished | None = None
        self._number = number
        self._whole = whole
        self._begun = False
        self._parts = PartNumbers()
        self._calls = Calls()
        self._details = Details()
        self._audio: Json = {}
        self._sources: dict[str, Citation] = {}
        self._text_part: int | None = None
        self._reasoning_part: int | None = None

    def read(self, choice: Json, answer_id: str) -> Iterator[Event]:
        yield from self._delta(self._said(choice), answer_id)
        raw = as_str(choice.get("finish_reason"))
        native = as_str(choice.get("native_finish_reason"))
        if native in _NATIVE_LENGTH:
            # OpenRouter says tool_calls for a call that was cut short; only the native word tells.
            self.finish = Finished("length", self._number, native)
        elif raw or self._whole:
            reason = _FINISH.get(raw.lower(), "unknown")
            self.finish = Finished(reason, self._number, raw or None)

    def text(self, text: str) -> Event:
        self._begun = True
        self._text_part = self._parts.number("text")
        return TextDelta(self._text_part, text, self._number)

    def add_sources(self, value: Json) -> None:
        """Perplexity's sources, which come again with every chunk."""
        for address in filter(None, map(as_str, as_list(value.get("citations")))):
            self._sources.setdefault(address, Citation(url=address))
        for result in map(as_dict, as_list(value.get("search_results"))):
            url, title, quote = (as_str(result.get(n)) or None for n in ("url", "title", "snippet"))
            # A file of the caller's own has a title and no address.
            self._sources[url or title or ""] = Citation(url, title, quote)

    def end(self) -> Iterator[Event]:
        if self._details:
            part = self._parts.number("reasoning")
            part = part if self._reasoning_part is None else self._reasoning_part
            yield ReasoningDelta(part, "", self._number, self._details.state())
        for source in self._sources.values():
            yield self._cite(source)
        if any(self._audio.values()):
            yield self._block(Opaque("audio", {FORMAT: self._audio}))
        if self.finish is not None:
            yield self.finish

    def _said(self, choice: Json) -> Json:
        """The piece of the message in this chunk.

        Perplexity and Writer send the whole message so far next to the delta; a host that ignores
        ``stream`` sends nothing but a message.
        """
        message, delta = as_dict(choice.get("message")), as_dict(choice.get("delta"))
        if self._whole:
            return message or delta
        use_message = "delta" not in choice and not self._begun
        self._begun = True
        return message if use_message else delta

    def _delta(self, delta: Json, answer_id: str) -> Iterator[Event]:
        yield from self._reasoning(delta)
        content = delta.get("content")
        if isinstance(content, str):
            content = [{"type": "text", "text": content}]
        for item in map(as_dict, as_list(content)):
            yield from self._item(item)
        yield from self._item({"type": "refusal", "refusal": delta.get("refusal")})
        for position, call in enumerate(map(as_dict, as_list(delta.get("tool_calls")))):
            key = position if self._whole else call.get("index")
            yield self._tool_call({**call, "index": key}, answer_id)
        legacy = as_dict(delta.get("function_call"))
        if legacy.get("name") or legacy.get("arguments"):
            yield self._tool_call({"index": -1, "function": legacy}, answer_id)
        for image in map(as_dict, as_list(delta.get("images"))):
            yield from self._item(image)
        join(self._audio, as_dict(delta.get("audio")), ("data", "transcript"))
        for note in map(as_dict, as_list(delta.get("annotations"))):
            yield self._annotation(note)

    def _reasoning(self, delta: Json) -> Iterator[Event]:
        details = [as_dict(item) for item in as_list(delta.get("reasoning_details"))]
        self._details.add(details)
        text = as_str(delta.get("reasoning_content")) or as_str(delta.get("reasoning"))
        text = text or "".join(as_str(d.get("text")) or as_str(d.get("summary")) for d in details)
        if text:
            yield self._thought(text)
        elif details and self._reasoning_part is None:
            self._reasoning_part = self._parts.number("reasoning")

    def _thought(self, text: str) -> Event:
        part = self._parts.number("reasoning")
        if self._reasoning_part is None:
            self._reasoning_part = part
        return ReasoningDelta(part, text, self._number)

    def _item(self, item: Json) -> Iterator[Event]:
        """One block of a content that is a list, as Mistral's and OpenRouter's can be."""
        match item.get("type"):
            case "text" | "output_text":
                if text := as_str(item.get("text")):
                    yield self.text(text)
            case "thinking":
                thoughts = map(as_dict, as_list(item.get("thinking")))
                if text := "".join(as_str(thought.get("text")) for thought in thoughts):
                    yield self._thought(text)
            case "refusal":
                if text := as_str(item.get("refusal")):
                    yield RefusalDelta(self._parts.number("refusal"), text, self._number)
            case "reference":
                yield self._cite(Citation(state={FORMAT: item}))
            case "image_url":
                yield self._block(_image(item))
            case kind:
                yield self._block(Opaque(as_str(kind) or "content", {FORMAT: item}))

    def _tool_call(self, call: Json, answer_id: str) -> Event:
        custom = as_dict(call.get("custom"))
        function = as_dict(call.get("function")) or custom
        name = as_str(function.get("name"))
        key, first = self._calls.find(call.get("index"), identity := _call_id(call), name)
        name = self._calls.new_name(key, name)
        arguments = function.get("input") if custom else function.get("arguments")
        return ToolCallDelta(
            part=self._parts.number("tool_call", key=key),
            arguments="" if arguments is None else arguments_text(arguments),
            id=(identity or made_up_id(answer_id, self._number, key)) if first else "",
            name=name,
            choice=self._number,
            state={FORMAT: {"type": "custom"}} if custom else NO_STATE,
        )

    def _annotation(self, note: Json) -> Event:
        said = as_dict(note.get("url_citation"))
        if not said:
            return self._block(Opaque("annotation", {FORMAT: note}))
        url, title, quote = (as_str(said.get(n)) or None for n in ("url", "title", "content"))
        start, end = as_int(said.get("start_index")), as_int(said.get("end_index"))
        span = (start, end) if end else (None, None)
        return self._cite(Citation(url, title, quote, *span))

    def _cite(self, citation: Citation) -> Event:
        if self._text_part is None:
            self._text_part = self._parts.number("text")
        return CitationAdded(self._text_part, citation, self._number)

    def _block(self, value: Part) -> Event:
        return WholePart(self._parts.new("block"), value, self._number)


def _call_id(call: Json) -> str:
    """The id a host gave; old Mistral models wrote ``"null"``."""
    identity = as_str(call.get("id"))
    return "" if identity == "null" else identity


def _image(item: Json) -> Image:
    said = item.get("image_url")
    url = as_str(said) or as_str(as_dict(said).get("url"))
    head, comma, data = url.partition(";base64,")
    if comma and head.startswith("data:"):
        return Image(media_type=head.removeprefix("data:") or None, data=data)
    return Image(url=url)


class ChatStream(EventStream[Frame]):
    """The stream of chat completions: over at ``[DONE]``, or at the end of the body when all
    choices finished.

    Perplexity and Writer never send ``[DONE]``; Snowflake sends it without any finish reason.
    """

    def __init__(self) -> None:
        self._sse = SSESplitter()
        super().__init__(self._sse)
        self._reader = AnswerReader()

    def read(self, frame: Frame) -> Iterable[Event]:
        return self._text(frame) or self._any(frame)

    def _text(self, frame: Frame) -> tuple[Event, ...]:
        """The one event of a chunk that holds nothing but a piece of text, as almost every one does: read for the
        price of parsing. Nothing where it may hold more.
        """
        if frame.event or not self._reader.started:
            return ()
        try:
            text = _TEXT_CHUNK.decode(frame.data).choices[0].delta.content
        except (msgspec.MsgspecError, RecursionError):
            return ()
        return (self._reader.text(text),) if text else ()

    def _any(self, frame: Frame) -> Iterator[Event]:
        if frame.data.strip() == "[DONE]":
            yield from self._end()
        elif frame.event == "error":  # Groq's event, GPUStack's field
            yield from self._fail(_lenient(frame.data))
        elif frame.event in ("", "message"):
            yield from self._value(self.decode(frame.data))

    def finish(self) -> list[Event]:
        stray = _lenient(self._sse.stray)
        if not self._reader.started and isinstance(stray, dict):
            events = list(self._value(stray))
            if events and isinstance(events[-1], Failed):
                return events
            return [*events, *self._close()]
        return self._close()

    def _value(self, value: Json) -> Iterator[Event]:
        failure = failure_in(value)
        if failure is None:
            yield from self._reader.chunk(value)
            return
        if self._reader.started:
            yield from self._reader.chunk(value)
        yield from self._fail(failure)

    def _end(self) -> Iterator[Event]:
        if not self._reader.started:
            raise cut("[DONE] without any answer")
        yield from self._reader.end()
        yield Ended()

    def _fail(self, value: object) -> Iterator[Event]:
        yield from self._reader.end()
        yield Failed(explain_value(value))

    def _close(self) -> list[Event]:
        complete = self._reader.complete
        return [*self._reader.end(), Ended() if complete else Failed(cut())]


def failure_in(value: Json) -> Json | None:
    """What tells of an error inside a 200: the object itself, or (OpenRouter) the error of one of its choices."""
    if failed(value):
        return value
    for choice in map(as_dict, as_list(value.get("choices"))):
        if isinstance(choice.get("error"), dict):
            return {"error": choice["error"]}
    return None


def failed(value: Json) -> bool:
    """Whether a JSON object inside a 200 is an error: OpenAI's shape, Mistral's, or FastAPI's."""
    bare = "choices" not in value and ("detail" in value or value.get("type") == "error")
    return bool(value.get("error")) or value.get("object") == "error" or bare


def _lenient(text: str) -> object:
    try:
        return decode(text)
    except ValueError:
        return text

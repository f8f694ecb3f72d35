"""The local model: no network, no weights, no chance. The same request gets the same answer, for ever.

It is there so that a first call works in the first minute, so that tests can know the answer beforehand, and so
that an application can be written without spending anything. It greets, calculates, repeats and explains itself;
it calls a tool that the user's words name (or that is forced on it) and reads out what the tool said; it tells
format and size of a picture; it fills in a JSON schema; it thinks aloud when asked to.
"""

from __future__ import annotations

import hashlib
import itertools
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import msgspec

from aiproxy.fake import arithmetic, invent, pixels
from providers.chat import (
    ChatRequest,
    ChatResponse,
    FinishReason,
    Image,
    Message,
    Text,
    Tool,
    ToolCall,
    ToolResult,
    text_of,
)
from providers.events import (
    Accumulator,
    Ended,
    Event,
    Finished,
    ReasoningDelta,
    Started,
    TextDelta,
    ToolCallDelta,
    UsageReported,
)
from providers.usage import Usage

IMAGE_TOKENS = 85
"""What a picture counts as input, whatever its size."""

_PIECE = re.compile(r"\s*\S+")
_GREETING = re.compile(r"\s*(hello|hi|hey|good (morning|afternoon|evening)|greetings)\b", re.I)
_WHO = re.compile(
    r"\b(who|what) are you\b|\byour name\b|\bwhich model\b|\bintroduce yourself\b", re.I
)
_HELP = re.compile(r"\bhelp\b|\bwhat can you do\b", re.I)
_THANKS = re.compile(r"\s*(thanks|thank you)\b", re.I)
_REPEAT = re.compile(r"\b(?:repeat|echo|say)\b(?: after me)?[:,]?\s+(.+)", re.I | re.S)
_COUNT = re.compile(r"\bcount (?:from 1 )?(?:up )?to (\d{1,4})\b", re.I)
# Verbs that say nothing about what a tool is for.
_VERBS = frozenset(
    {"get", "set", "fetch", "find", "search", "list", "read", "make", "create", "do", "run", "call"}
)


@dataclass(frozen=True, slots=True)
class Thought:
    """One choice before it is cut into pieces. ``calls`` are pairs of a tool's name and its arguments' JSON."""

    text: str = ""
    reasoning: str = ""
    calls: tuple[tuple[str, str], ...] = ()


def answer(request: ChatRequest) -> ChatResponse:
    """The whole answer."""
    heard = Accumulator()
    heard.extend(events(request))
    return heard.response()


def events(request: ChatRequest) -> Iterator[Event]:
    """The same answer as it is streamed, a word at a time."""
    seed = _seed(request)
    yield Started(seed, request.model)
    heard = input_tokens(request)
    yield UsageReported(Usage(heard))
    thought = think(request)
    spent = reasoned = 0
    for choice in range(max(1, request.n or 1)):
        finish: FinishReason = "tool_calls" if thought.calls else "stop"
        part = itertools.count()
        if thought.reasoning:
            number = next(part)
            for piece in pieces(thought.reasoning):
                yield ReasoningDelta(number, piece, choice)
            reasoned += tokens(thought.reasoning)
        if thought.text:
            text, finish = _cut(_variant(thought.text, choice, request), request, finish)
            number = next(part)
            for piece in pieces(text):
                yield TextDelta(number, piece, choice)
            spent += tokens(text)
        for index, (name, arguments) in enumerate(thought.calls):
            number = next(part)
            yield ToolCallDelta(number, "", f"call_{seed[:16]}{choice}{index}", name, choice)
            for piece in pieces(arguments):
                yield ToolCallDelta(number, piece, choice=choice)
            spent += tokens(name) + tokens(arguments)
        yield Finished(finish, choice, finish)
    yield UsageReported(Usage(heard, spent + reasoned, reasoning_tokens=reasoned))
    yield Ended()


def think(request: ChatRequest) -> Thought:
    """What to say to ``request``, before limits and stop words."""
    prompt = _prompt(request.messages)
    reasoning = _reasoning(request, prompt)
    results = _results(request.messages)
    forced = request.tool_choice is not None and request.tool_choice.mode in ("named", "required")
    if not results or forced:
        calls = tuple(_calls(request, prompt))
        if calls:
            return Thought(reasoning=reasoning, calls=calls)
    text = _told(results) if results else _seen(request.messages) or _said(prompt, request)
    return Thought(_formatted(text, prompt, request), reasoning)


def tokens(text: str) -> int:
    """A count of tokens: four for three words."""
    return math.ceil(len(text.split()) * 4 / 3)


def input_tokens(request: ChatRequest) -> int:
    count = 0
    for message in request.messages:
        for part in message.parts:
            match part:
                case Image():
                    count += IMAGE_TOKENS
                case ToolResult():
                    count += tokens(_words_of(part))
                case ToolCall():
                    count += tokens(part.name) + tokens(part.arguments)
                case Text():
                    count += tokens(part.text)
    for tool in request.tools:
        count += tokens(f"{tool.name} {tool.description or ''}") + len(tool.parameters or ())
    return max(1, count)


def pieces(text: str) -> list[str]:
    """The words of ``text``, each with the white space before it; together they are ``text`` again."""
    found = _PIECE.findall(text)
    rest = text[sum(map(len, found)) :]
    if not found:
        return [text] if text else []
    return [*found[:-1], found[-1] + rest]


def _seed(request: ChatRequest) -> str:
    """Names this request: the same conversation gives the same name."""
    said = [repr(message) for message in request.messages]
    return hashlib.blake2s(msgspec.json.encode([request.model, said]), digest_size=12).hexdigest()


def _prompt(messages: Sequence[Message]) -> str:
    """The user's last words."""
    for message in reversed(messages):
        if message.role == "user" and (text := text_of(message.parts).strip()):
            return text
    return ""


def _results(messages: Sequence[Message]) -> list[tuple[str, ToolResult]]:
    """What tools answered since the user last spoke, with the tools' names."""
    names = {
        part.id: part.name
        for message in messages
        for part in message.parts
        if isinstance(part, ToolCall)
    }
    found: list[tuple[str, ToolResult]] = []
    for message in reversed(messages):
        results = [part for part in message.parts if isinstance(part, ToolResult)]
        if not results:
            break
        found[:0] = [(names.get(r.call_id) or r.name or "tool", r) for r in results]
    return found


def _words_of(result: ToolResult) -> str:
    return " ".join(part.text for part in result.content if isinstance(part, Text)).strip()


def _told(results: Iterable[tuple[str, ToolResult]]) -> str:
    sentences = [
        f"The tool {name} failed: {_words_of(result) or 'it did not say why'}."
        if result.is_error
        else f"The tool {name} says: {_words_of(result) or 'nothing'}."
        for name, result in results
    ]
    return " ".join(sentence.replace("..", ".") for sentence in sentences)


def _calls(request: ChatRequest, prompt: str) -> Iterator[tuple[str, str]]:
    """The calls to make: one tool for each named place, or each tool that is named."""
    wanted = _wanted(request, prompt)
    if request.parallel_tool_calls is False:
        wanted = wanted[:1]
    for tool in wanted:
        schema = tool.parameters or {}
        named: list[str | None] = [*invent.places(prompt)]
        made = [invent.value(schema, prompt, place) for place in named or [None]]
        made = [value if isinstance(value, dict) else {} for value in made]
        distinct = [value for index, value in enumerate(made) if value not in made[:index]]
        if request.parallel_tool_calls is False:
            distinct = distinct[:1]
        for arguments in distinct:
            yield tool.name, msgspec.json.format(msgspec.json.encode(arguments), indent=0).decode()


def _wanted(request: ChatRequest, prompt: str) -> list[Tool]:
    choice = request.tool_choice
    if choice is not None and choice.mode == "none":
        return []
    if choice is not None and choice.mode == "named":
        return [tool for tool in request.tools if tool.name == choice.name]
    named = [tool for tool in request.tools if _is_named(tool.name, prompt)]
    if choice is not None and choice.mode == "required":
        return named or list(request.tools[:1])
    return named


def _is_named(name: str, prompt: str) -> bool:
    """Whether the words ask for a tool: by its name, or by what its name is about (get_weather: weather)."""
    said = set(re.findall(r"\w+", prompt.casefold()))
    if name.casefold() in said or name.casefold() in prompt.casefold():
        return True
    words = [w.casefold() for w in re.findall(r"[A-Z]?[a-z0-9]+|[A-Z]+", name)]
    telling = [word for word in words if word not in _VERBS]
    return bool(telling) and all(word in said for word in telling)


def _seen(messages: Sequence[Message]) -> str:
    """What is in the pictures of the user's last message; empty when there are none."""
    last = next((message for message in reversed(messages) if message.role == "user"), None)
    images = [part for part in last.parts if isinstance(part, Image)] if last else []
    return " ".join(map(_description, images))


def _description(image: Image) -> str:
    if image.data is None:
        return "I see the address of an image, which I do not open: I never use the network."
    picture = pixels.look(image.data)
    if picture is None:
        return "I see an image in a format that I do not know."
    return f"I see a {picture.format} image, {picture.width} × {picture.height} pixels."


def _said(prompt: str, request: ChatRequest) -> str:
    if not prompt:
        return "Hello! Say something, and I will answer."
    if (result := arithmetic.solve(prompt)) is not None:
        return result
    if found := _COUNT.search(prompt):
        return " ".join(map(str, range(1, int(found[1]) + 1)))
    if found := _REPEAT.search(prompt):
        return found[1].strip().strip("\"“”'")
    if _WHO.search(prompt) or _HELP.search(prompt):
        return _introduction(request.model)
    if _THANKS.match(prompt):
        return "You are welcome!"
    if _GREETING.match(prompt):
        return "Hello! I am the sandbox model. How can I help you today?"
    return f"You said: “{prompt}” I am a small local model, so that is all I know about it."


def _introduction(model: str) -> str:
    return (
        f"I am {model}, a small model that lives inside this server. I need no key and cost nothing. "
        "I can calculate (2 + 2), count to ten, repeat what you say, call your tools when you name them, "
        "tell the size of a picture, and answer in JSON. The same question always gets the same answer."
    )


def _formatted(text: str, prompt: str, request: ChatRequest) -> str:
    form = request.response_format
    if form is None or form.kind == "text":
        return text
    value = (
        invent.value(form.schema, prompt)
        if form.kind == "json_schema" and form.schema is not None
        else {"answer": text}
    )
    return msgspec.json.format(msgspec.json.encode(value), indent=0).decode()


def _reasoning(request: ChatRequest, prompt: str) -> str:
    options = request.reasoning
    if (
        options is None
        or options.effort == "none"
        or options.include is False
        or options.budget == 0
    ):
        return ""
    return f"The user says “{prompt}”. I look for the simplest answer that is right."


def _variant(text: str, choice: int, request: ChatRequest) -> str:
    """Further choices differ a little, except where they must be JSON."""
    structured = request.response_format is not None and request.response_format.kind != "text"
    return text if choice == 0 or structured else f"{text} (Answer {choice + 1}.)"


def _cut(text: str, request: ChatRequest, finish: FinishReason) -> tuple[str, FinishReason]:
    """``text`` up to the first stop word and the limit of tokens, and why it ends there."""
    stops = [at for word in request.stop if word and (at := text.find(word)) >= 0]
    if stops:
        text = text[: min(stops)]
    if request.max_tokens is not None and tokens(text) > request.max_tokens:
        words = max(1, request.max_tokens * 3 // 4)
        return "".join(pieces(text)[:words]), "length"
    return text, finish

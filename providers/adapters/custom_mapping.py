"""A person's own mapping between our vocabulary and a provider's JSON: what it may say, and reading it.

A mapping is data and nothing else: no code, no template language, no regular expression. Text in it and text that
is put into it stays text. ``read`` tells every mistake at once, by the key it is about; providers/README.md
("Your own mapping") explains the keys with an example.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import msgspec

from providers.adapters import custom_paths
from providers.adapters.custom_paths import BadPath, Path
from providers.chat import FinishReason, Role

MAX_BYTES, MAX_DEPTH, MAX_VALUES, MAX_WORDS = 16_000, 16, 500, 50

CONVERSATION: Mapping[str, str] = {
    "messages": "the conversation as a list of role and content",
    "history": "the same without its last message",
    "last": "the text of the last message",
    "prompt": "the conversation as one text",
    "system": "the instructions; they then stand nowhere else",
}
OPTIONS: Mapping[str, str] = {
    "model": "the model’s name",
    "stream": "true or false",
    "temperature": "",
    "top_p": "",
    "top_k": "",
    "max_tokens": "",
    "stop": "a list of texts",
    "seed": "",
    "presence_penalty": "",
    "frequency_penalty": "",
    "reasoning_effort": "low, medium, high …",
    "user": "the caller’s word for its user",
    "tools": "a list, in OpenAI’s form",
}
PLACEHOLDERS: Mapping[str, str] = {**CONVERSATION, **OPTIONS}
"""What ``{"$": name}`` may name, and what it becomes."""

LISTS = ("messages", "history")
ROLES: tuple[str, ...] = get_args(Role)
FINISHES: tuple[str, ...] = get_args(FinishReason)
COUNTS = ("input", "output", "cached", "reasoning")
FRAMINGS = ("sse", "ndjson")

_PATH = re.compile(r"/(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})*(?:\?[A-Za-z0-9._~=&%-]*)?")
_ANSWER = ("text", "reasoning", "finish", "finish_words", "usage", "error", "model", "id", "tools")
_STREAM = ("framing", "path", "end", *_ANSWER)

Json = Any


class BadMapping(ValueError):
    """``problems`` are sentences by the key they are about: ``answer.text``, ``request.options.seed`` …"""

    def __init__(self, problems: Mapping[str, str]) -> None:
        super().__init__("; ".join(problems.values()))
        self.problems = dict(problems)


@dataclass(frozen=True, slots=True)
class ToolPaths:
    """``calls`` gives the list, the others read one call of it."""

    calls: Path
    name: Path
    arguments: Path
    id: Path | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """Where the parts of an answer, or of one frame of a stream, stand."""

    text: Path
    reasoning: Path | None = None
    finish: Path | None = None
    finish_words: Mapping[str, FinishReason] = field(default_factory=dict)
    usage: Mapping[str, Path] = field(default_factory=dict)
    error: Path | None = None
    model: Path | None = None
    id: Path | None = None
    tools: ToolPaths | None = None

    def paths(self) -> list[Path]:
        """All that are looked for in the answer itself, in the order a person thinks of them."""
        tools = self.tools.calls if self.tools else None
        said = [self.text, self.reasoning, tools, self.finish, *self.usage.values()]
        return [path for path in [*said, self.model, self.id, self.error] if path is not None]


@dataclass(frozen=True, slots=True)
class End:
    """How a stream says that it is complete; exactly one is set. ``body``: it only stops."""

    data: str = ""
    path: Path | None = None
    body: bool = False


@dataclass(frozen=True, slots=True)
class Stream:
    framing: Literal["sse", "ndjson"]
    path: str
    answer: Answer
    end: End


@dataclass(frozen=True, slots=True)
class CustomMapping:
    """``uses`` are the placeholders of ``request``, which is the template itself."""

    path: str
    request: Mapping[str, Json]
    answer: Answer
    stream: Stream | None
    uses: frozenset[str]


def read(value: object) -> CustomMapping:
    """Raises BadMapping with everything that is wrong."""
    return _Reader().mapping(value)


class _Reader:
    """Collects problems as it goes; every method gives something usable even then."""

    def __init__(self) -> None:
        self.problems: dict[str, str] = {}
        self.uses: set[str] = set()
        self.values = 0

    def mapping(self, value: object) -> CustomMapping:
        if not isinstance(value, dict):
            self.add("mapping", "must be a JSON object with path, request and answer")
        elif self.fits(value):
            self.known("", value, ("path", "request", "answer", "stream"))
            path = self.address("path", value.get("path"))
            request = self.request(value.get("request"))
            answer = self.answer("answer", value.get("answer"), None)
            stream = self.stream(value.get("stream"), path, answer)
            if "{model}" in path or (stream and "{model}" in stream.path):
                self.uses.add("model")
            if not self.problems:
                return CustomMapping(path, request, answer, stream, frozenset(self.uses))
        raise BadMapping(self.problems)

    def add(self, key: str, problem: str) -> None:
        self.problems.setdefault(key, f"{key}: {problem}.")

    def fits(self, value: object) -> bool:
        """Whether it is small and flat enough to be looked at in full."""
        if _too_deep(value, MAX_DEPTH):
            self.add("mapping", f"is nested deeper than {MAX_DEPTH} levels")
            return False
        try:
            size = len(msgspec.json.encode(value))
        except (msgspec.MsgspecError, TypeError, ValueError, OverflowError):
            self.add("mapping", "holds something that JSON cannot say")
            return False
        if size > MAX_BYTES:
            self.add("mapping", f"is longer than {MAX_BYTES} bytes of JSON")
        return size <= MAX_BYTES

    def known(self, key: str, value: Mapping[str, Json], names: tuple[str, ...]) -> None:
        for name in value.keys() - set(names):
            self.add(_join(key, name), f"there is no such key here; known are {_list(names)}")

    def members(self, key: str, value: object, names: tuple[str, ...]) -> Mapping[str, Json]:
        """``value`` if it is an object of known keys."""
        if not isinstance(value, dict):
            self.add(key, "must be a JSON object" if value is not None else "is needed")
            return {}
        self.known(key, value, names)
        return value

    def address(self, key: str, value: object) -> str:
        if not isinstance(value, str) or not value:
            self.add(key, "is needed: the path of the chat below the base URL, as in /v1/generate")
            return "/"
        plain = value.replace("{model}", "model")
        if len(value) > 500 or not _PATH.fullmatch(plain):
            self.add(
                key,
                "must begin with a slash and hold only what an address may; "
                "{model} stands for the model’s name",
            )
        elif any(part in (".", "..") for part in plain.partition("?")[0].split("/")):
            self.add(key, "may not hold . or .. as a step")
        return value

    # --- The request --------------------------------------------------------------------------------

    def request(self, value: object) -> Mapping[str, Json]:
        if not isinstance(value, dict) or "$" in value:
            self.add("request", "must be a JSON object: the body to send")
            return {}
        self.template("request", value)
        if not self.uses & (CONVERSATION.keys() - {"history", "system"}) and not any(
            key.startswith("request") for key in self.problems
        ):
            self.add(
                "request", 'holds no conversation: put {"$": "messages"} or {"$": "prompt"} in'
            )
        return value

    def template(self, key: str, value: Json) -> None:
        self.values += 1
        if self.values > MAX_VALUES:
            self.add("request", f"holds more than {MAX_VALUES} values")
        elif isinstance(value, dict) and "$" in value:
            self.placeholder(key, value)
        elif isinstance(value, dict):
            for name, member in value.items():
                self.template(_join(key, name), member)
        elif isinstance(value, list):
            for number, item in enumerate(value):
                self.template(f"{key}.{number}", item)

    def placeholder(self, key: str, value: Mapping[str, Json]) -> None:
        name = value["$"]
        if not isinstance(name, str) or name not in PLACEHOLDERS:
            shown = repr(name[:40]) if isinstance(name, str) else "this"
            self.add(key, f"there is no placeholder {shown}; known are {_list(PLACEHOLDERS)}")
            return
        self.uses.add(name)
        if name not in LISTS:
            self.known(key, value, ("$", "default"))
            return
        self.known(key, value, ("$", "shape", "role", "content", "roles"))
        shape = value.get("shape", "plain")
        if shape not in ("plain", "openai"):
            self.add(f"{key}.shape", 'must be "plain" or "openai"')
        for option in ("role", "content"):
            if not isinstance(value.get(option, option), str) or value.get(option) == "":
                self.add(f"{key}.{option}", "must be a text: the name of the member")
        if value.get("role", "role") == value.get("content", "content"):
            self.add(f"{key}.content", "must have another name than role")
        if shape == "openai" and value.keys() & {"role", "content", "roles"}:
            self.add(
                f"{key}.shape", "openai has names of its own; leave role, content and roles out"
            )
        if "roles" in value:
            roles = self.members(f"{key}.roles", value["roles"], ROLES)
            for role, word in roles.items():
                if not isinstance(word, str):
                    self.add(f"{key}.roles.{role}", "must be a text")

    # --- The answer ---------------------------------------------------------------------------------

    def answer(self, key: str, value: object, base: Answer | None) -> Answer:
        """``base`` is the whole answer, whose paths hold in a frame where it says nothing else."""
        names = _ANSWER if base is None else _STREAM
        said = self.members(key, value, names)
        found: dict[str, Path | None] = {
            name: self.path(_join(key, name), said.get(name))
            for name in ("text", "reasoning", "finish", "error", "model", "id")
        }
        if isinstance(value, dict) and value.get("text") is None:
            self.add(f"{key}.text", "is needed: where the text stands, as in /choices/0/text")
        words = self.words(f"{key}.finish_words", said.get("finish_words"))
        usage = self.usage(f"{key}.usage", said.get("usage"))
        tools = self.tools(f"{key}.tools", said.get("tools"))
        text = found["text"] or Path(f"{key}.text", "/", ())
        if base is not None:
            inherited = ("finish", "error", "model", "id")
            found |= {n: getattr(base, n) for n in inherited if n not in said}
            words, usage = words or base.finish_words, usage or base.usage
        return Answer(
            text=text,
            reasoning=found["reasoning"],
            finish=found["finish"],
            finish_words=words,
            usage=usage,
            error=found["error"],
            model=found["model"],
            id=found["id"],
            tools=tools,
        )

    def path(self, key: str, value: object) -> Path | None:
        if value is None:
            return None
        if not isinstance(value, str):
            self.add(key, "must be a path as a text, such as /choices/0/text")
            return None
        try:
            return custom_paths.parse(value, key)
        except BadPath as error:
            self.add(key, f"this path {error}")
            return None

    def words(self, key: str, value: object) -> Mapping[str, FinishReason]:
        if value is None:
            return {}
        if not isinstance(value, dict) or len(value) > MAX_WORDS:
            self.add(key, f"must be a JSON object of at most {MAX_WORDS} words")
            return {}
        for word, reason in value.items():
            if not isinstance(reason, str) or reason not in FINISHES:
                self.add(_join(key, word), f"must be one of {_list(FINISHES)}")
        return {word.lower(): reason for word, reason in value.items()}

    def usage(self, key: str, value: object) -> Mapping[str, Path]:
        said = {} if value is None else self.members(key, value, COUNTS)
        paths = {name: self.path(f"{key}.{name}", said.get(name)) for name in COUNTS}
        return {name: path for name, path in paths.items() if path is not None}

    def tools(self, key: str, value: object) -> ToolPaths | None:
        if value is None:
            return None
        names = ("calls", "name", "arguments", "id")
        said = self.members(key, value, names)
        paths = {name: self.path(f"{key}.{name}", said.get(name)) for name in names}
        calls, name, arguments = paths["calls"], paths["name"], paths["arguments"]
        if calls and name and arguments:
            return ToolPaths(calls, name, arguments, paths["id"])
        for needed in names[:3]:
            if said.get(needed) is None:
                self.add(f"{key}.{needed}", "is needed where there are tool calls")
        return None

    # --- The stream ---------------------------------------------------------------------------------

    def stream(self, value: object, path: str, base: Answer) -> Stream | None:
        if value is None:
            return None
        said = self.members("stream", value, _STREAM)
        framing = said.get("framing")
        if framing not in FRAMINGS:
            self.add("stream.framing", 'must be "sse" or "ndjson"')
        own = self.address("stream.path", said["path"]) if "path" in said else path
        answer = self.answer("stream", value, base)
        end = self.end(said.get("end"))
        return Stream("ndjson" if framing == "ndjson" else "sse", own, answer, end)

    def end(self, value: object) -> End:
        key = "stream.end"
        if value is None:
            self.add(
                key,
                'is needed: {"data": "[DONE]"} for a line that says only this, '
                '{"path": "/done"} for a member that becomes true, or {"body": true}',
            )
            return End()
        said = self.members(key, value, ("data", "path", "body"))
        if len(said) != 1:
            self.add(key, "must hold exactly one of data, path and body")
        data = said.get("data", "-")
        if not isinstance(data, str) or not data.strip() or len(data) > 200:
            self.add(f"{key}.data", "must be a text of at most 200 characters, such as [DONE]")
        if said.get("body", True) is not True:
            self.add(f"{key}.body", "can only be true")
        path = self.path(f"{key}.path", said.get("path"))
        return End(str(said.get("data") or "").strip(), path, "body" in said)


def _too_deep(value: object, levels: int) -> bool:
    if not isinstance(value, dict | list):
        return False
    inside = value.values() if isinstance(value, dict) else value
    return levels == 0 or any(_too_deep(item, levels - 1) for item in inside)


def _join(key: str, name: object) -> str:
    shown = str(name)[:60]
    return f"{key}.{shown}" if key else shown


def _list(names: Any) -> str:
    return ", ".join(names)

"""Reads the members of a caller's JSON, and says in a sentence which one is wrong, and how."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, overload

from providers.chat import Json
from providers.errors import InvalidRequest

_DESTINATIONS = frozenset(
    {
        "apibase", "apihost", "apikey", "apiurl", "azureadtoken", "azureendpoint", "baseurl",
        "customllmprovider", "endpoint", "endpointurl", "proxyurl",
    }
)  # fmt: skip
_CONVERSATION = frozenset(
    {
        "content", "contents", "functions", "generateContentRequest", "generationConfig",
        "generation_config", "images", "input", "instructions", "messages",
        "output_config", "output_format", "prediction", "prompt", "requests", "response_format",
        "responseFormat", "system", "systemInstruction", "systemPrompt", "system_instruction", "text",
        "tool_choice", "toolChoice", "tools",
    }
)  # fmt: skip
"""Members that hold the caller's own words and schemas, where any name is an innocent one."""

_LONGEST = 200
"""Characters of a path whose names are the caller's own."""


class Fields:
    """One JSON object. Every reader takes its member out, so ``rest()`` is what nobody asked for.

    A member that is null counts as absent. ``path`` is where the object stands in the body.
    """

    __slots__ = ("_left", "path", "whole")

    def __init__(self, value: Json, path: str = "") -> None:
        if not isinstance(value, dict):
            raise wrong(path, "an object", value)
        self.whole: dict[str, Any] = value
        """The object as it came, to be kept as opaque data; nobody may change it."""
        self._left: dict[str, Any] = dict(value)
        self.path = path

    def __contains__(self, name: str) -> bool:
        return self._left.get(name) is not None

    def at(self, name: str) -> str:
        """The path of a member, as errors write it."""
        return f"{self.path}.{name}" if self.path else name

    def take(self, name: str) -> Json:
        return self._left.pop(name, None)

    def put_back(self, name: str, value: Json) -> None:
        """Undo ``take``: the member is not ours after all."""
        self._left[name] = value

    @overload
    def text(self, name: str) -> str | None: ...
    @overload
    def text(self, name: str, default: str) -> str: ...
    def text(self, name: str, default: str | None = None) -> str | None:
        value = self._left.pop(name, None)
        if value is None:
            return default
        if not isinstance(value, str):
            raise wrong(self.at(name), "a string", value)
        return value

    def needed_text(self, name: str) -> str:
        value = self.text(name)
        if value is None:
            raise missing(self.at(name))
        return value

    def word(self, name: str, words: tuple[str, ...]) -> str | None:
        """A string that is one of ``words``."""
        value = self.text(name)
        if value is not None and value not in words:
            raise InvalidRequest(
                f"{self.at(name)} is {value[:100]!r}, but must be one of {', '.join(words)}.",
                param=self.at(name),
            )
        return value

    def number(self, name: str) -> float | None:
        value = self._left.pop(name, None)
        if value is None:
            return None
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise wrong(self.at(name), "a number", value)
        return value

    def integer(self, name: str, least: int | None = None) -> int | None:
        value = self.number(name)
        if value is None:
            return None
        if value != int(value):
            raise InvalidRequest(f"{self.at(name)} must be a whole number.", param=self.at(name))
        if least is not None and value < least:
            raise InvalidRequest(f"{self.at(name)} must be at least {least}.", param=self.at(name))
        return int(value)

    def flag(self, name: str) -> bool | None:
        value = self._left.pop(name, None)
        if value is not None and not isinstance(value, bool):
            raise wrong(self.at(name), "true or false", value)
        return value

    def mapping(self, name: str) -> dict[str, Any] | None:
        value = self._left.pop(name, None)
        if value is not None and not isinstance(value, dict):
            raise wrong(self.at(name), "an object", value)
        return value

    def fields(self, name: str) -> Fields | None:
        value = self._left.pop(name, None)
        return None if value is None else Fields(value, self.at(name))

    def items(self, name: str) -> list[Any] | None:
        value = self._left.pop(name, None)
        if value is not None and not isinstance(value, list):
            raise wrong(self.at(name), "a list", value)
        return value

    def each(self, name: str) -> Iterator[Fields]:
        """The objects of a list; nothing for an absent one."""
        path = self.at(name)
        for index, item in enumerate(self.items(name) or ()):
            yield Fields(item, f"{path}[{index}]")

    def words(self, name: str) -> tuple[str, ...]:
        """A string or a list of strings, as ``stop`` may be."""
        value = self._left.pop(name, None)
        if value is None:
            return ()
        if isinstance(value, str):
            return (value,)
        if not isinstance(value, list):
            raise wrong(self.at(name), "a string or a list of strings", value)
        for index, item in enumerate(value):
            if not isinstance(item, str):
                raise wrong(f"{self.at(name)}[{index}]", "a string", item)
        return tuple(value)

    def rest(self) -> dict[str, Any]:
        """The members that have not been read and are not null."""
        return {name: value for name, value in self._left.items() if value is not None}


def wrong(path: str, expected: str, value: Json) -> InvalidRequest:
    """The error for a value of the wrong type."""
    subject = path or "The body"
    return InvalidRequest(f"{subject} must be {expected}, not {kind(value)}.", param=path or None)


def missing(path: str) -> InvalidRequest:
    return InvalidRequest(f"{path} is missing.", param=path)


def kind(value: Json) -> str:
    """What JSON calls a value of this type."""
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case str():
            return "a string"
        case list():
            return "a list"
        case _:
            return "an object"


def refuse_destinations(body: Json, wrappers: tuple[str, ...] = ("options",)) -> None:
    """Raises InvalidRequest when ``body`` tries to say where the call goes or with which key.

    A stored key goes to the address it was saved for and nowhere else, so such a member is never
    merely ignored: the caller would believe it worked. It is found at any depth, save in the
    conversation and in schemas. Members named in ``wrappers`` are searched like the body itself.
    """
    if not isinstance(body, dict):
        return
    pending: list[tuple[str, Mapping[str, Json] | list[Json], bool]] = [("", body, True)]
    while pending:
        path, holder, top = pending.pop()
        pairs = holder.items() if isinstance(holder, Mapping) else enumerate(holder)
        for name, value in pairs:
            if isinstance(name, int):
                here = f"{path}[{name}]"
            else:
                here = f"{path}.{name}"[-_LONGEST:] if path else name
                if top and name in _CONVERSATION:
                    continue
                _refuse_destination(name, value, here)
            if isinstance(value, dict | list):
                pending.append((here, value, top and name in wrappers))


def _refuse_destination(name: str, value: Json, path: str) -> None:
    if name.lower().replace("_", "").replace("-", "") in _DESTINATIONS and value is not None:
        raise InvalidRequest(
            f"{path} is not accepted: a call goes only to an integration's own address, with its "
            "own key. Choose one with the X-Integration-Id header or by the model's name.",
            param=path,
        )

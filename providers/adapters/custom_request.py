"""A ChatRequest through a person's request template: each ``{"$": name}`` becomes what the call says.

A member whose placeholder the call says nothing for is left out, and an object or list that becomes empty by that
too. What is put in is never looked at again, so a prompt or a tool's schema that holds ``{"$": …}`` stays as it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from providers.adapters.base import Host
from providers.adapters.changes import Changes
from providers.adapters.custom_mapping import CustomMapping
from providers.adapters.openai_messages import Conversation
from providers.adapters.reading import as_dict
from providers.chat import (
    ChatRequest,
    Message,
    Part,
    Reasoning,
    Refusal,
    Text,
    Tool,
    ToolCall,
    ToolResult,
)
from providers.errors import InvalidRequest
from providers.wire import WireRequest

NAME = "custom"

Json = Any

_NO_PLACE = "the mapping has no place for it"
_SPEAKERS = {"system": "System", "user": "User", "assistant": "Assistant", "tool": "Tool"}


class _Unsaid:
    """What a placeholder becomes that the call says nothing for."""


_UNSAID = _Unsaid()


def build(request: ChatRequest, host: Host, mapping: CustomMapping) -> WireRequest:
    """Raises InvalidRequest where there is nothing to say."""
    if not request.messages:
        raise InvalidRequest("Add at least one message to the conversation.", param="messages")
    if not request.model and "model" in mapping.uses:
        raise InvalidRequest(
            "The mapping asks for a model's name. Give the integration a default model.",
            param="model",
        )
    changes = Changes()
    streams = request.stream and mapping.stream is not None
    if request.stream and not streams:
        changes.emulated("stream", "the mapping has no stream; the answer comes in one piece")
    path = mapping.stream.path if streams and mapping.stream else mapping.path
    options = _options(request, streams, mapping, changes)
    body = _Template(request, options, host, mapping, changes).fill(mapping.request)
    changes.foreign_extras(request, NAME)
    return WireRequest(
        "POST", _with_model(path, request.model), as_dict(body), {}, streams, changes.result()
    )


def _with_model(path: str, model: str) -> str:
    if "{model}" in path and model in (".", ".."):
        raise InvalidRequest("This is not the name of a model.", param="model")
    return path.replace("{model}", quote(model, safe=""))


def _options(
    request: ChatRequest, streams: bool, mapping: CustomMapping, changes: Changes
) -> Mapping[str, Json]:
    """Everything but the conversation, by placeholder; what the template has no place for is told."""
    reasoning = request.reasoning
    said: dict[str, Json] = {
        "temperature": request.temperature,
        "top_p": request.top_p,
        "top_k": request.top_k,
        "max_tokens": request.max_tokens,
        "stop": list(request.stop) or None,
        "seed": request.seed,
        "presence_penalty": request.presence_penalty,
        "frequency_penalty": request.frequency_penalty,
        "user": request.user,
        "reasoning_effort": reasoning.effort if reasoning else None,
        "tools": _tools(request, mapping, changes),
    }
    for name, value in said.items():
        if value is not None and name not in mapping.uses:
            changes.dropped(name, _NO_PLACE)
    if reasoning and (reasoning.budget is not None or reasoning.include is not None):
        changes.dropped("reasoning", _NO_PLACE)
    if request.response_format and request.response_format.kind != "text":
        changes.dropped("response_format", _NO_PLACE)
    if request.n not in (None, 1):
        changes.dropped("n", "a mapping reads one answer")
    for name in ("tool_choice", "parallel_tool_calls"):
        if getattr(request, name) is not None and request.tools:
            changes.dropped(name, _NO_PLACE)
    return {**said, "model": request.model, "stream": streams}


def _tools(request: ChatRequest, mapping: CustomMapping, changes: Changes) -> list[Json] | None:
    if request.tool_choice is not None and request.tool_choice.mode == "none":
        return None
    found = []
    for number, tool in enumerate(request.tools):
        if tool.parameters is None and any(as_dict(s).get("type") for s in tool.state.values()):
            changes.dropped(f"tools[{number}]", "only another provider runs this tool")
        else:
            found.append(_tool(tool))
    return found or None


def _tool(tool: Tool) -> Json:
    function = {
        "name": tool.name,
        "description": tool.description or "",
        "parameters": tool.parameters or {"type": "object", "properties": {}},
    }
    return {"type": "function", "function": function}


class _Template:
    def __init__(
        self,
        request: ChatRequest,
        options: Mapping[str, Json],
        host: Host,
        mapping: CustomMapping,
        changes: Changes,
    ) -> None:
        self._options = options
        self._host = host
        self._changes = changes
        self._system = [m for m in request.messages if m.role == "system"]
        apart = "system" in mapping.uses
        numbered = enumerate(request.messages)
        kept = [(n, m) for n, m in numbered if not (apart and m.role == "system")]
        self._messages = [message for _, message in kept]
        self._numbers = [number for number, _ in kept]
        if not mapping.uses & {"messages", "prompt", "history"} and len(self._messages) > 1:
            changes.dropped("messages", "the mapping has a place for the last one only")

    def fill(self, template: Json) -> Json | _Unsaid:
        if isinstance(template, dict):
            if "$" in template:
                return self._value(template)
            filled = {name: self.fill(member) for name, member in template.items()}
            said: Json = {name: v for name, v in filled.items() if v is not _UNSAID}
            return said if said or not template else _UNSAID
        if isinstance(template, list):
            items = [item for item in map(self.fill, template) if item is not _UNSAID]
            return items if items or not template else _UNSAID
        return template

    def _value(self, placeholder: Mapping[str, Json]) -> Json | _Unsaid:
        value = self._word(placeholder)
        if value is None:
            value = placeholder.get("default")
        return _UNSAID if value is None else value

    def _word(self, placeholder: Mapping[str, Json]) -> Json:
        match placeholder["$"]:
            case "messages":
                return self._list(self._messages, placeholder)
            case "history":
                return self._list(self._messages[:-1], placeholder) or None
            case "last":
                return self._text(len(self._messages) - 1) if self._messages else None
            case "prompt":
                return self._prompt()
            case "system":
                return self._instructions()
            case name:
                return self._options[name]

    def _instructions(self) -> str | None:
        texts = [_said(message.parts) for message in self._system]
        return "\n\n".join(filter(None, texts)) or None

    def _list(self, messages: Sequence[Message], wish: Mapping[str, Json]) -> list[Json]:
        if wish.get("shape") == "openai":
            return list(Conversation(self._host, self._changes).write(messages))
        role, content = wish.get("role", "role"), wish.get("content", "content")
        roles = {"tool": "user", **as_dict(wish.get("roles"))}
        return [
            {role: roles.get(message.role, message.role), content: self._text(number)}
            for number, message in enumerate(messages)
        ]

    def _prompt(self) -> str | None:
        """One text. A single question stands alone; in a conversation each turn tells who speaks."""
        texts = [self._text(number) for number in range(len(self._messages))]
        if len(texts) <= 1:
            return texts[0] if texts else None
        self._changes.emulated("messages", "joined into one text")
        *before, last = self._messages
        if last.role == "user" and all(message.role == "system" for message in before):
            return "\n\n".join(filter(None, texts))
        turns = [
            text if message.role == "system" else f"{_SPEAKERS[message.role]}: {text}"
            for message, text in zip(self._messages, texts, strict=True)
        ]
        return "\n\n".join([*turns, "Assistant:"] if last.role != "assistant" else turns)

    def _text(self, number: int) -> str:
        """All that a plain text can say of one of ``_messages``; the rest is told."""
        message, where = self._messages[number], f"messages[{self._numbers[number]}]"
        if message.name:
            self._changes.dropped(f"{where}.name", _NO_PLACE)
        for part in message.parts:
            self._tell(part, where)
        return _said(message.parts)

    def _tell(self, part: Part, where: str) -> None:
        match part:
            case Text() | Refusal():
                return
            case ToolCall() | ToolResult():
                self._changes.emulated(f"{where}.tools", "said in the message’s text")
            case Reasoning():
                self._changes.dropped("messages.reasoning", _NO_PLACE)
            case _:
                self._changes.dropped(f"{where}.{type(part).__name__.lower()}", _NO_PLACE)
        if isinstance(part, ToolResult) and any(not isinstance(p, Text) for p in part.content):
            self._changes.dropped(f"{where}.media", _NO_PLACE)


def _said(parts: Sequence[Part]) -> str:
    texts = []
    for part in parts:
        match part:
            case Text() | Refusal():
                texts.append(part.text)
            case ToolCall():
                texts.append(f"[The tool {part.name} is called with {part.arguments or '{}'}]")
            case ToolResult():
                name = f" {part.name}" if part.name else ""
                kind = "failed" if part.is_error else "answered"
                result = "\n".join(p.text for p in part.content if isinstance(p, Text))
                texts.append(f"[The tool{name} {kind}: {result}]")
            case _:
                continue
    return "\n".join(texts)

"""A conversation as the ``messages`` of Cohere's v2 chat."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from providers.adapters.changes import Changes
from providers.adapters.cohere_answer import FORMAT
from providers.adapters.reading import arguments_dict, arguments_text, as_dict, as_str
from providers.chat import (
    File,
    Image,
    Message,
    Opaque,
    Part,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
    ToolResult,
)

Json = dict[str, Any]


class Conversation:
    """Writes messages one after the other; ``changes`` hears of everything that does not fit."""

    def __init__(self, changes: Changes) -> None:
        self._changes = changes
        self._wire: list[Json] = []
        self._waiting: list[Json] = []
        """Pictures of tool results, until a user message may follow the last result."""

    def write(self, messages: Sequence[Message]) -> list[Json]:
        for number, message in enumerate(messages):
            self._message(message, f"messages[{number}]")
        self._flush()
        return self._wire

    def _message(self, message: Message, where: str) -> None:
        if message.name:
            self._changes.dropped(f"{where}.name", "this format's messages have no name")
        results = [part for part in message.parts if isinstance(part, ToolResult)]
        for result in results:
            self._result(result, where)
        rest = [part for part in message.parts if not isinstance(part, ToolResult)]
        if message.role == "tool" or (results and not rest):
            return
        self._flush()
        if message.role == "assistant":
            self._wire.append(self._assistant(rest, where))
        else:
            self._wire.append({"role": message.role, "content": self._content(rest, where)})

    def _assistant(self, parts: Sequence[Part], where: str) -> Json:
        blocks: list[Json] = []
        said: Json = {"role": "assistant"}
        calls = [_call(part) for part in parts if isinstance(part, ToolCall)]
        citations: list[Json] = []
        for part in parts:
            match part:
                case Text() if part.text:
                    blocks.append({"type": "text", "text": part.text})
                    own = (as_dict(note.state.get(FORMAT)) for note in part.citations)
                    citations += filter(None, own)
                case Refusal():
                    blocks.append({"type": "text", "text": part.text})
                case Reasoning():
                    self._thought(part, said, blocks)
                case Opaque() if as_dict(part.state.get(FORMAT)):
                    blocks.append(as_dict(part.state.get(FORMAT)))
                case Image() | File() | Opaque():
                    self._unsaid(part, where)
        if calls:
            said["tool_calls"] = calls
        if blocks or not calls:
            said["content"] = _plain(blocks)
        return {**said, "citations": citations} if citations else said

    def _thought(self, part: Reasoning, said: Json, blocks: list[Json]) -> None:
        match as_str(as_dict(part.state.get(FORMAT)).get("type")):
            case "tool_plan":
                said["tool_plan"] = said.get("tool_plan", "") + part.text
            case "thinking":
                blocks.append({"type": "thinking", "thinking": part.text})
            case _:
                self._changes.dropped(
                    "messages.reasoning", "only the model's own reasoning can be sent back"
                )

    def _result(self, result: ToolResult, where: str) -> None:
        texts = [part.text for part in result.content if isinstance(part, Text)]
        media = [part for part in result.content if not isinstance(part, Text)]
        if result.is_error:
            self._changes.emulated(f"{where}.is_error", "said in the result's text")
            texts = ["Error: " + "\n".join(texts)]
        if pictures := self._blocks(media, where):
            why = "sent in a user message after the tool's result"
            self._changes.emulated(f"{where}.image", why)
            texts = texts or ["The result follows in the next message."]
            self._waiting += [{"type": "text", "text": "Result of the tool call:"}, *pictures]
        content = "\n".join(texts)
        self._wire.append({"role": "tool", "tool_call_id": result.call_id, "content": content})

    def _flush(self) -> None:
        if self._waiting:
            self._wire.append({"role": "user", "content": self._waiting})
            self._waiting = []

    def _content(self, parts: Iterable[Part], where: str) -> str | list[Json]:
        return _plain(self._blocks(parts, where))

    def _blocks(self, parts: Iterable[Part], where: str) -> list[Json]:
        blocks: list[Json] = []
        for part in parts:
            if as_dict(part.state.get("anthropic")).get("cache_control"):
                self._changes.dropped("cache_control", "the provider decides itself what to cache")
            match part:
                case Text():
                    blocks.append({"type": "text", "text": part.text})
                case Image():
                    blocks.append(_image(part))
                case Opaque() if as_dict(part.state.get(FORMAT)):
                    blocks.append(as_dict(part.state.get(FORMAT)))
                case _:
                    self._unsaid(part, where)
        return blocks

    def _unsaid(self, part: Part, where: str) -> None:
        name = part.kind if isinstance(part, Opaque) else type(part).__name__.lower()
        self._changes.dropped(f"{where}.{name}", "a message of this format cannot carry it")


def _plain(blocks: list[Json]) -> str | list[Json]:
    """A single text needs no list."""
    if not blocks:
        return ""
    return blocks[0]["text"] if len(blocks) == 1 and blocks[0]["type"] == "text" else blocks


def _call(call: ToolCall) -> Json:
    # The host takes no call whose arguments are cut short.
    arguments = arguments_text(arguments_dict(call.arguments))
    function = {"name": call.name, "arguments": arguments}
    return {"id": call.id, "type": "function", "function": function}


def _image(image: Image) -> Json:
    url = image.url or f"data:{image.media_type or 'image/png'};base64,{image.data or ''}"
    return {
        "type": "image_url",
        "image_url": {"url": url, **({"detail": image.detail} if image.detail else {})},
    }

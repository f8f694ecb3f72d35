"""A conversation as the ``messages`` of chat completions.

Quirks read here (a model's quirk wins over its provider's):

==================== ======================================================================================
system_role          the role of instructions: ``system`` (default), ``developer``, ``user``
content_text_only    true: the host takes only a string as content; pictures and files are dropped
reasoning_back       thoughts of earlier turns: ``none`` (default), ``reasoning_content``, ``reasoning``,
                     ``reasoning_details`` (OpenRouter), ``thinking`` (Mistral's content blocks)
reasoning_back_scope ``all`` (default), or ``tools``: only in a conversation with tool calls (DeepSeek)
file_part            how a file is sent: ``file`` (default), ``document_url`` (Mistral, which also wants an upload's
                     id and the data of a sound without the object around it)
plain_messages       true: messages have no ``name`` and no ``refusal`` (Mistral)
file_url             true: ``file`` takes an address where the data goes (OpenRouter)
tool_result_media    true: pictures may stand in a tool's result; otherwise a user message carries them
tool_result_name     true: a tool's result repeats the function's name (Mistral)
tool_id              ``nine``: tool call ids must be nine letters and digits (Mistral)
assistant_prefix     name of the flag that marks a last assistant message as the answer's beginning
cache_control        true: the host takes Anthropic's cache marks in this format (OpenRouter)
==================== ======================================================================================
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from typing import Any, assert_never

from providers.adapters.base import Host
from providers.adapters.changes import Changes
from providers.adapters.openai_pieces import FORMAT
from providers.adapters.reading import as_dict, as_list, as_str
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

_IMAGE_STARTS = {"/9j/": "jpeg", "iVBOR": "png", "R0lG": "gif", "UklG": "webp"}
_AUDIO = {
    "audio/wav": "wav",
    "audio/x-wav": "wav",
    "audio/wave": "wav",
    "audio/mp3": "mp3",
    "audio/mpeg": "mp3",
}
_NINE = re.compile(r"[A-Za-z0-9]{9}")


class Conversation:
    """Writes messages one after the other; ``changes`` hears of everything that does not fit."""

    def __init__(self, host: Host, changes: Changes) -> None:
        self._host = host
        self._changes = changes
        self._wire: list[Json] = []
        self._waiting: list[Json] = []
        """Media of tool results, until a user message may follow the last result."""
        self._takes_thoughts = host.quirk("reasoning_back", "none") != "none"
        self._plain = bool(host.quirk("plain_messages"))
        self._documents = host.quirk("file_part") == "document_url"

    def write(self, messages: Sequence[Message]) -> list[Json]:
        if self._host.quirk("reasoning_back_scope") == "tools":
            called = any(isinstance(part, ToolCall) for m in messages for part in m.parts)
            self._takes_thoughts = self._takes_thoughts and called
        for number, message in enumerate(messages):
            self._message(message, number)
        self._flush()
        prefix = as_str(self._host.quirk("assistant_prefix"))
        if prefix and self._wire and self._wire[-1]["role"] == "assistant":
            self._wire[-1].setdefault(prefix, True)
        return self._wire

    def _message(self, message: Message, number: int) -> None:
        where = f"messages[{number}]"
        results = [part for part in message.parts if isinstance(part, ToolResult)]
        for result in results:
            self._result(result, where)
        if message.role == "tool" or (results and len(results) == len(message.parts)):
            self._unsaid(message.parts, (ToolResult,), where)
            return
        self._flush()
        if message.role == "assistant":
            wire = self._assistant(message, where)
        else:
            self._unsaid(message.parts, (Text, Image, File, Opaque, ToolResult), where)
            own = {name: v for name, v in _own(message.state).items() if name != "role"}
            wire = {
                "role": self._role(message),
                "content": self._content(message.parts, where),
                **own,
            }
        if message.name and self._plain:
            self._changes.dropped(f"{where}.name", "the provider's messages have no name")
        elif message.name:
            wire["name"] = message.name
        self._wire.append(wire)

    def _role(self, message: Message) -> str:
        if message.role != "system":
            return message.role
        role = as_str(self._host.quirk("system_role", "system"))
        if role == "user":
            self._changes.emulated("messages.system", "the model has no system role; sent as user")
        return role

    def _assistant(self, message: Message, where: str) -> Json:
        calls = [part for part in message.parts if isinstance(part, ToolCall)]
        refusals = [part.text for part in message.parts if isinstance(part, Refusal)]
        thoughts = [part for part in message.parts if isinstance(part, Reasoning)]
        self._unsaid(message.parts, (Text, Opaque, ToolCall, Refusal, Reasoning), where)
        said = [part for part in message.parts if isinstance(part, Text)]
        if refusals and self._plain:
            said += map(Text, refusals)
            refusals = []
        content: Any = self._content(said, where)
        wire: Json = {
            "role": "assistant",
            "content": content or (None if calls or refusals else ""),
        }
        if refusals:
            wire["refusal"] = "".join(refusals)
        if calls:
            wire["tool_calls"] = list(map(self._call, calls))
        for part in message.parts:
            if isinstance(part, Opaque):
                self._opaque(part, wire, where)
        if thoughts:
            self._thoughts(thoughts, wire)
        return {**wire, **{k: v for k, v in _own(message.state).items() if k != "role"}}

    def _opaque(self, part: Opaque, wire: Json, where: str) -> None:
        """Puts back what an earlier answer held: a sound by its id, a note, an unknown block."""
        own = _own(part.state)
        if not own:
            self._changes.dropped(f"{where}.{part.kind}", "only another provider's format knows it")
        elif part.kind == "audio":
            wire["audio"] = {"id": own.get("id")}
        elif part.kind == "annotation":
            wire.setdefault("annotations", []).append(own)
        else:
            wire["content"] = [*_blocks(wire["content"]), own]

    def _thoughts(self, thoughts: list[Reasoning], wire: Json) -> None:
        way = self._host.quirk("reasoning_back", "none")
        if not self._takes_thoughts:
            self._changes.dropped(
                "messages.reasoning", "the provider takes no earlier reasoning back"
            )
            return
        text = "".join(part.text for part in thoughts)
        details = [
            d for part in thoughts for d in as_list(_own(part.state).get("reasoning_details"))
        ]
        if way == "thinking":
            block = {"type": "thinking", "thinking": [{"type": "text", "text": text}]}
            wire["content"] = [block, *_blocks(wire["content"])]
        elif way == "reasoning_details" and details:
            wire["reasoning_details"] = details
        elif text:
            wire["reasoning" if way == "reasoning_details" else str(way)] = text

    def _call(self, call: ToolCall) -> Json:
        identity = self._tool_id(call.id)
        if _own(call.state).get("type") == "custom":
            custom = {"name": call.name, "input": call.arguments}
            return {"id": identity, "type": "custom", "custom": custom}
        function = {"name": call.name, "arguments": call.arguments or "{}"}
        extra = _own(call.state).get("extra_content")
        wire = {"id": identity, "type": "function", "function": function}
        return {**wire, "extra_content": extra} if extra else wire

    def _result(self, result: ToolResult, where: str) -> None:
        texts = [part.text for part in result.content if isinstance(part, Text)]
        media = [part for part in result.content if not isinstance(part, Text)]
        if result.is_error:
            self._changes.emulated(f"{where}.is_error", "said in the result's text")
            texts = ["Error: " + "\n".join(texts)]
        content: Any = "\n".join(texts)
        if media and self._host.quirk("tool_result_media"):
            content = [{"type": "text", "text": t} for t in texts] + self._media(media, where)
        elif media:
            self._changes.emulated(
                f"{where}.image", "sent in a user message after the tool's result"
            )
            content = content or "The result follows in the next message."
            note = {
                "type": "text",
                "text": f"Result of the tool call {self._tool_id(result.call_id)}:",
            }
            self._waiting += [note, *self._media(media, where)]
        wire = {"role": "tool", "tool_call_id": self._tool_id(result.call_id), "content": content}
        states = [result.state, *(part.state for part in result.content[-1:])]
        marks = (as_dict(state.get("anthropic")).get("cache_control") for state in states)
        mark = next(filter(None, marks), None)
        if mark and self._host.quirk("cache_control"):
            blocks = _blocks(content) or [{"type": "text", "text": ""}]
            wire["content"] = [*blocks[:-1], {**blocks[-1], "cache_control": mark}]
        elif mark:
            self._changes.dropped("cache_control", "the provider decides itself what to cache")
        if result.name and self._host.quirk("tool_result_name"):
            wire["name"] = result.name
        self._wire.append(wire)

    def _flush(self) -> None:
        if self._waiting:
            self._wire.append({"role": "user", "content": self._waiting})
            self._waiting = []

    def _content(self, parts: Iterable[Part], where: str) -> str | list[Json]:
        """A plain string where that says everything, as every host understands it."""
        blocks = self._media(
            [p for p in parts if isinstance(p, Text | Image | File | Opaque)], where
        )
        plain = all(block.keys() == {"type", "text"} for block in blocks)
        if plain and (len(blocks) < 2 or self._host.quirk("content_text_only")):
            return "\n".join(block["text"] for block in blocks)
        return blocks

    def _media(self, parts: Iterable[Text | Image | File | Opaque], where: str) -> list[Json]:
        blocks: list[Json] = []
        text_only = bool(self._host.quirk("content_text_only"))
        for part in parts:
            if text_only and not isinstance(part, Text):
                self._changes.dropped(
                    f"{where}.{type(part).__name__.lower()}", "the host takes text only"
                )
                continue
            block = self._block(part, where)
            mark = as_dict(part.state.get("anthropic")).get("cache_control")
            if mark and self._host.quirk("cache_control"):
                block["cache_control"] = mark
            elif mark:
                self._changes.dropped("cache_control", "the provider decides itself what to cache")
            blocks += [block] if block else []
        return blocks

    def _block(self, part: Text | Image | File | Opaque, where: str) -> Json:
        match part:
            case Text():
                return {"type": "text", "text": part.text}
            case Image():
                detail = {"detail": part.detail} if part.detail else {}
                return {"type": "image_url", "image_url": {"url": _image_url(part), **detail}}
            case File():
                return self._file(part, where)
            case Opaque():
                own = _own(part.state)
                if not own:
                    self._changes.dropped(f"{where}.{part.kind}", "only another format knows it")
                return own
            case _:
                assert_never(part)

    def _file(self, part: File, where: str) -> Json:
        audio = _AUDIO.get(part.media_type or "")
        if part.data and audio and self._documents:
            return {"type": "input_audio", "input_audio": part.data}
        if part.data and audio:
            return {"type": "input_audio", "input_audio": {"data": part.data, "format": audio}}
        url = part.url
        if part.data:
            url = f"data:{part.media_type or 'application/octet-stream'};base64,{part.data}"
        if url and self._documents:
            name = {"document_name": part.name} if part.name else {}
            return {"type": "document_url", "document_url": url, **name}
        if part.file_id and self._documents:
            return {"type": "file", "file_id": part.file_id}
        if part.file_id:
            return {"type": "file", "file": {"file_id": part.file_id}}
        if url and (part.data or self._host.quirk("file_url")):
            return {"type": "file", "file": {"filename": part.name or "file", "file_data": url}}
        self._changes.dropped(f"{where}.file", "the provider takes files as data, not by address")
        return {}

    def _tool_id(self, identity: str) -> str:
        if self._host.quirk("tool_id") != "nine" or _NINE.fullmatch(identity):
            return identity
        return hashlib.blake2s(identity.encode()).hexdigest()[:9]

    def _unsaid(self, parts: Iterable[Part], said: tuple[type[Part], ...], where: str) -> None:
        for part in parts:
            if not isinstance(part, said):
                name = type(part).__name__.lower()
                self._changes.dropped(f"{where}.{name}", "a message of this role cannot carry it")


def _own(state: Any) -> Json:
    return as_dict(state.get(FORMAT))


def _blocks(content: object) -> list[Any]:
    if isinstance(content, str):
        return [{"type": "text", "text": content}] if content else []
    return as_list(content)


def _image_url(image: Image) -> str:
    if image.url:
        return image.url
    data = image.data or ""
    starts = (kind for start, kind in _IMAGE_STARTS.items() if data.startswith(start))
    return f"data:{image.media_type or 'image/' + next(starts, 'png')};base64,{data}"

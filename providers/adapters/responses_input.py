"""A conversation as the ``input`` items of Responses.

The one quirk read here is ``system_role``: the role of instructions, ``system`` (default) or ``developer``, or
``instructions`` for a host that wants them in the field of that name (ChatGPT's Codex backend).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, assert_never

from providers.adapters.base import Host
from providers.adapters.changes import Changes
from providers.adapters.reading import as_dict, as_list, as_str
from providers.adapters.responses_answer import FORMAT
from providers.chat import (
    File,
    Image,
    Message,
    Opaque,
    Reasoning,
    Refusal,
    State,
    Text,
    ToolCall,
    ToolResult,
)

Json = dict[str, Any]


class Items:
    """Writes messages one after the other; ``changes`` hears of everything that does not fit."""

    def __init__(self, host: Host, changes: Changes) -> None:
        self._changes = changes
        self._role = as_str(host.quirk("system_role", "system"))
        self._items: list[Json] = []
        self._custom: set[str] = set()
        """Ids of calls whose tool takes plain text: their results are items of another type."""

    def write(self, messages: Sequence[Message]) -> Json:
        """``input``, and ``instructions`` where the host wants them apart."""
        said: Json = {}
        if self._role == "instructions":
            system = [message.text for message in messages if message.role == "system"]
            messages = [message for message in messages if message.role != "system"]
            said = {"instructions": "\n\n".join(system)}
        for number, message in enumerate(messages):
            self._message(message, f"messages[{number}]")
        return {"input": self._items, **said}

    def _message(self, message: Message, where: str) -> None:
        if message.name:
            self._changes.dropped(f"{where}.name", "this format's messages have no name")
        for part in message.parts:
            match part:
                case Text() | Image() | File() | Refusal():
                    self._say(message, part, where)
                case Reasoning():
                    self._thought(part)
                case ToolCall():
                    self._call(part)
                case ToolResult():
                    self._result(part, where)
                case Opaque():
                    self._opaque(part, message, where)
                case _:
                    assert_never(part)

    def _say(self, message: Message, part: Text | Image | File | Refusal, where: str) -> None:
        if message.role == "assistant":
            self._assistant(part, where)
        elif isinstance(part, Refusal):
            self._changes.dropped(f"{where}.refusal", "a message of this role cannot carry it")
        elif block := self._block(part, where):
            self._into(self._role_of(message), block)

    def _assistant(self, part: Text | Image | File | Refusal, where: str) -> None:
        own = _own(part.state)
        if isinstance(part, Text):
            phase = as_str(own.get("phase"))
            self._into("assistant", {"type": "output_text", "text": part.text}, phase)
        elif isinstance(part, Refusal):
            self._into("assistant", {"type": "refusal", "refusal": part.text})
        elif isinstance(part, Image) and own.get("type"):
            self._items.append({**own, "result": part.data})
        else:
            name = type(part).__name__.lower()
            self._changes.dropped(f"{where}.{name}", "a message of this role cannot carry it")

    def _role_of(self, message: Message) -> str:
        if message.role != "system":
            return "user"
        own = as_str(as_dict(message.state.get("openai")).get("role"))
        return own if own == "developer" else self._role

    def _into(self, role: str, block: Json, phase: str = "") -> None:
        """Adds to the message that is being written, or begins one."""
        last = self._items[-1] if self._items else {}
        if last.get("role") == role and last.get("phase", "") == phase:
            last["content"].append(block)
            return
        item: Json = {"type": "message", "role": role, "content": [block]}
        self._items.append({**item, "phase": phase} if phase else item)

    def _block(self, part: Text | Image | File, where: str) -> Json:
        if as_dict(part.state.get("anthropic")).get("cache_control"):
            self._changes.dropped("cache_control", "the provider decides itself what to cache")
        match part:
            case Text():
                return {"type": "input_text", "text": part.text}
            case Image():
                media_type = part.media_type or "image/png"
                url = part.url or f"data:{media_type};base64,{part.data or ''}"
                return {"type": "input_image", "image_url": url, "detail": part.detail or "auto"}
            case File():
                return self._file(part, where)
            case _:
                assert_never(part)

    def _file(self, part: File, where: str) -> Json:
        kind = (part.media_type or "").partition("/")[0]
        if kind in ("audio", "video"):
            self._changes.dropped(f"{where}.file", f"this format takes no {kind}")
            return {}
        if part.file_id:
            field = "image" if kind == "image" else "file"
            return {"type": f"input_{field}", "file_id": part.file_id}
        if part.data:
            data = f"data:{part.media_type or 'application/octet-stream'};base64,{part.data}"
            return {"type": "input_file", "filename": part.name or "file", "file_data": data}
        return {"type": "input_file", "file_url": part.url}

    def _thought(self, part: Reasoning) -> None:
        """Sealed thoughts go back as they came. A bare id would name an item that nobody has stored."""
        own = _own(part.state)
        if not (own.get("encrypted_content") or as_list(own.get("content"))):
            self._changes.dropped(
                "messages.reasoning", "only sealed reasoning of this format can be sent back"
            )
            return
        self._items.append({"type": "reasoning", "summary": [], **own})

    def _call(self, call: ToolCall) -> None:
        own = _own(call.state)
        custom = as_dict(call.state.get("openai")).get("type") == "custom"
        if custom or own.get("type") == "custom_tool_call":
            self._custom.add(call.id)
            item = {"type": "custom_tool_call", "input": call.arguments}
        else:
            item = {"type": "function_call", "arguments": call.arguments or "{}"}
        space = {"namespace": own["namespace"]} if own.get("namespace") else {}
        self._items.append({**item, "call_id": call.id, "name": call.name, **space})

    def _result(self, result: ToolResult, where: str) -> None:
        parts = result.content
        if result.is_error:
            self._changes.emulated(f"{where}.is_error", "said in the result's text")
            parts = (Text("Error:"), *parts)
        output: Any = "\n".join(part.text for part in parts if isinstance(part, Text))
        if not all(isinstance(part, Text) for part in parts):
            blocks = (self._block(part, where) for part in parts)
            output = [block for block in blocks if block]
        custom = result.call_id in self._custom
        kind = "custom_tool_call_output" if custom else "function_call_output"
        self._items.append({"type": kind, "call_id": result.call_id, "output": output})

    def _opaque(self, part: Opaque, message: Message, where: str) -> None:
        own = _own(part.state)
        if not own:
            self._changes.dropped(f"{where}.{part.kind}", "only another provider's format knows it")
        elif as_str(own.get("type")).startswith("input_"):
            self._into(self._role_of(message), own)
        else:
            self._items.append(own)


def _own(state: State) -> Json:
    return as_dict(state.get(FORMAT))

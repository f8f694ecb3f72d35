"""The ``contents`` of a Gemini conversation, part by part.

What a part carries beside its content (``thoughtSignature``, ``videoMetadata`` …) becomes ``state["gemini"]``. What
another provider sealed comes back in a ``thoughtSignature`` of ours, since clients keep no other member.

Calls and results may come without ids: a result then belongs to the first unanswered call of its function.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any

import msgspec

from aiproxy.protocols import content
from aiproxy.protocols.fields import missing
from aiproxy.protocols.gemini_fields import GoogleFields, camel
from aiproxy.protocols.sealing import SEAL, unseal
from providers.chat import (
    NO_STATE,
    File,
    Image,
    Message,
    Opaque,
    Part,
    Reasoning,
    State,
    Text,
    ToolCall,
    ToolResult,
)
from providers.errors import InvalidRequest

NAME = "gemini"
UNNAMED = "gcall_"
"""Begins the ids of calls that came without one. The adapter of this format knows them and sends none."""

_BESIDE = ("thought", "thoughtSignature", "videoMetadata", "mediaResolution", "partMetadata")


def parse_system(fields: GoogleFields) -> tuple[Message, ...]:
    """``systemInstruction``: a content, or its text alone."""
    value = fields.take("systemInstruction")
    if value is None:
        return ()
    if isinstance(value, str):
        return (Message("system", (Text(value),)),)
    inner = GoogleFields(value, fields.at("systemInstruction"))
    parts = tuple(_Conversation().part(part) for part in inner.several("parts"))
    return (Message("system", parts),) if parts else ()


def parse_contents(fields: GoogleFields) -> tuple[Message, ...]:
    conversation = _Conversation()
    path = fields.at("contents")
    messages = [m for inner in fields.several("contents") for m in conversation.turn(inner)]
    if not messages:
        raise InvalidRequest(f"{path} must hold at least one content.", param=path)
    return tuple(messages)


class _Conversation:
    """Remembers which calls are waiting for their results."""

    def __init__(self) -> None:
        self._count = 0
        self._waiting: list[tuple[str, str]] = []

    def turn(self, fields: GoogleFields) -> list[Message]:
        role = fields.word("role", ("user", "model", "function", "system"))
        parts = tuple(map(self.part, fields.several("parts")))
        if role == "model":
            return [Message("assistant", parts)]
        if role == "system":
            return [Message("system", parts)]
        return content.user_turn(parts) or [Message("user", ())]

    def part(self, fields: GoogleFields) -> Part:
        kinds = (camel(name) for name, value in fields.whole.items() if value is not None)
        kind = next((name for name in kinds if name not in _BESIDE), "")
        match kind:
            case "text" if fields.take("thought"):
                text = fields.text("text", "")
                return Reasoning(text, _state(fields, {"thought": True}))
            case "text":
                return Text(fields.text("text", ""), state=_state(fields))
            case "inlineData" | "fileData":
                media = fields.object(kind)
                return _media(kind, media, _state(fields))
            case "functionCall":
                return self._call(fields)
            case "functionResponse":
                return self._result(fields)
            case "":
                return Text("", state=_state(fields))
            case other:
                return Opaque(other, {NAME: fields.whole})

    def _call(self, fields: GoogleFields) -> ToolCall:
        inner = fields.object("functionCall")
        name, given = inner.needed_text("name"), inner.text("id", "")
        arguments = inner.mapping("args") or {}
        self._count += 1
        call_id = given or f"{UNNAMED}{self._count}"
        self._waiting.append((call_id, name))
        written = msgspec.json.encode(arguments).decode()
        return ToolCall(call_id, name, written, _state(fields))

    def _result(self, fields: GoogleFields) -> ToolResult:
        inner = fields.object("functionResponse")
        name = inner.needed_text("name")
        call_id = self._answered(inner.text("id", ""), name)
        media: list[Image | File] = []
        for part in inner.several("parts"):
            kind = "inlineData" if "inlineData" in part else "fileData"
            if kind not in part:
                raise missing(part.at("inlineData"))
            media.append(_media(kind, part.object(kind), _state(part)))
        response = inner.mapping("response") or {}
        words, is_error = _words(response)
        kept = {**inner.rest(), "response": response}
        state = _state(fields, {"functionResponse": kept})
        return ToolResult(call_id, (Text(words), *media), name, is_error, state)

    def _answered(self, call_id: str, name: str) -> str:
        """The id of the call that a result answers."""
        for index, waiting in enumerate(self._waiting):
            if waiting[0] == call_id if call_id else waiting[1] == name:
                return self._waiting.pop(index)[0]
        self._count += 1
        return call_id or f"{UNNAMED}{self._count}"


def _words(response: dict[str, Any]) -> tuple[str, bool]:
    """What a function answered: Google documents ``output`` and ``error`` as the names for it, and allows any."""
    match response:
        case {"output": str(text), **rest} if not rest:
            return text, False
        case {"error": error, **rest} if not rest:
            is_text = isinstance(error, str)
            return error if is_text else msgspec.json.encode(error).decode(), True
        case _:
            return msgspec.json.encode(response).decode(), False


def _media(kind: str, fields: GoogleFields, state: State) -> Image | File:
    media_type, name = fields.text("mimeType"), fields.text("displayName")
    data = fields.needed_text("data") if kind == "inlineData" else None
    url = fields.needed_text("fileUri") if kind == "fileData" else None
    if (media_type or "").startswith("image/"):
        return Image(media_type, data, url, state=state)
    return File(media_type, data, url, name=name, state=state)


def _state(fields: GoogleFields, more: dict[str, Any] | None = None) -> State:
    """What stands beside a part's content; or what another provider had sealed."""
    rest = {**fields.rest(), **(more or {})}
    signature = rest.get("thoughtSignature")
    if isinstance(signature, str) and (sealed := _plain(signature)).startswith(SEAL):
        return unseal(sealed, fields.at("thoughtSignature"))
    return {NAME: rest} if rest else NO_STATE


def _plain(signature: str) -> str:
    """The text within a signature, which is base64, of either alphabet once a client has rewritten it."""
    try:
        padded = signature.rstrip("=") + "=" * (-len(signature.rstrip("=")) % 4)
        return base64.urlsafe_b64decode(padded.replace("+", "-").replace("/", "_")).decode("ascii")
    except (binascii.Error, ValueError):
        return ""

"""The conversation of a Converse call.

``state["bedrock"]`` of a part holds what must come back with it: a thought's ``signature`` or ``redacted`` form,
a citation as it came, and a block that only Bedrock understands.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import assert_never
from urllib.parse import urlsplit

from providers.adapters.base import Host
from providers.adapters.changes import Changes
from providers.adapters.reading import as_dict, decode
from providers.chat import (
    File,
    Image,
    Json,
    Message,
    Opaque,
    Part,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
    ToolResult,
)
from providers.errors import InvalidRequest

NAME = "bedrock"
Object = dict[str, Json]

_IMAGES = {"image/png": "png", "image/jpeg": "jpeg", "image/gif": "gif", "image/webp": "webp"}
_DOCUMENTS = {
    "application/pdf": "pdf",
    "text/csv": "csv",
    "application/msword": "doc",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/vnd.ms-excel": "xls",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
    "text/html": "html",
    "text/markdown": "md",
}
_VIDEOS = {
    "video/mp4": "mp4",
    "video/quicktime": "mov",
    "video/x-matroska": "mkv",
    "video/webm": "webm",
    "video/mpeg": "mpeg",
    "video/x-flv": "flv",
    "video/x-ms-wmv": "wmv",
    "video/3gpp": "three_gp",
}
_TOOL_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9()\[\] -]+")


@dataclass
class Said:
    """What a conversation comes to. ``tools_used`` are the names of tools called in it, each once."""

    system: list[Object] = field(default_factory=list)
    turns: list[Object] = field(default_factory=list)
    tools_used: list[str] = field(default_factory=list)


class Conversation:
    def __init__(self, host: Host, changes: Changes) -> None:
        self._host = host
        self._changes = changes
        self._said = Said()
        self._documents: set[str] = set()

    def read(self, messages: Sequence[Message]) -> Said:
        """System blocks and turns; neighbours of the same role become one turn, as the API insists."""
        said = self._said
        for number, message in enumerate(messages):
            where = f"messages[{number}]"
            if message.role == "system" and not said.turns:
                said.system += self._system(message, where)
                continue
            if message.role == "system":
                self._changes.changed(
                    f"{where}.role",
                    "system messages stand only at the beginning; sent as the user's",
                )
            if message.name and message.role != "tool":
                self._changes.dropped(f"{where}.name", "this format has no names for speakers")
            role = "assistant" if message.role == "assistant" else "user"
            blocks = [b for part in message.parts for b in self._blocks(part, role, where)]
            if said.turns and said.turns[-1]["role"] == role:
                said.turns[-1]["content"] += blocks
            elif blocks:
                said.turns.append({"role": role, "content": blocks})
        for turn in said.turns:
            # Results must come before anything else the user says.
            if turn["role"] == "user":
                turn["content"].sort(key=lambda block: "toolResult" not in block)
        return said

    def _system(self, message: Message, where: str) -> list[Object]:
        blocks = [b for part in message.parts for b in self._blocks(part, "user", where)]
        if any("text" not in block for block in blocks):
            self._changes.dropped(where, "a system message holds only text here")
        return [block for block in blocks if "text" in block]

    def _blocks(self, part: Part, role: str, where: str) -> list[Object]:
        """No block for what cannot be said, which is reported, and for blank text, which the API refuses."""
        match part:
            case Text():
                return _text(part, role)
            case Refusal():
                return [{"text": part.text}] if part.text.strip() else []
            case Image() | File() if role == "assistant":
                self._changes.dropped(
                    f"{where}.{type(part).__name__.lower()}",
                    "an assistant message holds no media here",
                )
                return []
            case Image():
                media_type = part.media_type or _guessed(part.url) or "image/png"
                return self._media("image", _IMAGES.get(media_type, ""), part, where)
            case File():
                return self._file(part, where)
            case Reasoning():
                return self._reasoning(part, where)
            case ToolCall():
                return [self._call(part, where)]
            case ToolResult():
                return [self._result(part, where)]
            case Opaque():
                if NAME in part.state:
                    return [dict(as_dict(part.state[NAME]))]
                self._changes.dropped(
                    f"{where}.{part.kind}", "only the provider that made it understands it"
                )
                return []
        assert_never(part)

    def _file(self, part: File, where: str) -> list[Object]:
        media_type = part.media_type or "application/pdf"
        if media_type in _VIDEOS:
            return self._media("video", _VIDEOS[media_type], part, where)
        plain = media_type.startswith("text/") or media_type == "application/json"
        kind = _DOCUMENTS.get(media_type) or ("txt" if plain else "")
        blocks = self._media("document", kind, part, where)
        for block in blocks:
            block["document"]["name"] = self._document_name(part.name)
        return blocks

    def _media(self, kind: str, shape: str, part: Image | File, where: str) -> list[Object]:
        if isinstance(part, File) and part.file_id is not None:
            self._changes.dropped(f"{where}.file", "this provider does not know the file's id")
            return []
        if not shape:
            self._changes.dropped(
                f"{where}.{kind}", f"{part.media_type} is not a format that Bedrock reads"
            )
            return []
        if part.url is None:
            source: Object = {"bytes": part.data or ""}
        elif part.url.startswith("s3://"):
            source = {"s3Location": {"uri": part.url}}
        else:
            raise InvalidRequest(
                "Bedrock fetches nothing but s3:// addresses. Send the media itself.", param=where
            )
        return [{kind: {**as_dict(part.state.get(NAME)), "format": shape, "source": source}}]

    def _document_name(self, name: str | None) -> str:
        """Letters, digits, spaces, hyphens and brackets only, and no name twice."""
        stem = PurePosixPath(name or "document").stem
        plain = " ".join(_NOT_IN_NAMES.sub("-", stem).split())[:180] or "document"
        found, number = plain, 1
        while found in self._documents:
            number += 1
            found = f"{plain} {number}"
        self._documents.add(found)
        return found

    def _reasoning(self, part: Reasoning, where: str) -> list[Object]:
        own = as_dict(part.state.get(NAME))
        if own.get("redacted"):
            return [{"reasoningContent": {"redactedContent": own["redacted"]}}]
        if own.get("signature"):
            text = {"text": part.text, "signature": own["signature"]}
            return [{"reasoningContent": {"reasoningText": text}}]
        self._changes.dropped(
            f"{where}.reasoning", "thoughts without this provider's signature are refused"
        )
        return []

    def _call(self, part: ToolCall, where: str) -> Object:
        if part.name not in self._said.tools_used:
            self._said.tools_used.append(part.name)
        try:
            arguments = decode(part.arguments or "{}")
        except ValueError:
            arguments = None
        if not isinstance(arguments, dict):
            self._changes.changed(
                f"{where}.tool_calls", "arguments that are no JSON object are sent as an empty one"
            )
            arguments = {}
        return {"toolUse": {"toolUseId": tool_id(part.id), "name": part.name, "input": arguments}}

    def _result(self, part: ToolResult, where: str) -> Object:
        content = [block for item in part.content for block in self._blocks(item, "user", where)]
        result: Object = {
            "toolUseId": tool_id(part.call_id),
            "content": content or [{"text": "(empty)"}],
        }
        if part.is_error:
            result["status"] = "error"
        return {"toolResult": result}


def tool_id(text: str) -> str:
    """``text``, or a name made from it where another provider's id has characters that are refused here."""
    if _TOOL_ID.fullmatch(text):
        return text
    return "tooluse_" + hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:22]


def _text(part: Text, role: str) -> list[Object]:
    if not part.text.strip():
        return []
    cited = [as_dict(note.state[NAME]) for note in part.citations if NAME in note.state]
    if cited and role == "assistant":
        return [{"citationsContent": {"content": [{"text": part.text}], "citations": cited}}]
    return [{"text": part.text}]


def _guessed(url: str | None) -> str:
    suffix = PurePosixPath(urlsplit(url or "").path).suffix.lower().lstrip(".")
    suffix = "jpeg" if suffix == "jpg" else suffix
    return next((kind for kind, shape in _IMAGES.items() if shape == suffix), "")

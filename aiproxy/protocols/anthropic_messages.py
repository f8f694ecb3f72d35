"""The messages of an Anthropic conversation, block by block."""

from __future__ import annotations

import base64

import msgspec

from aiproxy.protocols import content
from aiproxy.protocols.fields import Fields, missing, wrong
from aiproxy.protocols.sealing import SEAL, unseal
from providers.chat import (
    Citation,
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

NAME = "anthropic"


def parse_system(fields: Fields) -> tuple[Message, ...]:
    """``system``: a text or text blocks."""
    if "system" not in fields:
        return ()
    parts = parse_content(fields, "system")
    return (Message("system", parts),) if parts else ()


def parse_messages(fields: Fields) -> tuple[Message, ...]:
    messages = [m for message in fields.each("messages") for m in parse_message(message)]
    if not messages:
        path = fields.at("messages")
        raise InvalidRequest(f"{path} must hold at least one message.", param=path)
    return tuple(messages)


def parse_message(fields: Fields) -> list[Message]:
    """One message; a user's that also holds tools' results becomes several."""
    if "role" not in fields:
        raise missing(fields.at("role"))
    role = fields.word("role", ("user", "assistant", "system"))
    if "content" not in fields:
        raise missing(fields.at("content"))
    parts = parse_content(fields, "content")
    match role:
        case "assistant":
            return [Message("assistant", parts)]
        case "system":
            return [Message("system", parts)]
        case _:
            return content.user_turn(parts)


def parse_content(fields: Fields, name: str, *, in_result: bool = False) -> tuple[Part, ...]:
    """A text or a list of blocks; nothing for an absent one."""
    value, path = fields.take(name), fields.at(name)
    if value is None:
        return ()
    if isinstance(value, str):
        return (Text(value),)
    if not isinstance(value, list):
        raise wrong(path, "a string or a list of blocks", value)
    return tuple(
        parse_block(Fields(block, f"{path}[{index}]"), in_result=in_result)
        for index, block in enumerate(value)
    )


def parse_block(fields: Fields, *, in_result: bool = False) -> Part:
    match fields.needed_text("type"):
        case "text":
            citations = tuple(map(_citation, fields.each("citations")))
            return Text(fields.needed_text("text"), citations, state_of(fields))
        case "image":
            return _image(fields)
        case "document":
            return _document(fields)
        case "thinking":
            return _thinking(fields)
        case "redacted_thinking":
            return Reasoning("", {NAME: {"data": fields.needed_text("data")}})
        case "tool_use":
            return _tool_use(fields)
        case "tool_result" if in_result:
            raise content.nested_result(fields.path)
        case "tool_result":
            return _tool_result(fields)
        case other:
            return Opaque(other, {NAME: fields.whole})


def state_of(fields: Fields) -> State:
    """What is left of a block, with the state of other formats that our answer put into ``state``."""
    foreign = content.state(fields)
    rest = fields.rest()
    return {**foreign, NAME: rest} if rest else foreign


def _citation(fields: Fields) -> Citation:
    whole = fields.whole
    return Citation(
        fields.text("url") or fields.text("source"),
        fields.text("title") or fields.text("document_title"),
        fields.text("cited_text"),
        state={NAME: whole},
    )


def _source(fields: Fields) -> Fields:
    source = fields.fields("source")
    if source is None:
        raise missing(fields.at("source"))
    return source


def _image(fields: Fields) -> Image | Opaque:
    whole = fields.whole
    source = _source(fields)
    match source.needed_text("type"):
        case "base64":
            media_type, data = source.needed_text("media_type"), source.needed_text("data")
            return Image(media_type, data, state=state_of(fields))
        case "url":
            url = source.needed_text("url")
            return content.image(url, source.at("url"), state=state_of(fields))
        case _:
            return Opaque("image", {NAME: whole})


def _document(fields: Fields) -> File | Opaque:
    whole = fields.whole
    source = _source(fields)
    name = fields.text("title")
    match source.needed_text("type"):
        case "base64":
            media_type, data = (
                source.text("media_type", "application/pdf"),
                source.needed_text("data"),
            )
            return File(media_type, data, name=name, state=state_of(fields))
        case "text":
            data = base64.b64encode(source.needed_text("data").encode()).decode()
            return File("text/plain", data, name=name, state=state_of(fields))
        case "url":
            url = content.address(source.needed_text("url"), source.at("url"))
            return File("application/pdf", url=url, name=name, state=state_of(fields))
        case "file":
            file_id = source.needed_text("file_id")
            return File(file_id=file_id, name=name, state=state_of(fields))
        case _:
            return Opaque("document", {NAME: whole})


def _thinking(fields: Fields) -> Reasoning:
    text, signature = fields.text("thinking", ""), fields.text("signature")
    if not signature:
        return Reasoning(text)
    if signature.startswith(SEAL):
        return Reasoning(text, unseal(signature, fields.at("signature")))
    return Reasoning(text, {NAME: {"signature": signature}})


def _tool_use(fields: Fields) -> ToolCall:
    call_id, name = fields.text("id", ""), fields.needed_text("name")
    arguments = fields.mapping("input") or {}
    return ToolCall(call_id, name, msgspec.json.encode(arguments).decode(), state_of(fields))


def _tool_result(fields: Fields) -> ToolResult | Opaque:
    """Results may hold blocks that only Anthropic knows; such a result is kept whole for it."""
    whole = fields.whole
    call_id = fields.needed_text("tool_use_id")
    is_error = fields.flag("is_error") or False
    parts = parse_content(fields, "content", in_result=True)
    if any(isinstance(part, Opaque) for part in parts):
        return Opaque("tool_result", {NAME: whole})
    words = content.of_result(parts, fields.at("content"))
    return ToolResult(call_id, words, is_error=is_error, state=state_of(fields))

"""The messages and parts of our own dialect, read and written.

What an answer holds in ``choices[].message`` may be sent back as it is: every part has one form for both ways.
"""

from __future__ import annotations

from typing import assert_never

from aiproxy.protocols import content, openai_messages
from aiproxy.protocols.base import JsonObject, without_none
from aiproxy.protocols.fields import Fields, missing, wrong
from aiproxy.protocols.openai_messages import arguments_text
from providers.chat import (
    NO_STATE,
    Citation,
    File,
    Image,
    Message,
    Opaque,
    Part,
    Reasoning,
    Refusal,
    State,
    Text,
    ToolCall,
    ToolResult,
)
from providers.errors import InvalidRequest

ROLES = ("system", "developer", "user", "assistant", "tool")
PARTS = ("text", "image", "file", "reasoning", "refusal", "toolCall", "toolResult", "opaque")
OPENAI_PARTS = ("image_url", "input_audio")
"""Parts that may also be written the way OpenAI's clients do."""


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
    role = fields.word("role", ROLES)
    name = fields.text("name")
    match role:
        case "assistant":
            calls = (*fields.each("toolCalls"), *fields.each("tool_calls"))
            parts = (*parse_content(fields), *map(_tool_call, calls))
            return [Message("assistant", parts, name)]
        case "tool":
            return [Message("tool", _results(fields, name))]
        case "user":
            return content.user_turn(_needed(fields), name)
        case _:
            return [Message("system", _needed(fields), name)]


def _needed(fields: Fields) -> tuple[Part, ...]:
    parts = parse_content(fields)
    if not parts:
        raise missing(fields.at("content"))
    return parts


def _results(fields: Fields, name: str | None) -> tuple[Part, ...]:
    """A tool's message: ``toolCallId`` and its content, or a list of toolResult parts."""
    call_id = fields.text("toolCallId") or fields.text("tool_call_id")
    is_error = fields.flag("isError") or False
    parts = parse_content(fields)
    if call_id is None:
        if parts and all(isinstance(part, ToolResult) for part in parts):
            return parts
        raise missing(fields.at("toolCallId"))
    words = content.of_result(parts, fields.at("content"))
    return (ToolResult(call_id, words, name, is_error),)


def parse_content(fields: Fields, *, in_result: bool = False) -> tuple[Part, ...]:
    """``content``: a text, a list of parts, or nothing."""
    value, path = fields.take("content"), fields.at("content")
    if value is None:
        return ()
    if isinstance(value, str):
        return (Text(value),)
    if not isinstance(value, list):
        raise wrong(path, "a string or a list of parts", value)
    return tuple(
        parse_part(Fields(part, f"{path}[{index}]"), in_result=in_result)
        for index, part in enumerate(value)
    )


def parse_part(fields: Fields, *, in_result: bool = False) -> Part:
    kind = fields.needed_text("type")
    if kind in OPENAI_PARTS or (kind == "file" and "file" in fields):
        return openai_messages.parse_part(Fields({"type": kind, **fields.rest()}, fields.path))
    state = content.state(fields)
    match kind:
        case "text":
            citations = tuple(map(_citation, fields.each("citations")))
            return Text(fields.needed_text("text"), citations, state)
        case "image":
            return _image(fields, state)
        case "file":
            return _file(fields, state)
        case "reasoning":
            return Reasoning(fields.text("text", ""), state)
        case "refusal":
            return Refusal(fields.text("text") or fields.needed_text("refusal"), state)
        case "toolCall":
            return _tool_call(fields, state)
        case "toolResult" if in_result:
            raise content.nested_result(fields.path)
        case "toolResult":
            return _tool_result(fields, state)
        case "opaque":
            return Opaque(fields.needed_text("kind"), state)
        case _:
            raise InvalidRequest(
                f"{fields.at('type')} is {kind[:100]!r}, but must be one of {', '.join(PARTS)}.",
                param=fields.at("type"),
            )


def _image(fields: Fields, state: State) -> Image:
    detail = fields.text("detail")
    data, url = fields.text("data"), fields.text("url")
    if url is not None:
        return content.image(url, fields.at("url"), detail, state)
    if data is None:
        raise missing(fields.at("url"))
    media_type = fields.text("mediaType")
    if media_type is None:
        guessed = content.bare_image(data, fields.at("data"))
        return Image(guessed.media_type, guessed.data, guessed.url, detail, state)
    return Image(media_type, data, detail=detail, state=state)


def _file(fields: Fields, state: State) -> File:
    name, media_type = fields.text("name"), fields.text("mediaType")
    file_id, data, url = fields.text("fileId"), fields.text("data"), fields.text("url")
    if file_id is not None:
        return File(media_type, file_id=file_id, name=name, state=state)
    if url is not None:
        found = content.file(url, fields.at("url"), name, state)
        return File(found.media_type or media_type, found.data, found.url, None, name, state)
    if data is None:
        raise missing(fields.at("url"))
    if media_type is None:
        raise missing(fields.at("mediaType"))
    return File(media_type, data, name=name, state=state)


def _tool_call(fields: Fields, state: State = NO_STATE) -> ToolCall:
    """Ours, or OpenAI's with its ``function``."""
    if "function" in fields:
        return openai_messages.parse_tool_call(fields)
    return ToolCall(
        fields.text("id", ""),
        fields.needed_text("name"),
        arguments_text(fields),
        state or content.state(fields),
    )


def _tool_result(fields: Fields, state: State) -> ToolResult:
    call_id = fields.needed_text("toolCallId")
    name, is_error = fields.text("name"), fields.flag("isError") or False
    parts = parse_content(fields, in_result=True)
    words = content.of_result(parts, fields.at("content"))
    return ToolResult(call_id, words, name, is_error, state)


def _citation(fields: Fields) -> Citation:
    return Citation(
        fields.text("url"),
        fields.text("title"),
        fields.text("quote"),
        fields.integer("start"),
        fields.integer("end"),
        content.state(fields),
    )


def render_part(part: Part) -> JsonObject:
    """The one form of a part, opaque state included."""
    shown = _render(part)
    if part.state:
        shown["state"] = dict(part.state)
    return shown


def _render(part: Part) -> JsonObject:
    match part:
        case Text():
            notes = [render_citation(citation) for citation in part.citations]
            cited = {"citations": notes} if notes else {}
            return {"type": "text", "text": part.text, **cited}
        case Image():
            return {
                "type": "image",
                **without_none(
                    mediaType=part.media_type, data=part.data, url=part.url, detail=part.detail
                ),
            }
        case File():
            return {
                "type": "file",
                **without_none(
                    mediaType=part.media_type,
                    data=part.data,
                    url=part.url,
                    fileId=part.file_id,
                    name=part.name,
                ),
            }
        case Reasoning():
            return {"type": "reasoning", "text": part.text}
        case Refusal():
            return {"type": "refusal", "text": part.text}
        case ToolCall():
            return {"type": "toolCall", **_call(part)}
        case ToolResult():
            return {
                "type": "toolResult",
                "toolCallId": part.call_id,
                "content": [render_part(inner) for inner in part.content],
                "isError": part.is_error,
                **without_none(name=part.name),
            }
        case Opaque():
            return {"type": "opaque", "kind": part.kind}
        case _:
            assert_never(part)


def render_tool_call(call: ToolCall) -> JsonObject:
    """A call as ``toolCalls`` lists it; ``arguments`` is JSON text, whole or cut off as it came."""
    return {**_call(call), **({"state": dict(call.state)} if call.state else {})}


def _call(call: ToolCall) -> JsonObject:
    return {"id": call.id, "name": call.name, "arguments": call.arguments}


def render_citation(citation: Citation) -> JsonObject:
    return without_none(
        url=citation.url,
        title=citation.title,
        quote=citation.quote,
        start=citation.start,
        end=citation.end,
        state=dict(citation.state) or None,
    )

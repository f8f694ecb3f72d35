"""The messages of an OpenAI conversation, part by part."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from aiproxy.protocols import content
from aiproxy.protocols.fields import Fields, missing, wrong
from providers.chat import (
    NO_STATE,
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

ROLES = ("system", "developer", "user", "assistant", "tool", "function")
KEPT = ("audio", "prefix")
"""Members of an assistant's message that some providers want back; clients echo many others."""

OURS = "aim-v1"
"""The ``format`` of reasoning details that we wrote, whose ``state`` may be any provider's."""


def parse_messages(fields: Fields) -> tuple[Message, ...]:
    messages = tuple(map(parse_message, fields.each("messages")))
    if not messages:
        path = fields.at("messages")
        raise InvalidRequest(f"{path} must hold at least one message.", param=path)
    return messages


def parse_message(fields: Fields) -> Message:
    if "role" not in fields:
        raise missing(fields.at("role"))
    role = fields.word("role", ROLES)
    name = fields.text("name")
    if role != "tool":
        _mark_last(fields)
    match role:
        case "assistant":
            return Message("assistant", _assistant_parts(fields), name, _kept(fields))
        case "tool":
            return Message(
                "tool", (_tool_result(fields, fields.needed_text("tool_call_id"), name),)
            )
        case "function":
            return Message("tool", (_tool_result(fields, _legacy_id(name or ""), name),))
        case "developer":
            parts = needed_content(fields)
            return Message(
                "system", parts, name, {"openai": {**fields.rest(), "role": "developer"}}
            )
        case "system":
            return Message("system", needed_content(fields), name, _rest(fields))
        case _:
            return Message("user", needed_content(fields), name, _rest(fields))


def _mark_last(fields: Fields) -> None:
    """A message's own ``cache_control`` is that of its last part, which is what it means."""
    mark, content_ = fields.take("cache_control"), fields.take("content")
    if mark is not None:
        parts = [{"type": "text", "text": content_}] if isinstance(content_, str) else content_
        if isinstance(parts, list) and parts and isinstance(parts[-1], dict):
            content_ = [*parts[:-1], {"cache_control": mark, **parts[-1]}]
    fields.put_back("content", content_)


def needed_content(fields: Fields) -> tuple[Part, ...]:
    if "content" not in fields:
        raise missing(fields.at("content"))
    return parse_content(fields)


def parse_content(fields: Fields) -> tuple[Part, ...]:
    """``content``: a text, a list of parts, or nothing."""
    value, path = fields.take("content"), fields.at("content")
    if value is None:
        return ()
    if isinstance(value, str):
        return (Text(value),)
    if not isinstance(value, list):
        raise wrong(path, "a string or a list of parts", value)
    return tuple(parse_part(Fields(part, f"{path}[{index}]")) for index, part in enumerate(value))


def parse_part(fields: Fields) -> Part:
    match fields.needed_text("type"):
        case "text":
            return Text(fields.needed_text("text"), state=caching(fields))
        case "image_url":
            return _image(fields)
        case "input_audio":
            return _audio(fields)
        case "file":
            return _file(fields)
        case "refusal":
            return Refusal(fields.needed_text("refusal"))
        case other:
            return Opaque(other, {"openai": fields.whole})


def caching(fields: Fields) -> State:
    """``cache_control``, which many clients send in this dialect for Anthropic's sake."""
    mark = fields.mapping("cache_control")
    return {"anthropic": {"cache_control": mark}} if mark else NO_STATE


def _image(fields: Fields) -> Image:
    path = fields.at("image_url")
    value = fields.take("image_url")
    if isinstance(value, str):
        return content.image(value, path, state=caching(fields))
    if value is None:
        raise missing(path)
    if not isinstance(value, dict):
        raise wrong(path, "an object with a url", value)
    inner = Fields(value, path)
    url = inner.needed_text("url")
    return content.image(url, inner.at("url"), inner.text("detail"), caching(fields))


def _audio(fields: Fields) -> File:
    inner = fields.fields("input_audio")
    if inner is None:
        raise missing(fields.at("input_audio"))
    return File(f"audio/{inner.needed_text('format')}", inner.needed_text("data"))


def _file(fields: Fields) -> File:
    inner = fields.fields("file")
    if inner is None:
        raise missing(fields.at("file"))
    name, file_id, data = inner.text("filename"), inner.text("file_id"), inner.text("file_data")
    if file_id:
        return File(file_id=file_id, name=name)
    if not data:
        raise InvalidRequest(
            f"{inner.path} must hold file_data or file_id.", param=inner.at("file_data")
        )
    return content.file(data, inner.at("file_data"), name, caching(fields))


def _assistant_parts(fields: Fields) -> tuple[Part, ...]:
    """Thoughts, words, refusal and calls, in the order in which a model says them."""
    refusal = fields.text("refusal")
    return (
        *_thoughts(fields),
        *parse_content(fields),
        *((Refusal(refusal),) if refusal else ()),
        *map(parse_tool_call, fields.each("tool_calls")),
        *_legacy_call(fields),
    )


def _thoughts(fields: Fields) -> Sequence[Reasoning]:
    """``reasoning_details`` with what a provider sealed into them, else the bare text."""
    text = fields.text("reasoning_content") or fields.text("reasoning")
    ours: list[Reasoning] = []
    foreign: list[Fields] = []
    for detail in fields.each("reasoning_details"):
        if "state" in detail or detail.text("format") == OURS:
            ours.append(Reasoning(detail.text("text", ""), content.state(detail)))
        else:
            foreign.append(detail)
    if foreign:
        ours.append(_foreign_thought(text, foreign))
    return ours or ([Reasoning(text)] if text else [])


def _foreign_thought(text: str | None, details: Sequence[Fields]) -> Reasoning:
    """What a provider of this format said in details of its own, which it wants back together."""
    state: State = {"openai": {"reasoning_details": [detail.whole for detail in details]}}
    texts = (detail.text("text") or detail.text("summary") or "" for detail in details)
    return Reasoning(text or "".join(texts), state)


def parse_tool_call(fields: Fields) -> ToolCall:
    function, custom = fields.fields("function"), fields.fields("custom")
    if custom is not None:
        name, written = custom.needed_text("name"), custom.text("input", "")
        return ToolCall(fields.text("id", ""), name, written, {"openai": {"type": "custom"}})
    if function is None:
        raise missing(fields.at("function"))
    state = fields.take("extra_content")
    return ToolCall(
        fields.text("id", ""),
        function.needed_text("name"),
        arguments_text(function),
        content.checked_state(state, fields.at("extra_content")),
    )


def arguments_text(fields: Fields) -> str:
    """``arguments`` as JSON text; an object, which some clients send, is written out."""
    value = fields.take("arguments")
    if isinstance(value, dict):
        return msgspec.json.encode(value).decode()
    if value is not None and not isinstance(value, str):
        raise wrong(fields.at("arguments"), "a string of JSON", value)
    return value or ""


def _tool_result(fields: Fields, call_id: str, name: str | None) -> ToolResult:
    parts = content.of_result(parse_content(fields), fields.at("content"))
    return ToolResult(call_id, parts, name, state=caching(fields))


def _legacy_call(fields: Fields) -> Sequence[ToolCall]:
    call = fields.fields("function_call")
    if call is None:
        return ()
    name = call.needed_text("name")
    return (ToolCall(_legacy_id(name), name, arguments_text(call)),)


def _legacy_id(name: str) -> str:
    """Old function calls have no id: the name pairs the call and its result."""
    return f"call_{name}"


def _rest(fields: Fields) -> State:
    """Members of a host's own; what an assistant said is another matter, as clients echo all of it."""
    rest = fields.rest()
    return {"openai": rest} if rest else NO_STATE


def _kept(fields: Fields) -> State:
    kept = {name: value for name in KEPT if (value := fields.take(name)) is not None}
    return {"openai": kept} if kept else NO_STATE

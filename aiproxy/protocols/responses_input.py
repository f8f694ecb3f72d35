"""The ``input`` of Responses, item by item.

What a model says in one turn is several items here (thoughts, a message, calls), and one message of ours.
An item keeps what our words do not say in ``state["responses"]``, as the adapter of this format wants it.
Nothing is stored between calls, so an item that is only named by its id is refused.
"""

from __future__ import annotations

from collections.abc import Iterator

from aiproxy.protocols import content
from aiproxy.protocols.fields import Fields, missing, wrong
from aiproxy.protocols.sealing import SEAL, unseal
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
    Role,
    State,
    Text,
    ToolCall,
    ToolResult,
)
from providers.errors import InvalidRequest

NAME = "responses"
ROLES = ("user", "assistant", "system", "developer")

_PASSING = ("id", "status", "type")
"""Members of an item that say nothing in another call: here is nothing that the ids could name."""

Turn = tuple[Role, tuple[Part, ...], State]


def parse_input(fields: Fields) -> tuple[Message, ...]:
    """``instructions`` and ``input``: a text, or items."""
    instructions = fields.text("instructions")
    value, path = fields.take("input"), fields.at("input")
    if isinstance(value, str):
        messages = [Message("user", (Text(value),))]
    elif isinstance(value, list):
        items = (Fields(item, f"{path}[{index}]") for index, item in enumerate(value))
        messages = _joined(map(_item, items))
    else:
        raise missing(path) if value is None else wrong(path, "a string or a list of items", value)
    if not messages:
        raise InvalidRequest(f"{path} must hold at least one item.", param=path)
    system = (Message("system", (Text(instructions),)),) if instructions else ()
    return (*system, *messages)


def _joined(turns: Iterator[Turn]) -> list[Message]:
    """Messages. What an assistant does after its thoughts or words belongs to the same turn; so do the
    answers of several tools.
    """
    messages: list[Message] = []
    for role, parts, state in turns:
        before = messages[-1] if messages else None
        if before is not None and before.role == role and _continues(role, before.parts, parts):
            messages[-1] = Message(role, (*before.parts, *parts))
        else:
            messages.append(Message(role, parts, state=state))
    return messages


def _continues(role: Role, before: tuple[Part, ...], parts: tuple[Part, ...]) -> bool:
    if role == "assistant":
        said = any(isinstance(part, Text | Refusal | ToolCall) for part in before)
        return not (said and any(isinstance(part, Text | Refusal) for part in parts))
    return role == "tool"


def _item(fields: Fields) -> Turn:
    kind = fields.text("type") or ("message" if "role" in fields else "item_reference")
    match kind:
        case "message":
            return _message(fields)
        case "reasoning":
            return "assistant", (_reasoning(fields),), NO_STATE
        case "function_call" | "custom_tool_call":
            return "assistant", (_call(fields, kind),), NO_STATE
        case "function_call_output" | "custom_tool_call_output":
            return "tool", (_result(fields),), NO_STATE
        case "image_generation_call" if "result" in fields:
            return "assistant", (_picture(fields),), NO_STATE
        case "item_reference":
            raise InvalidRequest(
                f"{fields.path} names an item of an earlier answer, but none are kept here. Send the whole "
                "item, as it was in that answer's output.",
                param=fields.path,
            )
        case other:
            part = Opaque(other, {NAME: fields.whole})
            return _opaque_role(other, fields.text("role", "")), (part,), NO_STATE


def _opaque_role(kind: str, role: str) -> Role:
    """Who an item of a hosted tool comes from: what the caller answers, or what the model did."""
    if role in ("system", "developer"):
        return "system"
    return "user" if kind.endswith(("_output", "_response")) else "assistant"


# --- messages -------------------------------------------------------------------------------------


def _message(fields: Fields) -> Turn:
    if "role" not in fields:
        raise missing(fields.at("role"))
    role = fields.word("role", ROLES)
    phase = fields.text("phase")
    state: State = {NAME: {"phase": phase}} if phase else NO_STATE
    if "content" not in fields:
        raise missing(fields.at("content"))
    parts = parse_content(fields, "content", state)
    if role == "developer":
        return "system", parts, {"openai": {"role": "developer"}}
    if role == "system":
        return "system", parts, NO_STATE
    return ("assistant" if role == "assistant" else "user"), parts, NO_STATE


def parse_content(fields: Fields, name: str, state: State = NO_STATE) -> tuple[Part, ...]:
    """A text or a list of parts."""
    value, path = fields.take(name), fields.at(name)
    if isinstance(value, str):
        return (Text(value, state=state),)
    if not isinstance(value, list):
        raise wrong(path, "a string or a list of parts", value)
    return tuple(_part(Fields(part, f"{path}[{index}]"), state) for index, part in enumerate(value))


def _part(fields: Fields, state: State) -> Part:
    match fields.needed_text("type"):
        case "input_text" | "text":
            return Text(fields.needed_text("text"), state=_with(state, fields))
        case "output_text":
            notes = tuple(map(_citation, fields.each("annotations")))
            return Text(fields.needed_text("text"), notes, _with(state, fields))
        case "refusal":
            return Refusal(fields.needed_text("refusal"), state)
        case "input_image" if "image_url" in fields:
            url = fields.needed_text("image_url")
            return content.image(url, fields.at("image_url"), fields.text("detail"))
        case "input_file":
            return _file(fields)
        case other:
            return Opaque(other, {NAME: fields.whole})


def _with(state: State, fields: Fields) -> State:
    """``state`` with what other formats' providers had put on an answer's text."""
    return {**state, **content.state(fields)} or NO_STATE


def _citation(fields: Fields) -> Citation:
    own: State = {} if fields.whole.get("type") == "url_citation" else {NAME: fields.whole}
    return Citation(
        fields.text("url"),
        fields.text("title") or fields.text("filename"),
        start=fields.integer("start_index", 0),
        end=fields.integer("end_index", 0),
        state=own or NO_STATE,
    )


def _file(fields: Fields) -> File | Opaque:
    name, file_id = fields.text("filename"), fields.text("file_id")
    data, url = fields.text("file_data"), fields.text("file_url")
    if data:
        if data.startswith("data:"):
            return content.file(data, fields.at("file_data"), name)
        return File("application/pdf", data, name=name)
    if url:
        return File(url=content.address(url, fields.at("file_url")), name=name)
    if file_id:
        return File(file_id=file_id, name=name)
    raise InvalidRequest(
        f"{fields.path} must hold file_data, file_url or file_id.", param=fields.at("file_data")
    )


def _picture(fields: Fields) -> Image:
    """A picture that an earlier answer generated."""
    own = {name: value for name, value in fields.whole.items() if name != "result"}
    media_type = f"image/{fields.text('output_format', 'png')}"
    return Image(media_type, fields.needed_text("result"), state={NAME: own})


# --- thoughts, calls, results ---------------------------------------------------------------------


def _reasoning(fields: Fields) -> Reasoning:
    """A thought, sealed by whichever provider had it."""
    pieces = [*fields.each("summary")] or [*fields.each("content")]
    text = "\n\n".join(piece.text("text", "") for piece in pieces)
    sealed = fields.text("encrypted_content", "")
    if sealed.startswith(SEAL):
        return Reasoning(text, unseal(sealed, fields.at("encrypted_content")))
    members = fields.whole.items()
    own = {name: v for name, v in members if name not in ("type", "status") and v is not None}
    return Reasoning(text, {NAME: own} if own.keys() - {"id", "summary"} else NO_STATE)


def _call(fields: Fields, kind: str) -> ToolCall:
    call_id, name = fields.needed_text("call_id"), fields.needed_text("name")
    if kind == "custom_tool_call":
        written = fields.text("input", "")
        return ToolCall(
            call_id, name, written, {"openai": {"type": "custom"}, NAME: {"type": kind}}
        )
    arguments = fields.text("arguments", "")
    foreign = content.state(fields)
    own = {name: value for name, value in fields.rest().items() if name not in _PASSING}
    return ToolCall(call_id, name, arguments, {**foreign, **({NAME: own} if own else {})})


def _result(fields: Fields) -> ToolResult:
    call_id = fields.needed_text("call_id")
    if "output" not in fields:
        raise missing(fields.at("output"))
    parts = parse_content(fields, "output")
    return ToolResult(call_id, content.of_result(parts, fields.at("output")))

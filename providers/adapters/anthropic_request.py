"""A ChatRequest as the body of Anthropic's ``POST /v1/messages``.

``state["anthropic"]`` of a part, tool or citation holds whatever else its block had on the wire
(``cache_control``, ``signature``, ``caller`` …) and is put back into the block. ``extra["anthropic"]`` is merged
over the body: ``tools`` are appended, ``output_config`` and ``metadata`` are joined, everything else wins over
what we would have said; ``betas`` becomes the ``anthropic-beta`` header.

Quirks read here: ``max_tokens`` (sent when nobody says a number and the model's limit is unknown),
``sampling`` ("full", "one" of temperature and top_p, "none"), ``structured_output`` ("native", "prompt"),
``forced_tool_choice``, and those of ``anthropic_thinking``.
"""

from __future__ import annotations

import hashlib
import re
from base64 import b64decode
from collections.abc import Mapping, Sequence
from typing import assert_never

import msgspec

from providers.adapters.anthropic_schema import closed
from providers.adapters.anthropic_thinking import Thinking, thinking
from providers.adapters.base import Host
from providers.adapters.changes import Changes
from providers.adapters.reading import as_dict, as_int, as_list, as_str, decode
from providers.chat import (
    ChatRequest,
    File,
    Image,
    Json,
    Message,
    Opaque,
    Part,
    Reasoning,
    Refusal,
    State,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from providers.errors import InvalidRequest
from providers.wire import WireRequest

NAME = "anthropic"
Block = dict[str, Json]

_DEFAULT_MAX_TOKENS = 8192
_FILES_BETA = "files-api-2025-04-14"
_TOOL_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_CHOICES = {"auto": "auto", "required": "any", "named": "tool", "none": "none"}
_JSON_PROMPT = "Answer with one JSON object and nothing else."
_SCHEMA_PROMPT = "Answer with JSON and nothing else. It must fit this JSON schema:\n"


def build(request: ChatRequest, host: Host) -> WireRequest:
    """Raises InvalidRequest for a conversation without a single message that can be sent."""
    changes = Changes()
    native = dict(request.extra.get(NAME, {}))
    betas = [beta for beta in map(as_str, as_list(native.pop("betas", None))) if beta]
    system, turns = _conversation(request.messages, changes)
    if not turns:
        raise InvalidRequest(
            "Add at least one message with content to the conversation.", param="messages"
        )
    max_tokens = _max_tokens(request, host, changes)
    tools = [
        _tool(tool, f"tools[{number}]", host, changes) for number, tool in enumerate(request.tools)
    ]
    tools += as_list(native.pop("tools", None))
    choice = _tool_choice(request, host, changes) if tools else {}
    forced = as_str(as_dict(choice.get("tool_choice")).get("type")) in ("any", "tool")
    thought = Thinking(native.get("thinking")) if "thinking" in native else None
    thought = thought or thinking(request.reasoning, host, max_tokens, forced, changes)
    output = {**thought.output_config, **_response_format(request, host, system, changes)}
    body = {
        "model": request.model,
        "max_tokens": max_tokens,
        "system": system,
        "messages": turns,
        "tools": tools,
        **choice,
        "thinking": thought.config,
        "output_config": {**output, **as_dict(native.pop("output_config", None))},
        **_sampling(request, host, thought.on, changes),
        "stop_sequences": _stop(request.stop, changes),
        "metadata": {"user_id": request.user} if request.user else {},
        "stream": request.stream,
    }
    if "metadata" in native:
        native["metadata"] = {**body["metadata"], **as_dict(native["metadata"])}
    if _uses_files(turns):
        betas.append(_FILES_BETA)
    _report_unknown(request, changes)
    return WireRequest(
        "POST",
        host.path("chat", "/v1/messages"),
        {**{key: value for key, value in body.items() if _said(value)}, **native},
        {"anthropic-beta": ",".join(dict.fromkeys(betas))} if betas else {},
        request.stream,
        changes.result(),
    )


# --- the conversation ---------------------------------------------------------------------------


def _conversation(messages: Sequence[Message], changes: Changes) -> tuple[list[Block], list[Block]]:
    """System blocks and turns. Neighbours of the same role become one turn, as the API would have it:
    all results of one turn's tool calls must stand in one user message.
    """
    system: list[Block] = []
    turns: list[Block] = []
    for number, message in enumerate(messages):
        where = f"messages[{number}]"
        if message.role == "system" and not turns:
            system += _system(message, where, changes)
            continue
        role = "assistant" if message.role == "assistant" else "user"
        if message.role == "system":
            changes.changed(
                f"{where}.role", "system messages stand only at the beginning; sent as the user's"
            )
        if message.name and message.role != "tool":
            changes.dropped(f"{where}.name", "this format has no names for speakers")
        blocks = [block for part in message.parts for block in _blocks(part, role, where, changes)]
        if turns and turns[-1]["role"] == role:
            turns[-1]["content"] += blocks
        elif blocks:
            turns.append({"role": role, "content": blocks})
    for turn in turns:
        # Results must come before anything else the user says.
        if turn["role"] == "user":
            turn["content"].sort(key=lambda block: block.get("type") != "tool_result")
    return system, turns


def _system(message: Message, where: str, changes: Changes) -> list[Block]:
    blocks = [block for part in message.parts for block in _blocks(part, "user", where, changes)]
    for block in blocks:
        if block.get("type") != "text":
            changes.dropped(f"{where}.{block.get('type')}", "a system message holds only text here")
    return [block for block in blocks if block.get("type") == "text"]


def _blocks(part: Part, role: str, where: str, changes: Changes) -> list[Block]:
    """No block for what cannot be said, which is reported, and for empty text, which the API refuses."""
    match part:
        case Text():
            return _text(part) if part.text.strip() else []
        case Refusal():
            return [{"type": "text", "text": part.text}] if part.text.strip() else []
        case Image() | File() if role == "assistant":
            changes.dropped(
                f"{where}.{type(part).__name__.lower()}", "an assistant message holds no media here"
            )
            return []
        case Image():
            return [_block("image", part.state, source=_image_source(part))]
        case File():
            return _document(part, where, changes)
        case Reasoning():
            return _thinking_block(part, where, changes)
        case ToolCall():
            return [_tool_use(part, where, changes)]
        case ToolResult():
            return [_tool_result(part, where, changes)]
        case Opaque():
            if NAME in part.state:
                return [dict(as_dict(part.state[NAME]))]
            changes.dropped(f"{where}.{part.kind}", "only the provider that made it understands it")
            return []
    assert_never(part)


def _block(kind: str, state: State, **fields: Json) -> Block:
    return {**as_dict(state.get(NAME)), "type": kind, **fields}


def _text(part: Text) -> list[Block]:
    block = _block("text", part.state, text=part.text)
    citations = [citation.state[NAME] for citation in part.citations if NAME in citation.state]
    return [{**block, "citations": citations} if citations else block]


def _image_source(part: Image) -> Block:
    if part.url is not None:
        return {"type": "url", "url": part.url}
    return {"type": "base64", "media_type": part.media_type or "image/png", "data": part.data}


def _document(part: File, where: str, changes: Changes) -> list[Block]:
    source = _document_source(part, where)
    if source is None:
        changes.dropped(f"{where}.file", f"{part.media_type} is neither a PDF nor text")
        return []
    title = {"title": part.name} if part.name else {}
    return [_block("document", part.state, source=source, **title)]


def _document_source(part: File, where: str) -> Block | None:
    media_type = part.media_type or "application/pdf"
    if part.file_id is not None:
        return {"type": "file", "file_id": part.file_id}
    if part.url is not None:
        return {"type": "url", "url": part.url}
    if media_type.startswith("text/") or media_type == "application/json":
        return {"type": "text", "media_type": "text/plain", "data": _plain(part.data or "", where)}
    if media_type != "application/pdf":
        return None
    return {"type": "base64", "media_type": media_type, "data": part.data}


def _plain(data: str, where: str) -> str:
    try:
        return b64decode(data, validate=True).decode()
    except ValueError:
        raise InvalidRequest("A text file must be base64 of UTF-8 text.", param=where) from None


def _thinking_block(part: Reasoning, where: str, changes: Changes) -> list[Block]:
    own = as_dict(part.state.get(NAME))
    if own.get("data"):
        return [{"type": "redacted_thinking", "data": own["data"]}]
    if own.get("signature"):
        return [{"type": "thinking", "thinking": part.text, "signature": own["signature"]}]
    changes.dropped(f"{where}.reasoning", "thoughts without this provider's signature are refused")
    return []


def _tool_use(part: ToolCall, where: str, changes: Changes) -> Block:
    try:
        arguments = decode(part.arguments or "{}")
    except ValueError:
        arguments = None
    if not isinstance(arguments, dict):
        changes.changed(
            f"{where}.tool_calls", "arguments that are no JSON object are sent as an empty one"
        )
        arguments = {}
    return _block("tool_use", part.state, id=tool_id(part.id), name=part.name, input=arguments)


def _tool_result(part: ToolResult, where: str, changes: Changes) -> Block:
    content = [block for item in part.content for block in _blocks(item, "user", where, changes)]
    fields: Block = {"tool_use_id": tool_id(part.call_id), "content": content}
    if part.is_error:
        fields["is_error"] = True
    return _block(
        "tool_result", part.state, **{key: value for key, value in fields.items() if value != []}
    )


def tool_id(text: str) -> str:
    """``text``, or a name made from it where another provider's id has characters that are refused here."""
    if _TOOL_ID.fullmatch(text):
        return text
    return "toolu_" + hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:24]


def _uses_files(turns: Sequence[Block]) -> bool:
    blocks = [block for turn in turns for block in turn["content"]]
    blocks += [item for block in blocks for item in as_list(block.get("content"))]
    return any(as_dict(as_dict(block).get("source")).get("type") == "file" for block in blocks)


# --- everything else ----------------------------------------------------------------------------


def _max_tokens(request: ChatRequest, host: Host, changes: Changes) -> int:
    """The API insists on a number. The model's own limit stands for "not said", so that is no change."""
    limit = host.model.max_output if host.model else 0
    if request.max_tokens is None:
        return limit or as_int(host.quirk("max_tokens")) or _DEFAULT_MAX_TOKENS
    if limit and request.max_tokens > limit:
        changes.changed("max_tokens", f"the model writes at most {limit} tokens")
        return limit
    return request.max_tokens


def _tool(tool: Tool, where: str, host: Host, changes: Changes) -> Block:
    block: Block = {**as_dict(tool.state.get(NAME)), "name": tool.name}
    if tool.description:
        block["description"] = tool.description
    block["input_schema"] = {"type": "object", "properties": {}, **(tool.parameters or {})}
    if tool.strict and host.quirk("structured_output") == "native":
        block["strict"] = True
        block["input_schema"], weakened = closed(block["input_schema"])
        if weakened:
            changes.changed(
                f"{where}.parameters", "keywords the provider does not enforce became descriptions"
            )
    elif tool.strict:
        changes.dropped(f"{where}.strict", "the model does not enforce schemas")
    return block


def _tool_choice(request: ChatRequest, host: Host, changes: Changes) -> Block:
    choice = request.tool_choice
    serial = request.parallel_tool_calls is False
    if choice is None and not serial:
        return {}
    choice = choice or ToolChoice("auto")
    if choice.mode in ("required", "named") and host.quirk("forced_tool_choice", True) is False:
        changes.changed(
            "tool_choice", "this model cannot be forced to call a tool; it chooses itself"
        )
        choice = ToolChoice("auto")
    block: Block = {"type": _CHOICES[choice.mode]}
    if choice.mode == "named":
        block["name"] = choice.name
    if serial and choice.mode != "none":
        block["disable_parallel_tool_use"] = True
    return {"tool_choice": block}


def _response_format(
    request: ChatRequest, host: Host, system: list[Block], changes: Changes
) -> Block:
    """The part of ``output_config`` that asks for JSON; or a sentence added to ``system``."""
    wanted = request.response_format
    if wanted is None or wanted.kind == "text":
        return {}
    schema: Mapping[str, Json] | None = wanted.schema if wanted.kind == "json_schema" else None
    if schema is not None and host.quirk("structured_output") == "native":
        subset, weakened = closed(schema)
        if weakened:
            changes.changed(
                "response_format", "keywords the provider does not enforce became descriptions"
            )
        return {"format": {"type": "json_schema", "schema": subset}}
    changes.emulated("response_format", "asked for in the system prompt; nothing enforces it")
    text = _JSON_PROMPT if schema is None else _SCHEMA_PROMPT + msgspec.json.encode(schema).decode()
    system.append({"type": "text", "text": text})
    return {}


def _sampling(
    request: ChatRequest, host: Host, thinks: bool, changes: Changes
) -> dict[str, float | int]:
    """Temperature goes from 0 to 1 here, stands alone on newer models, and is gone on the newest."""
    said = {"temperature": request.temperature, "top_p": request.top_p, "top_k": request.top_k}
    wanted = {name: value for name, value in said.items() if value is not None}
    if wanted.get("temperature", 0) > 1:
        changes.changed("temperature", "it ends at 1 here")
        wanted["temperature"] = 1
    for name, why in _refused(wanted, str(host.quirk("sampling", "full")), thinks):
        # 1 is what the model does anyway: leaving it out loses nothing.
        if wanted.pop(name) != 1:
            changes.dropped(name, why)
    return wanted


def _refused(wanted: Mapping[str, float | int], takes: str, thinks: bool) -> list[tuple[str, str]]:
    """Which parameters must not be sent, and why."""
    if takes == "none":
        return [(name, "this model takes no sampling parameters") for name in wanted]
    if thinks:
        barred = {"temperature", "top_k"} | ({"top_p"} if wanted.get("top_p", 1) < 0.95 else set())
        return [
            (name, "it cannot be set while the model thinks") for name in wanted if name in barred
        ]
    if takes == "one" and "temperature" in wanted and "top_p" in wanted:
        return [("top_p", "this model takes either temperature or top_p")]
    return []


def _stop(stop: Sequence[str], changes: Changes) -> list[str]:
    usable = [text for text in stop if text.strip()]
    if len(usable) != len(stop):
        changes.dropped("stop", "a stop sequence needs more than white space here")
    return usable


def _said(value: Json) -> bool:
    return value is not None and value is not False and value != [] and value != {}


def _report_unknown(request: ChatRequest, changes: Changes) -> None:
    for name in ("seed", "presence_penalty", "frequency_penalty"):
        value = getattr(request, name)
        if value is not None and (value or name == "seed"):
            changes.dropped(name, "this format has no such parameter")
    if request.n is not None and request.n > 1:
        changes.dropped("n", "this format gives one answer for a call")
    changes.foreign_extras(request, NAME)

"""A ChatRequest as the body of Ollama's ``POST /api/chat``.

Quirks: ``num_ctx`` is the context to ask for (Ollama's own default is small, and longer prompts are cut off
without a word); ``keep_alive`` is how long the model stays loaded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from providers.adapters.base import Host
from providers.adapters.changes import Changes
from providers.adapters.reading import arguments_dict, as_dict
from providers.chat import (
    ChatRequest,
    File,
    Image,
    Message,
    Part,
    Reasoning,
    ReasoningOptions,
    Refusal,
    Text,
    Tool,
    ToolCall,
    ToolResult,
)
from providers.errors import InvalidRequest
from providers.wire import WireRequest

FORMAT = "ollama"

Json = dict[str, Any]

_LEVELS: Mapping[str, str] = {
    "minimal": "low",
    "low": "low",
    "medium": "medium",
    "high": "high",
    "xhigh": "high",
    "max": "high",
}


def build(request: ChatRequest, host: Host) -> WireRequest:
    """Raises InvalidRequest where there is nothing to say, and for pictures given by address."""
    path = host.path("chat", "/api/chat")
    if not path:
        raise InvalidRequest("This provider has no chat. Choose another integration.")
    if not request.messages:
        raise InvalidRequest("Add at least one message to the conversation.", param="messages")
    changes = Changes()
    own = dict(request.extra.get(FORMAT, {}))
    options = {**_options(request, host, changes), **as_dict(own.pop("options", None))}
    body: Json = {
        "model": request.model,
        "messages": _messages(request.messages, changes),
        "stream": request.stream,
        "tools": _tools(request, changes),
        "format": _format(request),
        "think": _think(request.reasoning, host, changes),
        "options": options or None,
        "keep_alive": host.quirk("keep_alive"),
    }
    changes.foreign_extras(request, FORMAT)
    said = {name: value for name, value in body.items() if value is not None}
    return WireRequest("POST", path, {**own, **said}, {}, request.stream, changes.result())


def _options(request: ChatRequest, host: Host, changes: Changes) -> Json:
    values = {
        "temperature": request.temperature,
        "top_p": request.top_p,
        "top_k": request.top_k,
        "num_predict": request.max_tokens,
        "stop": list(request.stop) or None,
        "seed": request.seed,
        "presence_penalty": request.presence_penalty,
        "frequency_penalty": request.frequency_penalty,
        "num_ctx": host.quirk("num_ctx"),
    }
    if request.n not in (None, 1):
        changes.dropped("n", "Ollama gives one answer")
    if request.user is not None:
        changes.dropped("user", "Ollama does not take it")
    return {name: value for name, value in values.items() if value is not None}


def _messages(messages: Sequence[Message], changes: Changes) -> list[Json]:
    names = {part.id: part.name for m in messages for part in m.parts if isinstance(part, ToolCall)}
    wire: list[Json] = []
    for number, message in enumerate(messages):
        where = f"messages[{number}]"
        results = [part for part in message.parts if isinstance(part, ToolResult)]
        wire += [_result(result, names, where, changes) for result in results]
        rest = [part for part in message.parts if not isinstance(part, ToolResult)]
        if rest or not results:
            wire.append(_message(message, rest, where, changes))
    return wire


def _message(message: Message, parts: Sequence[Part], where: str, changes: Changes) -> Json:
    wire: Json = {"role": message.role, "content": ""}
    texts: list[str] = []
    for part in parts:
        match part:
            case Text() | Refusal():
                texts.append(part.text)
            case Image():
                wire.setdefault("images", []).append(_image(part, where))
            case Reasoning():
                wire["thinking"] = wire.get("thinking", "") + part.text
            case ToolCall():
                wire.setdefault("tool_calls", []).append(_call(part))
            case File() | _:
                changes.dropped(f"{where}.{type(part).__name__.lower()}", "Ollama cannot take it")
    if message.name:
        changes.dropped(f"{where}.name", "Ollama does not take it")
    return {**wire, "content": "\n".join(texts)}


def _call(call: ToolCall) -> Json:
    return {"function": {"name": call.name, "arguments": arguments_dict(call.arguments)}}


def _result(result: ToolResult, names: Mapping[str, str], where: str, changes: Changes) -> Json:
    """Results go by the tool's name; the id is Ollama's newer way and does no harm to older servers."""
    texts = [part.text for part in result.content if isinstance(part, Text)]
    images = [_image(part, where) for part in result.content if isinstance(part, Image)]
    if any(isinstance(part, File) for part in result.content):
        changes.dropped(f"{where}.file", "Ollama cannot take it")
    if result.is_error:
        changes.emulated(f"{where}.is_error", "said in the result's text")
        texts = ["Error: " + "\n".join(texts)]
    name = result.name or names.get(result.call_id, "")
    wire: Json = {"role": "tool", "content": "\n".join(texts), "tool_name": name}
    return {**wire, "images": images} if images else wire


def _image(image: Image, where: str) -> str:
    if image.data is None:
        raise InvalidRequest(
            "Ollama takes pictures only as data, not by address. Send the picture as base64.",
            param=f"{where}.image",
        )
    return image.data


def _tools(request: ChatRequest, changes: Changes) -> list[Json] | None:
    choice = request.tool_choice
    if choice is not None and choice.mode == "none":
        changes.emulated("tool_choice", "the tools are left out")
        return None
    tools = request.tools
    if choice is not None and choice.mode == "named":
        changes.emulated(
            "tool_choice", "only that tool is offered; Ollama cannot be made to call it"
        )
        tools = tuple(tool for tool in tools if tool.name == choice.name)
    elif choice is not None and choice.mode == "required":
        changes.dropped("tool_choice", "Ollama cannot be made to call a tool")
    if request.parallel_tool_calls is False:
        changes.dropped("parallel_tool_calls", "Ollama decides itself how many tools it calls")
    offered = [_tool(tool, f"tools[{i}]", changes) for i, tool in enumerate(tools)]
    return [tool for tool in offered if tool] or None


def _tool(tool: Tool, where: str, changes: Changes) -> Json:
    if tool.parameters is None and any(as_dict(s).get("type") for s in tool.state.values()):
        changes.dropped(where, "only another provider runs this tool")
        return {}
    if tool.strict:
        changes.dropped(f"{where}.strict", "Ollama does not take it")
    function = {
        "name": tool.name,
        "description": tool.description or "",
        "parameters": tool.parameters or {"type": "object", "properties": {}},
    }
    return {"type": "function", "function": function}


def _format(request: ChatRequest) -> object:
    wanted = request.response_format
    if wanted is None or wanted.kind == "text":
        return None
    return wanted.schema if wanted.kind == "json_schema" and wanted.schema else "json"


def _think(options: ReasoningOptions | None, host: Host, changes: Changes) -> bool | str | None:
    """``think`` is on or off; gpt-oss (quirk ``think_levels``) takes a level instead."""
    if options is None:
        return None
    if options.budget is not None and options.effort is None:
        changes.changed("reasoning.budget", "Ollama knows no budget; thinking is on or off")
    if options.effort == "none" or options.budget == 0:
        return False
    if options.include is False:
        changes.dropped("reasoning.include", "Ollama always shows the thoughts")
    if options.effort is None:
        return True if options.budget or options.include else None
    if host.quirk("think_levels"):
        return _LEVELS.get(options.effort, "medium")
    changes.changed("reasoning.effort", "Ollama thinks or does not; it does")
    return True

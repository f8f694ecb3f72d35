"""A ChatRequest as the body of Bedrock's ``Converse``.

``extra["bedrock"]`` is merged over the body: ``additionalModelRequestFields``, ``inferenceConfig`` and
``toolConfig`` are joined, everything else (``guardrailConfig``, ``performanceConfig`` …) wins over what we would
have said.

Quirks read here: ``top_k`` (the name of that parameter among the model's own fields, with dots for nesting;
missing: the model has none), ``sampling`` ("full", "one" of temperature and top_p, "none"),
``structured_output`` ("native"; else it is asked for in the system prompt), ``forced_tool_choice``, and those of
``bedrock_thinking`` and ``bedrock_messages``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from providers.adapters.base import Host
from providers.adapters.bedrock_messages import NAME, Conversation, Object
from providers.adapters.bedrock_thinking import Thinking, thinking
from providers.adapters.changes import Changes
from providers.adapters.reading import as_dict, as_list, as_str
from providers.chat import ChatRequest, Json, Tool
from providers.errors import InvalidRequest
from providers.wire import WireRequest

__all__ = ["NAME", "build", "model_path"]

_JOINED = ("additionalModelRequestFields", "inferenceConfig", "toolConfig")
_JSON_PROMPT = "Answer with JSON and nothing else."
_SCHEMA_PROMPT = _JSON_PROMPT + " It must fit this JSON schema:\n"
_UNKNOWN = ("seed", "presence_penalty", "frequency_penalty")


def build(request: ChatRequest, host: Host) -> WireRequest:
    """Raises InvalidRequest for a conversation without a single message that can be sent."""
    changes = Changes()
    native = dict(request.extra.get(NAME, {}))
    conversation = Conversation(host, changes).read(request.messages)
    if not conversation.turns:
        raise InvalidRequest(
            "Add at least one message with content to the conversation.", param="messages"
        )
    tools = _tool_config(request, host, conversation.tools_used, changes)
    choice = as_dict(tools.get("toolChoice"))
    thought = thinking(request, host, "any" in choice or "tool" in choice, changes)
    config, fields = _inference(request, host, thought, changes)
    output = _output(request, host, conversation.system, changes)
    body: Object = {
        "messages": conversation.turns,
        "system": conversation.system,
        "inferenceConfig": config,
        "toolConfig": tools,
        "additionalModelRequestFields": {**thought.fields, **fields},
        "outputConfig": output,
    }
    for name in _JOINED:
        body[name] = _joined(body[name], as_dict(native.pop(name, None)))
    _report_unknown(request, changes)
    name, method = ("chat_stream", "converse-stream") if request.stream else ("chat", "converse")
    return WireRequest(
        "POST",
        model_path(host, request.model, name, method),
        {**{key: value for key, value in body.items() if value}, **native},
        stream=request.stream,
        changes=changes.result(),
    )


def model_path(host: Host, model: str, operation: str, method: str) -> str:
    """The path of a model's method. A model's id or ARN can never leave its place in the path."""
    if not (model.isascii() and model.isprintable()):
        raise InvalidRequest(
            "A Bedrock model is named by its id, its inference profile or its ARN. Check the model.",
            param="model",
        )
    return host.path(operation, "/model/{model}/" + method, model)


def _tool_config(request: ChatRequest, host: Host, used: Sequence[str], changes: Changes) -> Object:
    """Tools and their choice. A conversation with calls in it is refused without tools, so they are declared."""
    choice = request.tool_choice
    tools: list[Object] = []
    if choice is None or choice.mode != "none" or used:
        tools = [_tool(tool, f"tools[{n}]", changes) for n, tool in enumerate(request.tools)]
    if used and not tools:
        changes.emulated("tools", "the tools called so far are declared, as this format insists")
        tools = [_declared(name) for name in used]
    if request.parallel_tool_calls is False and tools:
        changes.dropped("parallel_tool_calls", "this format cannot forbid them")
    if not tools:
        return {}
    config: Object = {"tools": tools}
    if choice is None or choice.mode == "auto":
        return config
    if choice.mode == "none":
        changes.dropped("tool_choice", "this format cannot forbid tools that were called before")
    elif host.quirk("forced_tool_choice", True) is False:
        changes.changed("tool_choice", "this model cannot be forced to call a tool")
    elif choice.mode == "named":
        config["toolChoice"] = {"tool": {"name": choice.name}}
    else:
        config["toolChoice"] = {"any": {}}
    return config


def _tool(tool: Tool, where: str, changes: Changes) -> Object:
    if tool.strict:
        changes.dropped(f"{where}.strict", "this format does not enforce a tool's schema")
    schema = {"type": "object", "properties": {}, **(tool.parameters or {})}
    spec: Object = {"name": tool.name, "inputSchema": {"json": schema}}
    if tool.description:
        spec["description"] = tool.description
    return {"toolSpec": {**as_dict(tool.state.get(NAME)), **spec}}


def _declared(name: str) -> Object:
    return {"toolSpec": {"name": name, "inputSchema": {"json": {"type": "object"}}}}


def _inference(
    request: ChatRequest, host: Host, thought: Thinking, changes: Changes
) -> tuple[Object, Object]:
    """``inferenceConfig``, and what of sampling belongs to the model's own fields."""
    values = {"temperature": request.temperature, "top_p": request.top_p, "top_k": request.top_k}
    wanted = {name: value for name, value in values.items() if value is not None}
    if wanted.get("temperature", 0) > 1:
        changes.changed("temperature", "it ends at 1 here")
        wanted["temperature"] = 1
    place = as_str(host.quirk("top_k"))
    for name, why in _refused(wanted, as_str(host.quirk("sampling")), bool(place), thought.on):
        # 1 is what the model does anyway: leaving it out loses nothing.
        if wanted.pop(name) != 1:
            changes.dropped(name, why)
    config = {
        "maxTokens": _max_tokens(request, host, changes),
        "temperature": wanted.get("temperature"),
        "topP": wanted.get("top_p"),
        "stopSequences": [text for text in request.stop if text] or None,
    }
    fields = _nested(place, wanted["top_k"]) if "top_k" in wanted else {}
    return {name: value for name, value in config.items() if value is not None}, fields


def _refused(
    wanted: Mapping[str, float], takes: str, has_top_k: bool, thinks: bool
) -> list[tuple[str, str]]:
    """Which parameters must not be sent, and why."""
    if takes == "none":
        return [(name, "this model takes no sampling parameters") for name in wanted]
    if thinks:
        return [(name, "it cannot be set while the model thinks") for name in wanted]
    found = []
    if takes == "one" and "temperature" in wanted and "top_p" in wanted:
        found.append(("top_p", "this model takes either temperature or top_p"))
    if "top_k" in wanted and not has_top_k:
        found.append(("top_k", "this model has no such parameter"))
    return found


def _max_tokens(request: ChatRequest, host: Host, changes: Changes) -> int | None:
    limit = host.model.max_output if host.model else 0
    if request.max_tokens is not None and limit and request.max_tokens > limit:
        changes.changed("max_tokens", f"the model writes at most {limit} tokens")
        return limit
    return request.max_tokens


def _output(request: ChatRequest, host: Host, system: list[Object], changes: Changes) -> Object:
    """``outputConfig`` that asks for JSON; or a sentence added to ``system``."""
    wanted = request.response_format
    if wanted is None or wanted.kind == "text":
        return {}
    schema = wanted.schema if wanted.kind == "json_schema" else None
    text = "" if schema is None else msgspec.json.encode(schema).decode()
    if text and host.quirk("structured_output") == "native":
        shape = {"schema": text, "name": wanted.name or "answer"}
        if wanted.description:
            shape["description"] = wanted.description
        return {"textFormat": {"type": "json_schema", "structure": {"jsonSchema": shape}}}
    changes.emulated("response_format", "asked for in the system prompt; nothing enforces it")
    system.append({"text": _SCHEMA_PROMPT + text if text else _JSON_PROMPT})
    return {}


def _nested(path: str, value: Json) -> Object:
    for name in reversed(path.split(".")):
        value = {name: value}
    return as_dict(value)


def _joined(ours: Object, theirs: Object) -> Object:
    """``theirs`` over ``ours``; tools of both."""
    tools = as_list(ours.get("tools")) + as_list(theirs.get("tools"))
    return {**ours, **theirs, **({"tools": tools} if tools else {})}


def _report_unknown(request: ChatRequest, changes: Changes) -> None:
    for name in _UNKNOWN:
        value = getattr(request, name)
        if value is not None and (value or name == "seed"):
            changes.dropped(name, "this format has no such parameter")
    if request.n is not None and request.n > 1:
        changes.dropped("n", "this format gives one answer for a call")
    if request.user:
        changes.dropped("user", "this format has no word for it")
    changes.foreign_extras(request, NAME)

"""A ChatRequest as the body of Cohere's ``POST /v2/chat``. ``cohere_messages`` writes the conversation.

The one quirk read here is ``drop``: names of parameters (in our words) that the model refuses.
"""

from __future__ import annotations

from typing import Any

import msgspec

from providers.adapters.base import Host
from providers.adapters.changes import Changes
from providers.adapters.cohere_answer import FORMAT
from providers.adapters.cohere_messages import Conversation
from providers.adapters.reading import as_dict, as_names
from providers.chat import ChatRequest, Message, ReasoningOptions, ResponseFormat, Text, Tool
from providers.errors import InvalidRequest
from providers.wire import WireRequest

Json = dict[str, Any]

_MOST_STOPS = 5
_WORDS = ("documents", "citation_options", "safety_mode", "priority")
"""Cohere's own parameters, taken from the extras of every dialect."""

_UNKNOWN = {"n": "this format gives one answer", "user": "this format has no word for it"}


def build(request: ChatRequest, host: Host) -> WireRequest:
    """Raises InvalidRequest where there is nothing to say."""
    path = host.path("chat", "/v2/chat")
    if not path:
        raise InvalidRequest("This provider has no chat. Choose another integration.")
    changes = Changes()
    format_, messages = _response_format(request, changes)
    body: Json = {
        "model": request.model,
        "messages": Conversation(changes).write((*messages, *request.messages)),
        **_tools(request, changes),
        **_parameters(request, host, changes),
        **_thinking(request.reasoning, host, changes),
        **({"response_format": format_} if format_ else {}),
    }
    if not body["messages"]:
        raise InvalidRequest("Add at least one message to the conversation.", param="messages")
    own = _extras(request, body, changes)
    return WireRequest(
        "POST",
        path,
        {**body, **own, "stream": request.stream},
        stream=request.stream,
        changes=changes.result(),
    )


def _parameters(request: ChatRequest, host: Host, changes: Changes) -> Json:
    stop = request.stop
    if len(stop) > _MOST_STOPS:
        changes.changed("stop", f"only the first {_MOST_STOPS} are sent, more are not taken")
        stop = stop[:_MOST_STOPS]
    values: Json = {
        "temperature": ("temperature", request.temperature),
        "top_p": ("p", request.top_p),
        "top_k": ("k", request.top_k),
        "max_tokens": ("max_tokens", request.max_tokens),
        "stop": ("stop_sequences", list(stop) or None),
        "seed": ("seed", request.seed),
        "presence_penalty": ("presence_penalty", request.presence_penalty),
        "frequency_penalty": ("frequency_penalty", request.frequency_penalty),
    }
    for name, why in _UNKNOWN.items():
        if getattr(request, name) not in (None, 1):
            changes.dropped(name, why)
    refused = as_names(host.quirk("drop"))
    said: Json = {}
    for ours, (theirs, value) in values.items():
        if value is not None and ours in refused:
            changes.dropped(ours, "the model does not take it")
        elif value is not None:
            said[theirs] = value
    return said


def _extras(request: ChatRequest, body: Json, changes: Changes) -> Json:
    own: Json = {}
    for dialect, values in request.extra.items():
        for name, value in values.items():
            if dialect != FORMAT and name not in _WORDS:
                changes.dropped(name, f"only the {dialect} format knows it")
            elif name == "logprobs":
                changes.dropped(name, "the answer has no place for them")
            elif name in body or name == "stream":
                changes.dropped(name, "it is said by another parameter")
            else:
                own[name] = value
    return own


# --- tools ----------------------------------------------------------------------------------------


def _tools(request: ChatRequest, changes: Changes) -> Json:
    choice, tools = request.tool_choice, request.tools
    if choice is not None and choice.mode == "named":
        tools = tuple(tool for tool in tools if tool.name == choice.name)
        changes.emulated("tool_choice", "only the named tool is sent, and some tool is required")
    found = (_tool(tool, f"tools[{i}]", changes) for i, tool in enumerate(tools))
    said: Json = {"tools": [tool for tool in found if tool]}
    if not said["tools"]:
        return {}
    if choice is not None and choice.mode != "auto":
        said["tool_choice"] = "NONE" if choice.mode == "none" else "REQUIRED"
    strict = [tool.strict for tool in tools if tool.strict is not None]
    if any(strict) and len(strict) == len(tools) and all(strict):
        said["strict_tools"] = True
    elif any(strict):
        changes.dropped("tools.strict", "it holds for all tools or for none")
    if request.parallel_tool_calls is not None:
        changes.dropped("parallel_tool_calls", "the model decides itself")
    return said


def _tool(tool: Tool, where: str, changes: Changes) -> Json:
    if tool.parameters is None and any(as_dict(state).get("type") for state in tool.state.values()):
        changes.dropped(where, "only another provider runs this tool")
        return {}
    function = {
        "name": tool.name,
        "description": tool.description,
        "parameters": tool.parameters or {"type": "object", "properties": {}},
    }
    return {"type": "function", "function": {k: v for k, v in function.items() if v is not None}}


# --- reasoning and structured output --------------------------------------------------------------


def _thinking(options: ReasoningOptions | None, host: Host, changes: Changes) -> Json:
    if options is None:
        return {}
    if options.include is not None:
        changes.dropped("reasoning.include", "the provider decides itself what it shows")
    if options.effort is None and options.budget is None:
        return {}
    if host.model is not None and "reasoning" not in host.model.capabilities:
        changes.dropped("reasoning", "the model does not think before it answers")
        return {}
    if options.effort == "none" or options.budget == 0:
        return {"thinking": {"type": "disabled"}}
    if options.budget is not None:
        return {"thinking": {"type": "enabled", "token_budget": options.budget}}
    changes.changed("reasoning.effort", "thinking can be on or off only; it is on")
    return {"thinking": {"type": "enabled"}}


def _response_format(request: ChatRequest, changes: Changes) -> tuple[Json, tuple[Message, ...]]:
    """The ``response_format`` to send, or an instruction where there are tools, with which it is refused."""
    wanted = request.response_format
    if wanted is None or wanted.kind == "text":
        return {}, ()
    if request.tools:
        changes.emulated(
            "response_format", "sent as an instruction, the host refuses it with tools"
        )
        return {}, (Message("system", (Text(_instruction(wanted)),)),)
    if wanted.kind == "json":
        return {"type": "json_object"}, ()
    return {"type": "json_object", "json_schema": wanted.schema or {"type": "object"}}, ()


def _instruction(wanted: ResponseFormat) -> str:
    schema = msgspec.json.encode(wanted.schema or {"type": "object"}).decode()
    return f"Answer with one JSON object that fits this JSON schema and nothing else:\n{schema}"

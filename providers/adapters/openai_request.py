"""A ChatRequest as the body of ``POST /chat/completions``. ``openai_messages`` writes the conversation.

Quirks read here (a model's quirk wins over its provider's):

================== ========================================================================================
drop               names of parameters (in our words) that the model refuses: they are left out
rename             our name to the host's, e.g. ``{max_tokens = "max_completion_tokens"}``
extras             the caller's further parameters that the host takes; others are left out (Mistral refuses a
                   request for one it does not know). Not said: all are passed on
top_k              true: the host takes ``top_k``, which OpenAI does not know
max_stop           how many stop sequences are taken
stream_usage       false: do not ask for usage in a stream (the host refuses ``stream_options``)
reasoning          ``effort`` (default), ``openrouter`` (an object), ``toggle`` (thinking on or off, and
                   an effort where ``reasoning_efforts`` is given), ``none``
reasoning_efforts  the efforts there are, the nearest one is taken; a table gives the host's own words
reasoning_include  name of the flag that shows or hides the thoughts (Groq)
json_object        false: the host knows no plain JSON mode; a schema of any object stands in
json_schema        false: the host knows no schemas; JSON mode and an instruction stand in
tool_strict        false: the host refuses ``strict`` in a tool
tool_choice_any    the host's word for "some tool" where it is not ``required``
================== ========================================================================================
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from providers.adapters.base import Host
from providers.adapters.changes import Changes
from providers.adapters.openai_messages import Conversation
from providers.adapters.openai_pieces import FORMAT
from providers.adapters.reading import as_dict, as_names, as_str
from providers.chat import ChatRequest, Message, ReasoningOptions, ResponseFormat, Text, Tool
from providers.errors import InvalidRequest
from providers.wire import WireRequest

Json = dict[str, Any]

EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
_BUDGETS = ((0, "none"), (1024, "minimal"), (4096, "low"), (16384, "medium"))
_UNANSWERED = {
    "logprobs": "the answer has no place for them",
    "top_logprobs": "the answer has no place for them",
}
EMPTY_SCHEMA: Mapping[str, Any] = {"type": "object", "properties": {}}


def build(request: ChatRequest, host: Host) -> WireRequest:
    """Raises InvalidRequest where there is nothing to say or the provider has no chat."""
    path = host.path("chat", "/chat/completions", request.model)
    if not path:
        raise InvalidRequest("This provider has no chat. Choose another integration.")
    changes = Changes()
    format_, messages = _response_format(request.response_format, host, changes)
    body: Json = {
        "model": request.model,
        "messages": Conversation(host, changes).write((*messages, *request.messages)),
        **_tools(request, host, changes),
        **_parameters(request, host, changes),
        **_reasoning(request.reasoning, host, changes),
        **({"response_format": format_} if format_ else {}),
    }
    if not body["messages"]:
        raise InvalidRequest("Add at least one message to the conversation.", param="messages")
    own = _own_extras(request, body, host, changes)
    if request.stream:
        own |= _stream(as_dict(own.get("stream_options")), host)
    changes.foreign_extras(request, FORMAT)
    return WireRequest(
        "POST", path, {**body, **own}, stream=request.stream, changes=changes.result()
    )


def _parameters(request: ChatRequest, host: Host, changes: Changes) -> Json:
    values: Json = {
        "temperature": request.temperature,
        "top_p": request.top_p,
        "top_k": request.top_k,
        "max_tokens": request.max_tokens,
        "stop": _stop(request.stop, host, changes),
        "seed": request.seed,
        "presence_penalty": request.presence_penalty,
        "frequency_penalty": request.frequency_penalty,
        "n": request.n,
        "user": request.user,
    }
    refused = {*as_names(host.quirk("drop"))}
    if not host.quirk("top_k"):
        refused.add("top_k")
    rename = as_dict(host.quirk("rename"))
    said = {name: value for name, value in values.items() if value is not None}
    for name in [name for name in said if name in refused]:
        changes.dropped(name, "the model does not take it")
        del said[name]
    return {as_str(rename.get(name)) or name: value for name, value in said.items()}


def _stop(stop: tuple[str, ...], host: Host, changes: Changes) -> list[str] | None:
    most = host.quirk("max_stop")
    if isinstance(most, int) and len(stop) > most:
        changes.changed("stop", f"only the first {most} are sent, more are not taken")
        stop = stop[:most]
    return list(stop) or None


def _own_extras(request: ChatRequest, body: Json, host: Host, changes: Changes) -> Json:
    """The caller's own words in this format; what ``body`` says already is not said twice."""
    own: Json = {}
    refused = as_names(host.quirk("drop"))
    taken = host.quirk("extras")
    for name, value in request.extra.get(FORMAT, {}).items():
        if name in _UNANSWERED:
            changes.dropped(name, _UNANSWERED[name])
        elif name in refused or (taken is not None and name not in as_names(taken)):
            changes.dropped(name, "the model does not take it")
        elif name in body or name == "stream":
            changes.dropped(name, "it is said by another parameter")
        else:
            own[name] = value
    return own


def _stream(options: Json, host: Host) -> Json:
    if host.quirk("stream_usage", True):
        options = {**options, "include_usage": True}
    return {"stream": True, **({"stream_options": options} if options else {})}


# --- tools ----------------------------------------------------------------------------------------


def _tools(request: ChatRequest, host: Host, changes: Changes) -> Json:
    tools = [_tool(tool, f"tools[{i}]", host, changes) for i, tool in enumerate(request.tools)]
    tools = [tool for tool in tools if tool]
    if not tools:
        return {}
    said: Json = {"tools": tools}
    choice = request.tool_choice
    if choice is not None:
        some = as_str(host.quirk("tool_choice_any")) or "required"
        named = {"type": "function", "function": {"name": choice.name}}
        words = {"required": some, "named": named}
        said["tool_choice"] = words.get(choice.mode, choice.mode)
    if request.parallel_tool_calls is not None:
        said["parallel_tool_calls"] = request.parallel_tool_calls
    return said


def _tool(tool: Tool, where: str, host: Host, changes: Changes) -> Json:
    own = as_dict(tool.state.get(FORMAT))
    if own.get("type"):
        return own
    others = [as_dict(state).get("type") for name, state in tool.state.items() if name != FORMAT]
    if tool.parameters is None and any(others):
        changes.dropped(where, "only another provider runs this tool")
        return {}
    function: Json = {
        "name": tool.name,
        "description": tool.description,
        "parameters": tool.parameters or EMPTY_SCHEMA,
        "strict": tool.strict,
    }
    if tool.strict is not None and not host.quirk("tool_strict", True):
        changes.dropped(f"{where}.strict", "the provider does not take it")
        del function["strict"]
    said: Json = {"type": "function"}
    mark = as_dict(tool.state.get("anthropic")).get("cache_control")
    if mark and host.quirk("cache_control"):
        said["cache_control"] = mark
    elif mark:
        changes.dropped("cache_control", "the provider decides itself what to cache")
    return {**said, "function": {k: v for k, v in function.items() if v is not None}}


# --- reasoning ------------------------------------------------------------------------------------


def _reasoning(options: ReasoningOptions | None, host: Host, changes: Changes) -> Json:
    if options is None:
        return {}
    way = as_str(host.quirk("reasoning", "effort"))
    said = {} if way == "openrouter" else _include(options, host, changes)
    if options.effort is None and options.budget is None and way != "openrouter":
        return said
    match way:
        case "openrouter":
            return _reasoning_object(options)
        case "toggle":
            return {**said, **_toggle(options, host, changes)}
        case "effort":
            effort = effort_word(options, host, changes)
            return {**said, "reasoning_effort": effort} if effort else said
        case _:
            changes.dropped("reasoning", "the model's thinking cannot be steered")
            return said


def _include(options: ReasoningOptions, host: Host, changes: Changes) -> Json:
    flag = as_str(host.quirk("reasoning_include"))
    if options.include is None:
        return {}
    if not flag:
        changes.dropped("reasoning.include", "the provider decides itself what it shows")
        return {}
    return {flag: options.include}


def _reasoning_object(options: ReasoningOptions) -> Json:
    said: Json = {"effort": options.effort, "max_tokens": options.budget}
    if options.effort and options.budget is not None:
        del said["effort"]  # OpenRouter takes one of the two; the number says more
    if options.include is not None:
        said["exclude"] = not options.include
    said = {name: value for name, value in said.items() if value is not None}
    return {"reasoning": said} if said else {}


def _toggle(options: ReasoningOptions, host: Host, changes: Changes) -> Json:
    if options.effort == "none" or options.budget == 0:
        return {"thinking": {"type": "disabled"}}
    said: Json = {"thinking": {"type": "enabled"}}
    if host.quirk("reasoning_efforts"):
        said["reasoning_effort"] = effort_word(options, host, changes)
    else:
        changes.changed("reasoning", "thinking can be on or off only; it is on")
    return said


def effort_word(options: ReasoningOptions, host: Host, changes: Changes) -> str:
    """The host's word for the effort that was asked for, or "" where it has none."""
    effort = options.effort
    if effort is None:
        budget = options.budget or 0
        effort = next((word for most, word in _BUDGETS if budget <= most), "high")
        changes.changed("reasoning.budget", f"the provider takes an effort; {effort} was sent")
    quirk = host.quirk("reasoning_efforts")
    words = as_dict(quirk) or {word: word for word in as_names(quirk)}
    known = [word for word in words if word in EFFORTS]
    if not known or effort not in EFFORTS:
        return effort
    wanted = EFFORTS.index(effort)
    # Of two that are as near, the higher one: too much thought does less harm than too little.
    nearest = min(known, key=lambda word: (abs(EFFORTS.index(word) - wanted), -EFFORTS.index(word)))
    if nearest != effort:
        changes.changed("reasoning.effort", f"{nearest} was sent, the model has no {effort}")
    return as_str(words[nearest])


# --- structured output ----------------------------------------------------------------------------


def _response_format(
    wanted: ResponseFormat | None, host: Host, changes: Changes
) -> tuple[Json, tuple[Message, ...]]:
    """The ``response_format`` to send, and an instruction where the host needs one."""
    if wanted is None or wanted.kind == "text":
        return {}, ()
    if wanted.kind == "json" and host.quirk("json_object", True):
        return {"type": "json_object"}, ()
    if wanted.kind == "json":
        changes.emulated("response_format", "a schema of any object stands in for JSON mode")
        return _schema(ResponseFormat("json_schema", {"type": "object"})), ()
    if host.quirk("json_schema", True):
        return _schema(wanted), ()
    changes.emulated("response_format", "the schema is sent as an instruction, with JSON mode")
    schema = msgspec.json.encode(wanted.schema or {"type": "object"}).decode()
    text = f"Answer with one JSON object that fits this JSON schema and nothing else:\n{schema}"
    return {"type": "json_object"}, (Message("system", (Text(text),)),)


def _schema(wanted: ResponseFormat) -> Json:
    schema: Json = {
        "name": wanted.name or "answer",
        "description": wanted.description,
        "schema": wanted.schema or {"type": "object"},
        "strict": wanted.strict,
    }
    said = {name: value for name, value in schema.items() if value is not None}
    return {"type": "json_schema", "json_schema": said}

"""A ChatRequest as the body of ``POST /responses``. ``responses_input`` writes the conversation.

Nothing is stored at the provider (``store`` is false unless the caller asks for it), so reasoning comes back sealed
and is sent again with the next turn.

Quirks read here, all shared with chat completions (a model's quirk wins over its provider's):

================== ========================================================================================
drop               names of parameters (in our words) that the model refuses: they are left out
reasoning          ``none``: the model's thinking cannot be steered
reasoning_efforts  the efforts there are, the nearest one is taken; a table gives the host's own words
================== ========================================================================================
"""

from __future__ import annotations

from typing import Any

from providers.adapters.base import Host
from providers.adapters.changes import Changes
from providers.adapters.openai_request import EMPTY_SCHEMA, effort_word
from providers.adapters.reading import as_dict, as_list, as_names
from providers.adapters.responses_answer import FORMAT
from providers.adapters.responses_input import Items
from providers.chat import (
    ChatRequest,
    Reasoning,
    ReasoningOptions,
    ResponseFormat,
    Tool,
    ToolChoice,
)
from providers.errors import InvalidRequest
from providers.wire import WireRequest

Json = dict[str, Any]

_LEAST_OUTPUT = 16
"""OpenAI refuses a smaller ``max_output_tokens``."""

_SEALED = "reasoning.encrypted_content"

_SHARED = (
    "service_tier",
    "store",
    "metadata",
    "prompt_cache_key",
    "prompt_cache_retention",
    "safety_identifier",
)
"""Parameters of chat completions that mean the same here."""

_UNKNOWN = ("top_k", "stop", "seed", "presence_penalty", "frequency_penalty")


def build(request: ChatRequest, host: Host) -> WireRequest:
    """Raises InvalidRequest where there is nothing to say or the provider has no such path."""
    path = host.path("responses", "/responses")
    if not path:
        raise InvalidRequest("This provider has no chat. Choose another integration.")
    changes = Changes()
    own = _extras(request, host, changes)
    tools = _tools(request, as_list(own.pop("tools", None)), changes)
    body: Json = {
        "model": request.model,
        **Items(host, changes).write(request.messages),
        **tools,
        **_parameters(request, bool(tools), host, changes),
    }
    if not body["input"] and "previous_response_id" not in own:
        raise InvalidRequest("Add at least one message to the conversation.", param="messages")
    text = {**as_dict(own.pop("text", None)), **_text(request.response_format)}
    reasoning = _reasoning(request.reasoning, host, changes) | as_dict(own.pop("reasoning", None))
    include = [*as_list(own.pop("include", None)), *([_SEALED] if _seals(request, host) else [])]
    body |= {"text": text} if text else {}
    body |= {"reasoning": reasoning} if reasoning else {}
    body |= {"include": list(dict.fromkeys(include))} if include else {}
    body |= {"stream": True} if request.stream else {}
    for name in [name for name in own if name in body]:
        changes.dropped(name, "it is said by another parameter")
        del own[name]
    return WireRequest(
        "POST",
        path,
        {**body, "store": False, **own},
        stream=request.stream,
        changes=changes.result(),
    )


def _parameters(request: ChatRequest, calls: bool, host: Host, changes: Changes) -> Json:
    for name in _UNKNOWN:
        if getattr(request, name) not in (None, ()):
            changes.dropped(name, "the Responses format has no word for it")
    if request.n not in (None, 1):
        changes.dropped("n", "this format gives one answer")
    most = request.max_tokens
    if most is not None and most < _LEAST_OUTPUT:
        changes.changed("max_tokens", f"{_LEAST_OUTPUT} is the least that is taken")
        most = _LEAST_OUTPUT
    values = {
        "temperature": request.temperature,
        "top_p": request.top_p,
        "max_tokens": most,
        "parallel_tool_calls": request.parallel_tool_calls if calls else None,
        "user": request.user,
    }
    said = {name: value for name, value in values.items() if value is not None}
    for name in [name for name in said if name in as_names(host.quirk("drop"))]:
        changes.dropped(name, "the model does not take it")
        del said[name]
    if "max_tokens" in said:
        said["max_output_tokens"] = said.pop("max_tokens")
    return said


def _extras(request: ChatRequest, host: Host, changes: Changes) -> Json:
    """The caller's own words in this format, and those of chat completions that mean the same."""
    own: Json = {}
    refused = (*as_names(host.quirk("drop")), "stream")
    for dialect, values in request.extra.items():
        for name, value in values.items():
            if dialect == "openai" and name == "verbosity":
                own["text"] = {**as_dict(own.get("text")), "verbosity": value}
            elif dialect != FORMAT and not (dialect == "openai" and name in _SHARED):
                changes.dropped(name, f"only the {dialect} format knows it")
            elif name == "top_logprobs":
                changes.dropped(name, "the answer has no place for them")
            elif name in refused:
                changes.dropped(name, "the model does not take it")
            else:
                own[name] = value
    return own


# --- tools ----------------------------------------------------------------------------------------


def _tools(request: ChatRequest, hosted: list[Json], changes: Changes) -> Json:
    """The caller's functions, and the ``hosted`` tools that the provider runs itself."""
    found = (_tool(tool, f"tools[{i}]", changes) for i, tool in enumerate(request.tools))
    tools = [*(tool for tool in found if tool), *hosted]
    if not tools:
        return {}
    choice = request.tool_choice
    return {"tools": tools, **({"tool_choice": _choice(choice, tools)} if choice else {})}


def _tool(tool: Tool, where: str, changes: Changes) -> Json:
    own = as_dict(tool.state.get(FORMAT))
    if own.get("type", "function") != "function":
        return own
    chat = as_dict(tool.state.get("openai"))
    if chat.get("type") == "custom":
        return _custom(as_dict(chat.get("custom")))
    if tool.parameters is None and any(as_dict(state).get("type") for state in tool.state.values()):
        changes.dropped(where, "only another provider runs this tool")
        return {}
    function: Json = {
        **own,
        "type": "function",
        "name": tool.name,
        "description": tool.description,
        "parameters": tool.parameters or EMPTY_SCHEMA,
        # Left out it would mean true here, and most schemas are not made for that.
        "strict": tool.strict or False,
    }
    return {name: value for name, value in function.items() if value is not None}


def _custom(said: Json) -> Json:
    """A tool that takes plain text; the grammar lies one level deeper in chat completions."""
    format_ = as_dict(said.get("format"))
    if grammar := as_dict(format_.get("grammar")):
        said = {**said, "format": {"type": "grammar", **grammar}}
    return {"type": "custom", **said}


def _choice(choice: ToolChoice, tools: list[Json]) -> str | Json:
    if choice.mode != "named":
        return choice.mode
    kinds = {tool.get("name"): tool["type"] for tool in tools}
    return {"type": kinds.get(choice.name, "function"), "name": choice.name}


# --- reasoning and structured output --------------------------------------------------------------


def _seals(request: ChatRequest, host: Host) -> bool:
    """Whether to ask for sealed reasoning; a model that does not reason refuses the question."""
    if host.model is not None and "reasoning" in host.model.capabilities:
        return True
    parts = (part for message in request.messages for part in message.parts)
    thought = any(isinstance(part, Reasoning) and FORMAT in part.state for part in parts)
    return thought or (request.reasoning is not None and request.reasoning.effort != "none")


def _reasoning(options: ReasoningOptions | None, host: Host, changes: Changes) -> Json:
    if options is None:
        return {}
    if host.quirk("reasoning", "effort") == "none":
        changes.dropped("reasoning", "the model's thinking cannot be steered")
        return {}
    said: Json = {"summary": "auto"} if options.include else {}
    if options.effort is not None or options.budget is not None:
        said["effort"] = effort_word(options, host, changes)
    return said


def _text(wanted: ResponseFormat | None) -> Json:
    if wanted is None or wanted.kind == "text":
        return {}
    if wanted.kind == "json":
        return {"format": {"type": "json_object"}}
    schema: Json = {
        "type": "json_schema",
        "name": wanted.name or "answer",
        "description": wanted.description,
        "schema": wanted.schema or {"type": "object"},
        "strict": wanted.strict,
    }
    return {"format": {name: value for name, value in schema.items() if value is not None}}

"""Anthropic requests to our vocabulary; what it has no word for goes into ``extra``.

Whatever a block, tool or citation carries beyond our words (``cache_control``, ``caller`` …) becomes its
``state["anthropic"]``, and a tool that Anthropic runs itself is kept whole in ``extra["anthropic"]["tools"]``.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from aiproxy.protocols.anthropic_messages import parse_messages, parse_system, state_of
from aiproxy.protocols.fields import Fields, missing, refuse_destinations
from providers.chat import ChatRequest, Json, ReasoningOptions, ResponseFormat, Tool, ToolChoice


def parse_chat(body: Json) -> ChatRequest:
    """The body of ``POST /v1/messages``."""
    refuse_destinations(body)
    fields = Fields(body)
    tools, hosted = _tools(fields)
    output = fields.fields("output_config") or Fields({}, "output_config")
    choice, parallel = _tool_choice(fields)
    metadata = fields.fields("metadata") or Fields({}, "metadata")
    request = ChatRequest(
        model=fields.text("model", ""),
        messages=(*parse_system(fields), *parse_messages(fields)),
        tools=tools,
        tool_choice=choice,
        parallel_tool_calls=parallel,
        response_format=_response_format(fields, output),
        reasoning=_reasoning(fields, output),
        temperature=fields.number("temperature"),
        top_p=fields.number("top_p"),
        top_k=fields.integer("top_k"),
        max_tokens=fields.integer("max_tokens", 1),
        stop=fields.words("stop_sequences"),
        user=metadata.text("user_id"),
        stream=fields.flag("stream") or False,
    )
    kept = {"tools": hosted, "output_config": output.rest(), "metadata": metadata.rest()}
    extra = fields.rest() | {name: value for name, value in kept.items() if value}
    return replace(request, extra={"anthropic": extra}) if extra else request


def _tools(fields: Fields) -> tuple[tuple[Tool, ...], list[dict[str, Any]]]:
    """The caller's own tools, and those that Anthropic runs."""
    own: list[Tool] = []
    hosted: list[dict[str, Any]] = []
    for tool in fields.each("tools"):
        if tool.text("type", "custom") == "custom":
            own.append(_tool(tool))
        else:
            hosted.append(tool.whole)
    return tuple(own), hosted


def _tool(fields: Fields) -> Tool:
    return Tool(
        fields.needed_text("name"),
        fields.text("description"),
        fields.mapping("input_schema"),
        fields.flag("strict"),
        state_of(fields),
    )


def _tool_choice(fields: Fields) -> tuple[ToolChoice | None, bool | None]:
    """The choice, and whether several tools may be called at once."""
    inner = fields.fields("tool_choice")
    if inner is None:
        return None, None
    if "type" not in inner:
        raise missing(inner.at("type"))
    serial = inner.flag("disable_parallel_tool_use")
    parallel = None if serial is None else not serial
    match inner.word("type", ("auto", "any", "tool", "none")):
        case "tool":
            return ToolChoice("named", inner.needed_text("name")), parallel
        case "any":
            return ToolChoice("required"), parallel
        case "none":
            return ToolChoice("none"), parallel
        case _:
            return ToolChoice("auto"), parallel


def _response_format(fields: Fields, output: Fields) -> ResponseFormat | None:
    """``output_config.format``, or ``output_format`` as its beta called it."""
    inner = output.fields("format") or fields.fields("output_format")
    if inner is None:
        return None
    inner.word("type", ("json_schema",))
    schema = inner.mapping("schema")
    if schema is None:
        raise missing(inner.at("schema"))
    return ResponseFormat("json_schema", schema, strict=True)


def _reasoning(fields: Fields, output: Fields) -> ReasoningOptions | None:
    """``thinking`` with the effort beside it. An effort alone asks for no thinking and stays in ``extra``."""
    inner = fields.fields("thinking")
    if inner is None:
        return None
    if "type" not in inner:
        raise missing(inner.at("type"))
    kind = inner.word("type", ("enabled", "adaptive", "disabled", "between_tools"))
    display = inner.word("display", ("summarized", "omitted"))
    include = None if display is None else display == "summarized"
    if kind in ("disabled", "between_tools"):  # newer models' word for off; the adapter knows whose
        return ReasoningOptions("none")
    if kind == "adaptive":
        return ReasoningOptions(output.text("effort"), include=include)
    budget = inner.integer("budget_tokens", 0)
    if budget is None:
        raise missing(inner.at("budget_tokens"))
    return ReasoningOptions(None, budget, include)

"""Requests of Responses to our vocabulary; what it has no word for goes into ``extra``.

No answer is kept, so what relies on an earlier one is refused with a sentence that says what to do instead. A tool
that the provider runs itself is kept whole in ``extra["responses"]["tools"]``.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from aiproxy.protocols.fields import Fields, kind, missing, refuse_destinations
from aiproxy.protocols.responses_input import NAME, parse_input
from providers.chat import ChatRequest, Json, ReasoningOptions, ResponseFormat, Tool, ToolChoice
from providers.errors import InvalidRequest

FORMATS = ("text", "json_object", "json_schema")

_KEPT_NOWHERE = {
    "previous_response_id": "Answers are not kept here, so there is nothing to continue. Send the whole "
    "conversation in input: the earlier items, and those of the answer's output, then the new ones.",
    "conversation": "Conversations are not kept here. Send the whole conversation in input.",
}


def parse_chat(body: Json) -> ChatRequest:
    """The body of ``POST /v1/responses``."""
    refuse_destinations(body)
    fields = Fields(body)
    _refuse_state(fields)
    fields.take("stream_options")
    fields.take("metadata")
    tools, hosted = _tools(fields)
    text = fields.fields("text") or Fields({}, "text")
    reasoning = fields.fields("reasoning") or Fields({}, "reasoning")
    request = ChatRequest(
        model=fields.text("model", ""),
        messages=parse_input(fields),
        tools=tools,
        tool_choice=_tool_choice(fields),
        parallel_tool_calls=fields.flag("parallel_tool_calls"),
        response_format=_response_format(text),
        reasoning=_reasoning_options(reasoning),
        temperature=fields.number("temperature"),
        top_p=fields.number("top_p"),
        max_tokens=fields.integer("max_output_tokens", 1),
        user=fields.text("user"),
        stream=fields.flag("stream") or False,
    )
    kept = {"tools": hosted, "text": text.rest(), "reasoning": reasoning.rest()}
    extra = fields.rest() | {name: value for name, value in kept.items() if value}
    return replace(request, extra={NAME: extra}) if extra else request


def _refuse_state(fields: Fields) -> None:
    for name, sentence in _KEPT_NOWHERE.items():
        if name in fields:
            raise InvalidRequest(sentence, param=name)
    if fields.flag("background"):
        raise InvalidRequest(
            "A call cannot run in the background here, as answers are not kept. Leave background out, and "
            "set stream to true where an answer takes long.",
            param="background",
        )
    if fields.flag("store"):
        fields.put_back("store", True)


def _tools(fields: Fields) -> tuple[tuple[Tool, ...], list[dict[str, Any]]]:
    """The caller's own functions, and all other tools."""
    own: list[Tool] = []
    others: list[dict[str, Any]] = []
    for tool in fields.each("tools"):
        if tool.needed_text("type") == "function":
            own.append(_tool(tool))
        else:
            others.append(tool.whole)
    return tuple(own), others


def _tool(fields: Fields) -> Tool:
    name, description = fields.needed_text("name"), fields.text("description")
    parameters, strict = fields.mapping("parameters"), fields.flag("strict")
    rest = fields.rest()
    return Tool(name, description, parameters, strict, {NAME: rest} if rest else {})


def _tool_choice(fields: Fields) -> ToolChoice | None:
    """A word or one named function; ``allowed_tools`` and hosted tools are left for ``extra``."""
    path = fields.at("tool_choice")
    value = fields.take("tool_choice")
    match value:
        case None:
            return None
        case "auto" | "none" | "required":
            return ToolChoice(value)
        case {"type": "function", "name": str(name)}:
            return ToolChoice("named", name)
        case {"type": "function"}:
            raise missing(f"{path}.name")
        case {"type": str()}:
            fields.put_back("tool_choice", value)
            return None
        case _:
            said = repr(value[:100]) if isinstance(value, str) else kind(value)
            raise InvalidRequest(
                f"{path} must be auto, none, required, or an object that names a function, not {said}.",
                param=path,
            )


def _response_format(text: Fields) -> ResponseFormat | None:
    inner = text.fields("format")
    if inner is None:
        return None
    if "type" not in inner:
        raise missing(inner.at("type"))
    match inner.word("type", FORMATS):
        case "json_schema":
            schema = inner.mapping("schema")
            if schema is None:
                raise missing(inner.at("schema"))
            name, description = inner.text("name"), inner.text("description")
            return ResponseFormat("json_schema", schema, name, description, inner.flag("strict"))
        case "json_object":
            return ResponseFormat("json")
        case _:
            return ResponseFormat("text")


def _reasoning_options(fields: Fields) -> ReasoningOptions | None:
    """Effort and summary. A summary of a certain length is one for everybody, and its length for those who know it."""
    effort = fields.text("effort")
    summary = fields.text("summary") or fields.text("generate_summary")
    if summary not in (None, "auto", "none"):
        fields.put_back("summary", summary)
    if effort is None and summary is None:
        return None
    return ReasoningOptions(effort, None, None if summary is None else summary != "none")

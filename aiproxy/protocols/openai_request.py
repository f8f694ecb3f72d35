"""OpenAI requests to our vocabulary; what it has no word for goes into ``extra``."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from aiproxy.protocols.fields import Fields, kind, missing, refuse_destinations, wrong
from aiproxy.protocols.openai_messages import caching, parse_messages
from providers.chat import ChatRequest, Json, ReasoningOptions, ResponseFormat, Tool, ToolChoice
from providers.embedding import EmbeddingRequest
from providers.errors import InvalidRequest

FORMATS = ("text", "json_object", "json_schema")


def parse_chat(body: Json) -> ChatRequest:
    """The body of ``POST /v1/chat/completions``."""
    refuse_destinations(body)
    fields = Fields(body)
    _refuse_functions(fields)
    fields.take("stream_options")
    most = fields.integer("max_completion_tokens", 1)
    older = fields.integer("max_tokens", 1)
    request = ChatRequest(
        model=fields.text("model", ""),
        messages=parse_messages(fields),
        tools=tuple(map(parse_tool, fields.each("tools"))),
        tool_choice=parse_tool_choice(fields),
        parallel_tool_calls=fields.flag("parallel_tool_calls"),
        response_format=parse_response_format(fields),
        reasoning=_reasoning_options(fields),
        temperature=fields.number("temperature"),
        top_p=fields.number("top_p"),
        top_k=fields.integer("top_k"),
        max_tokens=older if most is None else most,
        stop=fields.words("stop"),
        seed=fields.integer("seed"),
        presence_penalty=fields.number("presence_penalty"),
        frequency_penalty=fields.number("frequency_penalty"),
        n=fields.integer("n", 1),
        user=fields.text("user"),
        stream=fields.flag("stream") or False,
    )
    rest = fields.rest()
    return replace(request, extra={"openai": rest}) if rest else request


def parse_embedding(body: Json) -> EmbeddingRequest:
    """The body of ``POST /v1/embeddings``."""
    refuse_destinations(body)
    fields = Fields(body)
    fields.word("encoding_format", ("float", "base64"))
    model = fields.text("model", "")
    inputs = parse_inputs(fields)
    dimensions = fields.integer("dimensions", 1)
    user = fields.text("user")
    rest = fields.rest()
    return EmbeddingRequest(model, inputs, dimensions, user, extra={"openai": rest} if rest else {})


def parse_inputs(fields: Fields) -> tuple[str | tuple[int, ...], ...]:
    """``input``: a text, texts, a list of tokens, or lists of tokens."""
    value, path = fields.take("input"), fields.at("input")
    if isinstance(value, str):
        return (value,)
    if not isinstance(value, list):
        raise missing(path) if value is None else wrong(path, "a string or a list", value)
    if not value:
        raise InvalidRequest(f"{path} must hold at least one text.", param=path)
    if _is_tokens(value):
        return (tuple(value),)
    return tuple(_input(item, f"{path}[{index}]") for index, item in enumerate(value))


def _input(value: Json, path: str) -> str | tuple[int, ...]:
    if isinstance(value, str):
        return value
    if isinstance(value, list) and value and _is_tokens(value):
        return tuple(value)
    raise wrong(path, "a string or a list of token numbers", value)


def _is_tokens(value: list[Any]) -> bool:
    return all(type(item) is int for item in value)


def parse_tool(fields: Fields) -> Tool:
    """A function; any other type of tool is kept whole for providers that know it."""
    whole = fields.rest()
    function = fields.fields("function")
    if fields.text("type", "function") != "function":
        return Tool(str(whole.get("name") or whole["type"]), state={"openai": whole})
    if function is None:
        raise missing(fields.at("function"))
    return Tool(
        function.needed_text("name"),
        function.text("description"),
        function.mapping("parameters"),
        function.flag("strict"),
        caching(fields),
    )


def parse_tool_choice(fields: Fields) -> ToolChoice | None:
    """A word or one named function; ``allowed_tools`` and the like are left for ``extra``."""
    path = fields.at("tool_choice")
    value = fields.take("tool_choice")
    match value:
        case None:
            return None
        case "auto" | "none" | "required":
            return ToolChoice(value)
        case {"type": "function", "function": {"name": str(name)}}:
            return ToolChoice("named", name)
        case {"type": str(other)} if other != "function":
            fields.put_back("tool_choice", value)
            return None
        case str():
            raise InvalidRequest(
                f"{path} must be auto, none, required, or an object that names a function.",
                param=path,
            )
        case dict():
            raise missing(f"{path}.function.name")
        case _:
            raise InvalidRequest(
                f"{path} must be a string or an object, not {kind(value)}.", param=path
            )


def parse_response_format(fields: Fields) -> ResponseFormat | None:
    inner = fields.fields("response_format")
    if inner is None:
        return None
    if "type" not in inner:
        raise missing(inner.at("type"))
    match inner.word("type", FORMATS):
        case "json_schema":
            schema = inner.fields("json_schema")
            if schema is None:
                raise missing(inner.at("json_schema"))
            return ResponseFormat(
                "json_schema",
                schema.mapping("schema"),
                schema.text("name"),
                schema.text("description"),
                schema.flag("strict"),
            )
        case "json_object":
            return ResponseFormat("json")
        case _:
            return ResponseFormat("text")


def _reasoning_options(fields: Fields) -> ReasoningOptions | None:
    """``reasoning_effort``, or the ``reasoning`` object that OpenRouter added to this dialect."""
    effort = fields.text("reasoning_effort")
    inner = fields.fields("reasoning")
    if inner is None:
        return None if effort is None else ReasoningOptions(effort)
    effort = effort or inner.text("effort")
    budget = inner.integer("max_tokens", 0)
    exclude, enabled = inner.flag("exclude"), inner.flag("enabled")
    if enabled is False:
        return ReasoningOptions("none")
    if enabled and effort is None and budget is None:
        effort = "medium"  # what OpenRouter takes it for
    return ReasoningOptions(effort, budget, None if exclude is None else not exclude)


def _refuse_functions(fields: Fields) -> None:
    for name in ("functions", "function_call"):
        if name in fields:
            raise InvalidRequest(
                f"{name} was replaced by {'tools' if name == 'functions' else 'tool_choice'}. "
                "Send that instead.",
                param=name,
            )

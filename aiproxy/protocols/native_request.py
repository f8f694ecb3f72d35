"""Requests in our own dialect. Names are strict: one that is not known is refused with the nearest known one."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches

from aiproxy.protocols import content, openai_request
from aiproxy.protocols.fields import Fields, kind, missing, refuse_destinations, wrong
from aiproxy.protocols.native_messages import parse_messages
from providers.chat import (
    ChatRequest,
    Image,
    Json,
    Message,
    ReasoningOptions,
    ResponseFormat,
    Text,
    Tool,
    ToolChoice,
)
from providers.embedding import EmbeddingRequest
from providers.errors import InvalidRequest

OPTIONS = (
    "model",
    "systemPrompt",
    "temperature",
    "maxTokens",
    "topP",
    "topK",
    "stop",
    "seed",
    "presencePenalty",
    "frequencyPenalty",
    "n",
    "tools",
    "toolChoice",
    "parallelToolCalls",
    "responseFormat",
    "reasoning",
    "user",
    "stream",
    "metadata",
    "strict",
    "fallback",
)
"""Fields of every chat call, at the top or in ``options``."""
EMBEDDING_OPTIONS = ("model", "dimensions", "task", "user", "metadata", "strict", "fallback")

_ELSEWHERE = {
    "system": "systemPrompt",
    "max_completion_tokens": "maxTokens",
    "max_output_tokens": "maxTokens",
    "maxOutputTokens": "maxTokens",
    "stop_sequences": "stop",
    "reasoning_effort": "reasoning",
    "functions": "tools",
    "integrationId": "the X-Integration-Id header",
    "models": "fallback",
    "fallbacks": "fallback",
}
"""What other dialects call our fields."""


class Members(Fields):
    """The body and its ``options`` as one object; each member knows where it stood."""

    __slots__ = ("_inner",)

    def __init__(self, body: Json, own: Iterable[str], options: Iterable[str]) -> None:
        refuse_destinations(body)
        self._inner: frozenset[str] = frozenset()
        super().__init__(body)
        inner = self.mapping("options") or {}
        known = (*own, *options)
        _refuse_unknown(self._left, "", (*known, "options"))
        _refuse_unknown(inner, "options.", tuple(options))
        for name in inner:
            if name in self:
                raise InvalidRequest(f"{name} is given twice, also in options.", param=name)
        self._inner = frozenset(inner)
        self._left |= inner

    def at(self, name: str) -> str:
        return f"options.{name}" if name in self._inner else name


def _refuse_unknown(names: Iterable[str], path: str, known: tuple[str, ...]) -> None:
    for name in names:
        if name not in known:
            near = _nearest(name, known)
            hint = f" Did you mean {near}?" if near else f" Known are {', '.join(known)}."
            raise InvalidRequest(
                f"{path}{name[:100]} is not a field of this call.{hint}",
                param=path + name[:100],
            )


def _nearest(name: str, known: tuple[str, ...]) -> str | None:
    camel = re.sub(r"_+([a-z])", lambda found: found[1].upper(), name)
    if camel in known:
        return camel
    if name in _ELSEWHERE:
        return _ELSEWHERE[name]
    lower = {word.lower(): word for word in known}
    close = get_close_matches(camel.lower()[:100], lower, n=1)
    return lower[close[0]] if close else None


def parse_chat(body: Json) -> ChatRequest:
    """``POST /api/ai/chat``."""
    members = Members(body, ("messages",), OPTIONS)
    return _request(members, parse_messages(members))


def parse_generate(body: Json) -> ChatRequest:
    """``POST /api/ai/generate``: one prompt."""
    members = Members(body, ("prompt",), OPTIONS)
    return _request(members, (Message("user", (Text(members.needed_text("prompt")),)),))


def parse_vision(body: Json) -> ChatRequest:
    """``POST /api/ai/vision``: a chat with pictures in it, or a prompt and a list of pictures."""
    members = Members(body, ("messages", "prompt", "images"), OPTIONS)
    if "messages" not in members:
        images = tuple(_images(members))
        prompt = members.text("prompt", "Describe this image.")
        return _request(members, (Message("user", (*images, Text(prompt))),))
    for name in ("prompt", "images"):
        if name in members:
            raise InvalidRequest(
                f"Send either messages or {name}, not both.", param=members.at(name)
            )
    return _request(members, parse_messages(members))


def _images(members: Members) -> Iterable[Image]:
    values = members.items("images")
    if not values:
        raise InvalidRequest("A vision call needs at least one image.", param="images")
    for index, value in enumerate(values):
        path = f"images[{index}]"
        if not isinstance(value, str):
            raise wrong(path, "an address, a data URL or base64", value)
        yield content.bare_image(value, path)


def parse_embedding(body: Json) -> EmbeddingRequest:
    """``POST /api/ai/embeddings``."""
    members = Members(body, ("input",), EMBEDDING_OPTIONS)
    members.mapping("metadata")
    members.flag("strict")
    members.words("fallback")
    return EmbeddingRequest(
        members.text("model", ""),
        openai_request.parse_inputs(members),
        members.integer("dimensions", 1),
        members.text("user"),
        members.text("task"),
    )


def _request(members: Members, messages: tuple[Message, ...]) -> ChatRequest:
    members.mapping("metadata")
    members.flag("strict")
    members.words("fallback")
    system = members.text("systemPrompt")
    return ChatRequest(
        model=members.text("model", ""),
        messages=(Message("system", (Text(system),)), *messages) if system else messages,
        tools=tuple(map(_tool, members.each("tools"))),
        tool_choice=_tool_choice(members),
        parallel_tool_calls=members.flag("parallelToolCalls"),
        response_format=_response_format(members),
        reasoning=_reasoning(members),
        temperature=members.number("temperature"),
        top_p=members.number("topP"),
        top_k=members.integer("topK"),
        max_tokens=members.integer("maxTokens", 1),
        stop=members.words("stop"),
        seed=members.integer("seed"),
        presence_penalty=members.number("presencePenalty"),
        frequency_penalty=members.number("frequencyPenalty"),
        n=members.integer("n", 1),
        user=members.text("user"),
        stream=members.flag("stream") or False,
    )


def _tool(fields: Fields) -> Tool:
    """``{name, description, parameters}``, alone or inside OpenAI's ``{type, function}``."""
    if "function" in fields:
        fields.word("type", ("function",))
        function = fields.fields("function")
        assert function is not None
        return _tool(function)
    return Tool(
        fields.needed_text("name"),
        fields.text("description"),
        fields.mapping("parameters"),
        fields.flag("strict"),
    )


def _tool_choice(fields: Fields) -> ToolChoice | None:
    path = fields.at("toolChoice")
    match fields.take("toolChoice"):
        case None:
            return None
        case "auto" | "none" | "required" as mode:
            return ToolChoice(mode)
        case {"name": str(name)} | {"function": {"name": str(name)}}:
            return ToolChoice("named", name)
        case other:
            raise InvalidRequest(
                f"{path} must be auto, none, required, or an object with a tool's name, "
                f"not {repr(other[:100]) if isinstance(other, str) else kind(other)}.",
                param=path,
            )


def _response_format(fields: Fields) -> ResponseFormat | None:
    """``"json"``, or ``{type, schema, name, description, strict}``; OpenAI's ``json_schema`` works too."""
    path = fields.at("responseFormat")
    value = fields.take("responseFormat")
    if value is None:
        return None
    inner = Fields({"type": value} if isinstance(value, str) else value, path)
    if "type" not in inner:
        raise missing(inner.at("type"))
    word = inner.word("type", ("text", "json", "json_object", "json_schema"))
    if word == "text":
        return ResponseFormat("text")
    if word != "json_schema":
        return ResponseFormat("json")
    inner = inner.fields("json_schema") or inner
    if "schema" not in inner:
        raise missing(inner.at("schema"))
    return ResponseFormat(
        "json_schema",
        inner.mapping("schema"),
        inner.text("name"),
        inner.text("description"),
        inner.flag("strict"),
    )


def _reasoning(fields: Fields) -> ReasoningOptions | None:
    """An effort word, or ``{effort, budget, include}``."""
    path = fields.at("reasoning")
    value = fields.take("reasoning")
    if value is None:
        return None
    if isinstance(value, str):
        return ReasoningOptions(value)
    inner = Fields(value, path)
    return ReasoningOptions(inner.text("effort"), inner.integer("budget", 0), inner.flag("include"))

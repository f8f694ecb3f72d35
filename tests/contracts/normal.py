"""What two requests may differ in and still say the same, each with its reason.

A rule is applied to the recorded request and to the one that was built from it. It may only take away what says
nothing, or write one of two equal spellings.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

Body = dict[str, Any]


@dataclass(frozen=True)
class Rule:
    protocols: tuple[str, ...]
    reason: str
    apply: Callable[[Body], None]
    seen: bool = True
    """Whether one of the recordings at hand needs it."""


CHAT, RESPONSES, MESSAGES = "openai_chat", "openai_responses", "anthropic_messages"
GEMINI, EMBEDDINGS = "gemini_generate", "openai_embeddings"
ALL = (CHAT, RESPONSES, MESSAGES, GEMINI, EMBEDDINGS)


def normal(body: Body, protocol: str) -> Body:
    copy: Body = json.loads(json.dumps(body))
    for rule in RULES:
        if protocol in rule.protocols:
            rule.apply(copy)
    return copy


def objects(value: Any) -> Iterator[Body]:
    """Every object inside ``value``, the outer ones first."""
    if isinstance(value, dict):
        yield value
    for inner in value.values() if isinstance(value, dict) else value:
        if isinstance(inner, dict | list):
            yield from objects(inner)


def without(*names: str) -> Callable[[Body], None]:
    def apply(body: Body) -> None:
        for name in names:
            body.pop(name, None)

    return apply


def camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(map(str.title, rest)) if first else name


def no_nulls(body: Body) -> None:
    for inner in objects(body):
        for name in [name for name, value in inner.items() if value is None]:
            del inner[name]


def one_limit(body: Body) -> None:
    if "max_completion_tokens" in body:
        body["max_tokens"] = body.pop("max_completion_tokens")


def one_system_role(body: Body) -> None:
    said = body.get("messages") or body.get("input")
    for message in said if isinstance(said, list) else ():
        if message.get("role") == "developer" and "content" in message:
            message["role"] = "system"


def blocks(value: Any, kind: str = "text") -> Any:
    if isinstance(value, str):
        return [{"type": kind, "text": value}] if value else []
    return value or []


def contents_are_lists(body: Body) -> None:
    for message in body["messages"]:
        message["content"] = blocks(message.get("content"))
        for block in message["content"]:
            if block.get("type") == "tool_result":
                block["content"] = blocks(block.get("content"))
    if "system" in body:
        body["system"] = blocks(body["system"])


def chat_marks(body: Body) -> None:
    for message in body["messages"]:
        if (mark := message.pop("cache_control", None)) and message["content"]:
            message["content"][-1]["cache_control"] = mark


def chat_thoughts(body: Body) -> None:
    for message in body["messages"]:
        if message.get("reasoning_details"):
            message.pop("reasoning", None)
            message.pop("reasoning_content", None)
        elif "reasoning" in message:
            message["reasoning_content"] = message.pop("reasoning")


def chat_reasoning(body: Body) -> None:
    if body.get("reasoning") == {"enabled": True}:
        body["reasoning_effort"] = "medium"
        del body["reasoning"]


def chat_echoes(body: Body) -> None:
    for message in body["messages"]:
        if message.get("annotations") == []:
            del message["annotations"]


def stop_is_a_list(body: Body) -> None:
    if isinstance(body.get("stop"), str):
        body["stop"] = [body["stop"]]


def input_is_a_list(body: Body) -> None:
    if isinstance(body["input"], str):
        body["input"] = [body["input"]]


def no_stream(body: Body) -> None:
    if not body.get("stream"):
        body.pop("stream", None)


# --- Anthropic ------------------------------------------------------------------------------------


def hosted_tools_last(body: Body) -> None:
    body.get("tools", []).sort(key=lambda tool: tool.get("type", "custom") != "custom")


def no_empty_descriptions(body: Body) -> None:
    for tool in body.get("tools", ()):
        if tool.get("description") == "":
            del tool["description"]


def schemas_are_objects(body: Body) -> None:
    for tool in body.get("tools", ()):
        if "input_schema" in tool:
            tool["input_schema"] = {"type": "object", "properties": {}, **tool["input_schema"]}


def no_false_flags(body: Body) -> None:
    for inner in objects(body["messages"]):
        if inner.get("type") == "tool_result" and inner.get("is_error") is False:
            del inner["is_error"]
    choice = body.get("tool_choice", {})
    if choice.get("disable_parallel_tool_use") is False:
        del choice["disable_parallel_tool_use"]


def one_output_config(body: Body) -> None:
    if "output_format" in body:
        body.setdefault("output_config", {})["format"] = body.pop("output_format")


def a_model(body: Body) -> None:
    body.setdefault("model", "")


# --- Responses ------------------------------------------------------------------------------------


def items(body: Body) -> None:
    if isinstance(body["input"], str):
        body["input"] = [{"role": "user", "content": body["input"]}]
    if instructions := body.pop("instructions", None):
        body["input"].insert(0, {"role": "system", "content": instructions})
    merged: list[Body] = []
    for item in body["input"]:
        if "role" in item and "content" in item:
            item["type"] = "message"
            kind = "output_text" if item["role"] == "assistant" else "input_text"
            item["content"] = blocks(item["content"], kind)
            last = merged[-1] if merged else {}
            same = ("role", "phase", "type")
            if all(last.get(name) == item.get(name) for name in same):
                last["content"] += item["content"]
                continue
        merged.append(item)
    body["input"] = merged


def no_places(body: Body) -> None:
    for item in body["input"]:
        item.pop("status", None)
        if item.get("type") in ("message", "function_call", "function_call_output"):
            item.pop("id", None)


def details(body: Body) -> None:
    for inner in objects(body["input"]):
        if inner.get("type") == "input_image":
            inner.setdefault("detail", "auto")
        if inner.get("annotations") == []:
            del inner["annotations"]


def functions_first(body: Body) -> None:
    body.get("tools", []).sort(key=lambda tool: tool["type"] != "function")


def loose_functions(body: Body) -> None:
    for tool in body.get("tools", ()):
        if tool["type"] == "function":
            tool["strict"] = bool(tool.get("strict"))


# --- Gemini ---------------------------------------------------------------------------------------

_AS_THEY_ARE = (
    *("args", "response", "parameters", "responseSchema"),
    *("parametersJsonSchema", "responseJsonSchema"),
)


def camels(value: Any) -> Any:
    """Names of Google's own objects; those inside a schema or a call are the caller's."""
    if isinstance(value, list):
        return [camels(item) for item in value]
    if not isinstance(value, dict):
        return value
    named = {camel(name): inner for name, inner in value.items()}
    return {n: v if n in _AS_THEY_ARE else camels(v) for n, v in named.items()}


def camel_case(body: Body) -> None:
    named = camels(body)
    body.clear()
    body.update(named)


_TYPES = ["", "string", "number", "integer", "boolean", "array", "object", "null"]


def json_schema(schema: Any) -> Any:
    if isinstance(schema, list):
        return [json_schema(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    said = {
        n: json_schema(v)
        for n, v in schema.items()
        if camel(n) not in ("nullable", "propertyOrdering")
    }
    kind = said.get("type")
    if isinstance(kind, int | str):
        said["type"] = _TYPES[kind] if isinstance(kind, int) else kind.lower()
        if schema.get("nullable"):
            said["type"] = [said["type"], "null"]
    return said


def json_schemas(body: Body) -> None:
    for inner in objects(body):
        for old, new in (
            ("parameters", "parametersJsonSchema"),
            ("responseSchema", "responseJsonSchema"),
        ):
            if old in inner and ("name" in inner or old == "responseSchema"):
                inner[new] = json_schema(inner.pop(old))


def turns(body: Body) -> None:
    merged: list[Body] = []
    for content in body["contents"]:
        parts = [part for part in content.get("parts", ()) if part != {"text": ""}]
        for part in parts:
            if part.get("thought") is False:
                del part["thought"]
        role = "model" if content.get("role") == "model" else "user"
        if merged and merged[-1]["role"] == role:
            merged[-1]["parts"] += parts
        elif parts:
            merged.append({"role": role, "parts": parts})
    body["contents"] = merged


def one_system_instruction(body: Body) -> None:
    said = body.pop("systemInstruction", None) or {}
    parts = said.get("parts", [])
    texts = [part["text"] for part in (parts if isinstance(parts, list) else [parts])]
    if any(texts):
        body["systemInstruction"] = texts


def tools_apart(body: Body) -> None:
    kinds = [{name: value} for tool in body.get("tools", ()) for name, value in tool.items()]
    kinds.sort(key=lambda tool: "functionDeclarations" not in tool)
    if kinds:
        body["tools"] = kinds


def no_empty_settings(body: Body) -> None:
    for name in ("generationConfig", "toolConfig", "safetySettings"):
        if not body.get(name):
            body.pop(name, None)
    thinking = body.get("generationConfig", {}).get("thinkingConfig", {})
    if "thinkingLevel" in thinking:
        thinking["thinkingLevel"] = thinking["thinkingLevel"].lower()


RULES = (
    Rule(ALL, "null is how a client leaves something unsaid", no_nulls),
    Rule(ALL, "not to stream is the default", no_stream),
    Rule((CHAT, EMBEDDINGS), "one text is a list of one", stop_is_a_list),
    Rule((EMBEDDINGS,), "one text is a list of one", input_is_a_list),
    Rule(
        (EMBEDDINGS,),
        "how vectors are written is between us and the provider; the caller gets the form it asked for",
        without("encoding_format"),
    ),
    Rule((CHAT,), "two names for one limit; a quirk tells which one the host takes", one_limit),
    Rule((CHAT, RESPONSES), "two names for one role; a quirk tells the host's", one_system_role),
    Rule(
        (CHAT,),
        "usage is always asked for, because calls are billed; the caller is told if it asked",
        without("stream_options"),
    ),
    Rule((CHAT, MESSAGES), "a text is a list of one text", contents_are_lists),
    Rule((CHAT,), "a message's cache mark is that of its last part", chat_marks),
    Rule((CHAT,), "thoughts are told once; a quirk tells the host's name for them", chat_thoughts),
    Rule((CHAT,), "OpenRouter documents enabled as effort medium", chat_reasoning),
    Rule((CHAT,), "an empty list of notes that a client echoes says nothing", chat_echoes),
    Rule(
        (MESSAGES,), "tools that Anthropic runs are sent after the caller's own", hosted_tools_last
    ),
    Rule((MESSAGES,), "an empty description describes nothing", no_empty_descriptions),
    Rule(
        (MESSAGES,), "a tool's input is an object; older schemas do not say so", schemas_are_objects
    ),
    Rule((MESSAGES,), "false is the default of these flags", no_false_flags),
    Rule(
        (MESSAGES,), "output_format was the beta's name for output_config.format", one_output_config
    ),
    Rule((MESSAGES,), "routing names the model where a recording lacks it", a_model),
    Rule(
        (RESPONSES,),
        "a text is a message; instructions are the first one; neighbours are one",
        items,
    ),
    Rule((RESPONSES,), "ids and states of items name what nobody has stored", no_places),
    Rule(
        (RESPONSES,), "detail auto is the default, and an empty list of notes says nothing", details
    ),
    Rule(
        (RESPONSES,),
        "tools that the provider runs are sent after the caller's own",
        functions_first,
    ),
    Rule(
        (RESPONSES,),
        "strict has to be asked for here, as in all other dialects: most schemas are not made for it",
        loose_functions,
    ),
    Rule(
        (RESPONSES,),
        "sealed reasoning is always asked for and answers are not stored at the provider",
        without("include", "store"),
    ),
    Rule(
        (RESPONSES,),
        "metadata and how to stream are between the caller and us",
        without("metadata", "stream_options"),
        seen=False,
    ),
    Rule((GEMINI,), "Google takes both spellings of its names", camel_case),
    Rule((GEMINI,), "Google's own schemas are sent as the JSON Schema they mean", json_schemas),
    Rule((GEMINI,), "neighbours of one role are one content; an empty one says nothing", turns),
    Rule(
        (GEMINI,),
        "the system instruction has no role, and an empty one says nothing",
        one_system_instruction,
    ),
    Rule((GEMINI,), "tools may stand in one entry or in several", tools_apart, seen=False),
    Rule(
        (GEMINI,), "empty settings say nothing, and levels are known in any case", no_empty_settings
    ),
)

"""A ChatRequest as the body of Gemini's ``generateContent``.

``state["gemini"]`` of a part holds whatever else the part had on the wire (``thoughtSignature``,
``videoMetadata`` …; of a result also its object as it was) and goes back on the same part. ``extra["gemini"]`` is
merged over the body: ``tools`` are appended, ``generationConfig`` and ``toolConfig`` joined, everything else wins over
what we would have said.

Quirks read here: ``tool_result_media`` (False: media cannot stand inside a function's result),
``json_with_tools`` (False: JSON output and tools exclude each other), ``thought_signature`` ("required":
calls without one are refused), and those of ``gemini_thinking``.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from mimetypes import guess_type
from typing import Any, assert_never
from urllib.parse import urlsplit

import msgspec

from providers.adapters.base import Host
from providers.adapters.changes import Changes
from providers.adapters.gemini_thinking import thinking_config
from providers.adapters.reading import as_dict, as_list, decode
from providers.chat import (
    ChatRequest,
    File,
    Image,
    Json,
    Message,
    Opaque,
    Part,
    Reasoning,
    Refusal,
    Text,
    Tool,
    ToolCall,
    ToolResult,
    text_of,
)
from providers.errors import InvalidRequest
from providers.wire import WireRequest

NAME = "gemini"
SYNTHETIC = "gcall_"
"""How the ids begin that we give to calls which came without one. They are never sent back."""

Object = dict[str, Json]

_MODEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]*")
_MODES = {"auto": "AUTO", "none": "NONE", "required": "ANY", "named": "ANY"}
_MOST_STOPS = 5
_SKIP_SIGNATURE = b64encode(b"skip_thought_signature_validator").decode()
"""What Google documents for calls that another model made
(https://ai.google.dev/gemini-api/docs/thought-signatures#faqs)."""

_JSON_PROMPT = "Answer with JSON and nothing else."
_SCHEMA_PROMPT = _JSON_PROMPT + " It must fit this JSON schema:\n"


def build(request: ChatRequest, host: Host) -> WireRequest:
    """Raises InvalidRequest for a model name that is none, an empty conversation, or a result without its call."""
    changes = Changes()
    native = dict(request.extra.get(NAME, {}))
    system, contents = _Conversation(host, changes).read(request.messages)
    if not contents:
        raise InvalidRequest(
            "Add at least one message with content to the conversation.", param="messages"
        )
    config = _generation(request, host, system, changes)
    body = {
        "systemInstruction": {"parts": system} if system else None,
        "contents": contents,
        "tools": _tools(request, changes) + as_list(native.pop("tools", None)),
        "toolConfig": {**_tool_config(request, changes), **as_dict(native.pop("toolConfig", None))},
        "generationConfig": {**config, **as_dict(native.pop("generationConfig", None))},
    }
    if request.user:
        changes.dropped("user", "this format has no word for it")
    changes.foreign_extras(request, NAME)
    operation = (
        ("chat_stream", "streamGenerateContent?alt=sse")
        if request.stream
        else ("chat", "generateContent")
    )
    return WireRequest(
        "POST",
        model_path(host, request.model, *operation),
        {**{key: value for key, value in body.items() if value}, **native},
        stream=request.stream,
        changes=changes.result(),
    )


def model_path(host: Host, model: str, operation: str, method: str) -> str:
    """The path of a model's method. A model's name can never leave its place in the path."""
    name = model.removeprefix("models/")
    if not _MODEL.fullmatch(name):
        raise InvalidRequest(
            "A Gemini model's name has only letters, digits, dots and hyphens. Check the model.",
            param="model",
        )
    return host.path(operation, "/models/{model}:" + method, name)


# --- the conversation ---------------------------------------------------------------------------


class _Conversation:
    def __init__(self, host: Host, changes: Changes) -> None:
        self._host = host
        self._changes = changes
        self._names: dict[str, str] = {}
        """Names of the tools called so far, by the call's id: a result must repeat it."""

    def read(self, messages: Sequence[Message]) -> tuple[list[Object], list[Object]]:
        """Parts of the system instruction, and contents; neighbours of one role become one content."""
        system: list[Object] = []
        contents: list[Object] = []
        for number, message in enumerate(messages):
            where = f"messages[{number}]"
            if message.role == "system" and not contents:
                system += self._system(message, where)
                continue
            if message.role == "system":
                self._changes.changed(
                    f"{where}.role",
                    "system messages stand only at the beginning; sent as the user's",
                )
            if message.name and message.role != "tool":
                self._changes.dropped(f"{where}.name", "this format has no names for speakers")
            role = "model" if message.role == "assistant" else "user"
            parts = [item for part in message.parts for item in self._parts(part, where)]
            if role == "model":
                self._vouch(parts, where)
            if contents and contents[-1]["role"] == role:
                contents[-1]["parts"] += parts
            elif parts:
                contents.append({"role": role, "parts": parts})
        return system, contents

    def _system(self, message: Message, where: str) -> list[Object]:
        if any(not isinstance(part, Text) for part in message.parts):
            self._changes.dropped(where, "a system message holds only text here")
        return [
            {"text": part.text} for part in message.parts if isinstance(part, Text) and part.text
        ]

    def _parts(self, part: Part, where: str) -> list[Object]:
        own = as_dict(part.state.get(NAME))
        match part:
            case Text() | Refusal():
                return [{**own, "text": part.text}] if part.text or own else []
            case Image() | File():
                media = self._media(part, where)
                return [{**own, **media}] if media else []
            case Reasoning():
                if own:
                    return [{**own, "text": part.text, "thought": True}]
                self._changes.dropped(f"{where}.reasoning", "these are another model's thoughts")
                return []
            case ToolCall():
                return [{**own, "functionCall": self._call(part, where)}]
            case ToolResult():
                return self._result(part, where)
            case Opaque():
                if own:
                    return [dict(own)]
                self._changes.dropped(
                    f"{where}.{part.kind}", "only the provider that made it understands it"
                )
                return []
        assert_never(part)

    def _media(self, part: Image | File, where: str) -> Object | None:
        default = "image/png" if isinstance(part, Image) else "application/pdf"
        if part.data is not None:
            return {"inlineData": {"mimeType": part.media_type or default, "data": part.data}}
        uri = part.url or self._file_uri(part)
        if uri is None:
            self._changes.dropped(f"{where}.file", "this provider does not know the file's id")
            return None
        if uri.startswith("http://"):
            raise InvalidRequest(
                "Gemini fetches only https:// addresses. Send the media itself.", param=where
            )
        media_type = part.media_type or guess_type(urlsplit(uri).path)[0]
        return {"fileData": {"fileUri": uri, **({"mimeType": media_type} if media_type else {})}}

    def _file_uri(self, part: Image | File) -> str | None:
        file_id = part.file_id if isinstance(part, File) else None
        if file_id and file_id.startswith("files/"):
            return f"{self._host.provider.base_url}/{file_id}"
        return file_id if file_id and file_id.startswith(("https://", "gs://")) else None

    def _call(self, part: ToolCall, where: str) -> Object:
        self._names[part.id] = part.name
        try:
            arguments = decode(part.arguments or "{}")
        except ValueError:
            arguments = None
        if not isinstance(arguments, dict):
            self._changes.changed(
                f"{where}.tool_calls", "arguments that are no JSON object are sent as an empty one"
            )
            arguments = {}
        return {**_known_id(part.id), "name": part.name, "args": arguments}

    def _result(self, part: ToolResult, where: str) -> list[Object]:
        name = part.name or self._names.get(part.call_id)
        if not name:
            raise InvalidRequest(
                f"{where} is the result of a tool call that is not in the conversation. Send the call before it.",
                param=where,
            )
        media = [self._media(item, where) for item in part.content if not isinstance(item, Text)]
        inside = self._host.quirk("tool_result_media", True) is not False
        within = [item for item in media if item and inside and "inlineData" in item]
        beside = [item for item in media if item and item not in within]
        kept = as_dict(as_dict(part.state.get(NAME)).get("functionResponse"))
        said = {**_known_id(part.call_id), "name": name}
        answer: Object = {**said, "response": _outcome(part), **kept}
        if within:
            answer["parts"] = within
        if beside:
            self._changes.emulated(f"{where}.content", "media of a result is sent beside it")
        return [{**as_dict(part.state.get(NAME)), "functionResponse": answer}, *beside]

    def _vouch(self, parts: list[Object], where: str) -> None:
        """Newer models refuse a turn whose first call has no signature, as one that another model made."""
        first = next((part for part in parts if "functionCall" in part), None)
        if (
            first is None
            or "thoughtSignature" in first
            or self._host.quirk("thought_signature") != "required"
        ):
            return
        first["thoughtSignature"] = _SKIP_SIGNATURE
        self._changes.emulated(
            f"{where}.reasoning", "the call's signature is not known; its check is skipped"
        )


def _known_id(text: str) -> Object:
    return {"id": text} if text and not text.startswith(SYNTHETIC) else {}


def _outcome(part: ToolResult) -> Object:
    """The result as the object that is asked for; text that is a JSON object is taken as that object."""
    text = text_of(part.content)
    try:
        value = decode(text)
    except ValueError:
        value = text
    if part.is_error:
        return {"error": value}
    return value if isinstance(value, dict) else {"output": text}


# --- everything else ----------------------------------------------------------------------------


def _tools(request: ChatRequest, changes: Changes) -> list[Json]:
    declared = []
    for number, tool in enumerate(request.tools):
        if tool.strict:
            changes.dropped(
                f"tools[{number}].strict", "this format does not enforce a tool's schema"
            )
        declared.append(_declaration(tool))
    return [{"functionDeclarations": declared}] if declared else []


def _declaration(tool: Tool) -> Object:
    declaration: Object = {**as_dict(tool.state.get(NAME)), "name": tool.name}
    if tool.description:
        declaration["description"] = tool.description
    if tool.parameters:
        declaration["parametersJsonSchema"] = dict(tool.parameters)
    return declaration


def _tool_config(request: ChatRequest, changes: Changes) -> Object:
    if request.parallel_tool_calls is False and request.tools:
        changes.dropped("parallel_tool_calls", "this format cannot forbid them")
    choice = request.tool_choice
    if choice is None or not request.tools:
        return {}
    config: Object = {"mode": _MODES[choice.mode]}
    if choice.mode == "named":
        config["allowedFunctionNames"] = [choice.name]
    return {"functionCallingConfig": config}


def _generation(request: ChatRequest, host: Host, system: list[Object], changes: Changes) -> Object:
    temperature = request.temperature
    if temperature is not None and temperature > 2:
        changes.changed("temperature", "it ends at 2 here")
        temperature = 2
    if len(request.stop) > _MOST_STOPS:
        changes.dropped("stop", f"only the first {_MOST_STOPS} stop sequences are taken")
    values = {
        "temperature": temperature,
        "topP": request.top_p,
        "topK": request.top_k,
        "maxOutputTokens": request.max_tokens,
        "stopSequences": list(request.stop[:_MOST_STOPS]) or None,
        "seed": request.seed,
        "presencePenalty": request.presence_penalty,
        "frequencyPenalty": request.frequency_penalty,
        "candidateCount": request.n if request.n and request.n > 1 else None,
        "thinkingConfig": thinking_config(request.reasoning, host, changes) or None,
        **_response_format(request, host, system, changes),
    }
    return {name: value for name, value in values.items() if value is not None}


def _response_format(
    request: ChatRequest, host: Host, system: list[Object], changes: Changes
) -> Mapping[str, Any]:
    wanted = request.response_format
    if wanted is None or wanted.kind == "text":
        return {}
    schema = wanted.schema if wanted.kind == "json_schema" else None
    if request.tools and host.quirk("json_with_tools", True) is False:
        changes.emulated(
            "response_format",
            "with tools it is asked for in the system prompt; nothing enforces it",
        )
        text = (
            _JSON_PROMPT
            if schema is None
            else _SCHEMA_PROMPT + msgspec.json.encode(schema).decode()
        )
        system.append({"text": text})
        return {}
    return {
        "responseMimeType": "application/json",
        "responseJsonSchema": None if schema is None else dict(schema),
    }

"""Ollama: chat as NDJSON, embed, tags, version."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from aiproxy.fake.dialects.base import NDJSON, Asked, Dialect, JsonObject, Refusal, encode
from providers.chat import (
    ChatRequest,
    ChatResponse,
    FinishReason,
    Image,
    Message,
    Part,
    Reasoning,
    ReasoningOptions,
    ResponseFormat,
    Text,
    Tool,
    ToolCall,
    ToolResult,
)
from providers.embedding import EmbeddingRequest, EmbeddingResponse
from providers.errors import InvalidRequest
from providers.events import (
    Ended,
    Event,
    Finished,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
    UsageReported,
)
from providers.usage import Usage

VERSION = "0.12.0"

_REFUSALS: dict[Refusal, tuple[int, str]] = {
    "wrong_key": (401, "unauthorized"),
    "restricted_key": (403, "this key may not use this model"),
    "no_credit": (402, "no credits left, add credits to continue"),
    "rate_limited": (429, "too many requests"),
}


class Ollama(Dialect):
    name = "ollama"
    stream_type = NDJSON
    ping = b""

    def chat(self, asked: Asked) -> ChatRequest:
        body = asked.body
        messages = body.get("messages")
        if not isinstance(messages, list):
            raise InvalidRequest("messages is required", param="messages")
        options = _object(body.get("options"))
        limit = options.get("num_predict")
        stop = options.get("stop") or ()
        return ChatRequest(
            asked.model,
            tuple(_message(_object(message)) for message in messages),
            tools=tuple(_tools(body)),
            response_format=_format(body.get("format")),
            reasoning=_reasoning(body.get("think")),
            max_tokens=limit if isinstance(limit, int) and limit > 0 else None,
            stop=(stop,) if isinstance(stop, str) else tuple(stop),
            stream=asked.streams,
        )

    def completion(self, response: ChatResponse, asked: Asked) -> JsonObject:
        choice = response.choices[0]
        message: JsonObject = {"role": "assistant", "content": choice.text}
        thoughts = "".join(part.text for part in choice.parts if isinstance(part, Reasoning))
        if thoughts:
            message["thinking"] = thoughts
        if choice.tool_calls:
            message["tool_calls"] = list(map(_call, choice.tool_calls))
        return _line(asked, message) | _ending(choice.finish, response.usage or Usage())

    def renderer(self, asked: Asked, answer_id: str) -> Callable[[Event], bytes]:
        return _Stream(asked).render

    def embedding(self, asked: Asked) -> EmbeddingRequest:
        given = asked.body.get("input")
        texts = (given,) if isinstance(given, str) else tuple(map(str, given or ()))
        return EmbeddingRequest(asked.model, texts, asked.body.get("dimensions"))

    def vectors(self, response: EmbeddingResponse, asked: Asked) -> JsonObject:
        return {
            "model": asked.model,
            "embeddings": [list(vector) for vector in response.vectors],
            "total_duration": 1_000_000,
            "prompt_eval_count": (response.usage or Usage()).input_tokens,
        }

    def model(self, name: str) -> JsonObject:
        family = "sandbox"
        return {
            "name": name,
            "model": name,
            "modified_at": "2025-01-01T00:00:00Z",
            "size": 0,
            "digest": "0" * 64,
            "details": {"format": "none", "family": family, "families": [family]},
        }

    def models(self, names: Sequence[str]) -> JsonObject:
        return {"models": [self.model(name) for name in names]}

    def error(self, status: int, message: str) -> JsonObject:
        return {"error": message}

    def refusal(self, why: Refusal) -> tuple[int, JsonObject]:
        status, message = _REFUSALS[why]
        return status, self.error(status, message)

    def error_frame(self, status: int, message: str) -> bytes:
        return encode(self.error(status, message)) + b"\n"


class _Stream:
    """A line for each word. Tool calls come whole, on a line before the last one."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self._calls: dict[int, list[ToolCallDelta]] = {}
        self._finish: FinishReason = "stop"
        self._usage = Usage()

    def render(self, event: Event) -> bytes:
        match event:
            case TextDelta(choice=0):
                return self._say(content=event.text)
            case ReasoningDelta(choice=0):
                return self._say(content="", thinking=event.text)
            case ToolCallDelta(choice=0):
                self._calls.setdefault(event.part, []).append(event)
            case Finished(choice=0):
                self._finish = event.reason
                return self._called()
            case UsageReported():
                self._usage = event.usage
            case Ended():
                message = {"role": "assistant", "content": ""}
                line = _line(self._asked, message) | _ending(self._finish, self._usage)
                return encode(line) + b"\n"
        return b""

    def _called(self) -> bytes:
        calls = [
            ToolCall(deltas[0].id, deltas[0].name, "".join(delta.arguments for delta in deltas))
            for deltas in self._calls.values()
        ]
        return self._say(content="", tool_calls=list(map(_call, calls))) if calls else b""

    def _say(self, **message: Any) -> bytes:
        return encode(_line(self._asked, {"role": "assistant", **message})) + b"\n"


def _line(asked: Asked, message: JsonObject) -> JsonObject:
    now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    return {"model": asked.model, "created_at": now, "message": message, "done": False}


def _ending(finish: FinishReason, usage: Usage) -> JsonObject:
    """Ollama says "stop" for tool calls too."""
    return {
        "done": True,
        "done_reason": "length" if finish == "length" else "stop",
        "total_duration": 2_000_000,
        "load_duration": 0,
        "prompt_eval_count": usage.input_tokens,
        "prompt_eval_duration": 1_000_000,
        "eval_count": usage.output_tokens,
        "eval_duration": 1_000_000,
    }


def _call(call: ToolCall) -> JsonObject:
    return {"function": {"name": call.name, "arguments": msgspec.json.decode(call.arguments)}}


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _message(message: Mapping[str, Any]) -> Message:
    text = str(message.get("content") or "")
    name = message.get("tool_name") or message.get("name")
    if message.get("role") == "tool":
        return Message("tool", (ToolResult("", (Text(text),), str(name) if name else None),))
    parts: list[Part] = [Text(text)] if text else []
    parts += [Image(data=str(data)) for data in message.get("images") or ()]
    for call in map(_object, message.get("tool_calls") or ()):
        function = _object(call.get("function"))
        arguments = encode(function.get("arguments") or {}).decode()
        parts.append(ToolCall("", str(function.get("name")), arguments))
    match message.get("role"):
        case "system":
            return Message("system", tuple(parts))
        case "assistant":
            return Message("assistant", tuple(parts))
        case _:
            return Message("user", tuple(parts))


def _tools(body: Mapping[str, Any]) -> Iterator[Tool]:
    for tool in map(_object, body.get("tools") or ()):
        function = _object(tool.get("function"))
        yield Tool(
            str(function.get("name")), function.get("description"), function.get("parameters")
        )


def _format(value: Any) -> ResponseFormat | None:
    if isinstance(value, Mapping):
        return ResponseFormat("json_schema", value)
    return ResponseFormat("json") if value == "json" else None


def _reasoning(value: Any) -> ReasoningOptions | None:
    if not value:
        return None
    return ReasoningOptions(effort=value if isinstance(value, str) else None, include=True)

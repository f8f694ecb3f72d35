"""Bedrock: Converse, ConverseStream, and InvokeModel for embeddings in Titan's and Cohere's formats."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any
from zlib import crc32

import msgspec

from aiproxy.fake.dialects.base import Asked, Dialect, JsonObject, Refusal, encode
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
    ToolChoice,
    ToolResult,
)
from providers.embedding import EmbeddingRequest, EmbeddingResponse
from providers.errors import InvalidRequest
from providers.events import (
    Ended,
    Event,
    Finished,
    ReasoningDelta,
    Started,
    TextDelta,
    ToolCallDelta,
    UsageReported,
)
from providers.usage import Usage

_STOPS: Mapping[FinishReason, str] = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "content_filter": "guardrail_intervened",
}
_EXCEPTIONS = {
    400: "validationException",
    429: "throttlingException",
    503: "serviceUnavailableException",
}
_SIGNATURE = "sandbox-signature"

_REFUSALS: dict[Refusal, tuple[int, str]] = {
    "wrong_key": (403, "The security token included in the request is invalid."),
    "restricted_key": (
        403,
        "User: sandbox is not authorized to perform: bedrock:InvokeModel on this resource.",
    ),
    "no_credit": (
        403,
        "Model access is denied due to INVALID_PAYMENT_INSTRUMENT: A valid payment instrument must "
        "be provided.",
    ),
    "rate_limited": (429, "Too many requests, please wait before trying again."),
}


class Bedrock(Dialect):
    name = "bedrock"
    stream_type = "application/vnd.amazon.eventstream"
    ping = b""

    def chat(self, asked: Asked) -> ChatRequest:
        body = asked.body
        config = _object(body.get("inferenceConfig"))
        tools = _object(body.get("toolConfig"))
        return ChatRequest(
            asked.model,
            tuple(_messages(body)),
            tools=tuple(_tools(tools)),
            tool_choice=_tool_choice(tools),
            response_format=_format(_object(body.get("outputConfig"))),
            reasoning=_reasoning(_object(body.get("additionalModelRequestFields"))),
            max_tokens=config.get("maxTokens"),
            stop=tuple(config.get("stopSequences") or ()),
            stream=asked.streams,
        )

    def completion(self, response: ChatResponse, asked: Asked) -> JsonObject:
        choice = response.choices[0]
        content = [_block(part) for part in choice.parts]
        return {
            "metrics": {"latencyMs": 1},
            "output": {"message": {"role": "assistant", "content": content}},
            "stopReason": _STOPS.get(choice.finish, "end_turn"),
            "usage": _usage(response.usage or Usage()),
        }

    def renderer(self, asked: Asked, answer_id: str) -> Callable[[Event], bytes]:
        return _Stream().render

    def embedding(self, asked: Asked) -> EmbeddingRequest:
        if "inputText" in asked.body:
            texts, dimensions = [asked.body["inputText"]], asked.body.get("dimensions")
        else:
            texts, dimensions = asked.body["texts"], asked.body.get("output_dimension")
        return EmbeddingRequest(asked.model, tuple(map(str, texts)), dimensions)

    def vectors(self, response: EmbeddingResponse, asked: Asked) -> JsonObject:
        found = [list(vector) for vector in response.vectors]
        if "inputText" in asked.body:
            tokens = response.usage.input_tokens if response.usage else 0
            return {"embedding": found[0], "inputTextTokenCount": tokens}
        return {"embeddings": found, "response_type": "embeddings_floats"}

    def model(self, name: str) -> JsonObject:
        raise InvalidRequest("This API does not list its models.")

    def models(self, names: Sequence[str]) -> JsonObject:
        raise InvalidRequest("This API does not list its models.")

    def error(self, status: int, message: str) -> JsonObject:
        return {"message": message}

    def refusal(self, why: Refusal) -> tuple[int, JsonObject]:
        status, message = _REFUSALS[why]
        return status, self.error(status, message)

    def error_frame(self, status: int, message: str) -> bytes:
        name = _EXCEPTIONS.get(status, "internalServerException")
        headers = {":message-type": "exception", ":exception-type": name}
        return _frame(headers, self.error(status, message))


class _Stream:
    """One block after the other. Text and thoughts begin with their first delta, calls with a start."""

    def __init__(self) -> None:
        self._open: int | None = None

    def render(self, event: Event) -> bytes:
        match event:
            case Started():
                return _event("messageStart", {"role": "assistant"})
            case TextDelta():
                return self._delta(event.part, {"text": event.text})
            case ReasoningDelta():
                return self._delta(event.part, {"reasoningContent": {"text": event.text}})
            case ToolCallDelta():
                return self._call(event)
            case Finished():
                stop = {"stopReason": _STOPS.get(event.reason, "end_turn")}
                return self._close() + _event("messageStop", stop)
            case UsageReported():
                metadata = {"metrics": {"latencyMs": 1}, "usage": _usage(event.usage)}
                return _event("metadata", metadata)
            case Ended():
                return b""
        return b""

    def _call(self, event: ToolCallDelta) -> bytes:
        start = b""
        if event.part != self._open:
            begun = {"toolUse": {"toolUseId": event.id, "name": event.name}}
            start = self._close() + _event(
                "contentBlockStart", {"contentBlockIndex": event.part, "start": begun}
            )
            self._open = event.part
        if not event.arguments:
            return start
        return start + self._delta(event.part, {"toolUse": {"input": event.arguments}})

    def _delta(self, part: int, delta: JsonObject) -> bytes:
        before = b"" if part == self._open else self._close()
        self._open = part
        return before + _event("contentBlockDelta", {"contentBlockIndex": part, "delta": delta})

    def _close(self) -> bytes:
        part, self._open = self._open, None
        return b"" if part is None else _event("contentBlockStop", {"contentBlockIndex": part})


def _event(name: str, payload: JsonObject) -> bytes:
    return _frame({":message-type": "event", ":event-type": name}, {**payload, "p": "abcdefgh"})


def _frame(headers: Mapping[str, str], payload: JsonObject) -> bytes:
    """An AWS event-stream message; all its headers are texts (type 7)."""
    head = b"".join(
        bytes([len(name)])
        + name.encode()
        + b"\x07"
        + struct.pack(">H", len(value))
        + value.encode()
        for name, value in {**headers, ":content-type": "application/json"}.items()
    )
    body = encode(payload)
    prelude = struct.pack(">II", 16 + len(head) + len(body), len(head))
    whole = prelude + struct.pack(">I", crc32(prelude)) + head + body
    return whole + struct.pack(">I", crc32(whole))


def _block(part: Part) -> JsonObject:
    match part:
        case ToolCall():
            arguments = msgspec.json.decode(part.arguments)
            return {"toolUse": {"toolUseId": part.id, "name": part.name, "input": arguments}}
        case Reasoning():
            text = {"text": part.text, "signature": _SIGNATURE}
            return {"reasoningContent": {"reasoningText": text}}
        case Text():
            return {"text": part.text}
    return {"text": ""}


def _usage(usage: Usage) -> JsonObject:
    return {
        "inputTokens": usage.input_tokens,
        "outputTokens": usage.output_tokens,
        "totalTokens": usage.total_tokens,
    }


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _blocks(content: Any) -> Iterator[Mapping[str, Any]]:
    yield from map(_object, content or ())


def _messages(body: Mapping[str, Any]) -> Iterator[Message]:
    system = "\n".join(str(block.get("text") or "") for block in _blocks(body.get("system")))
    if system:
        yield Message("system", (Text(system),))
    for message in _blocks(body.get("messages")):
        role = "assistant" if message.get("role") == "assistant" else "user"
        parts = tuple(map(_read, _blocks(message.get("content"))))
        yield Message("assistant" if role == "assistant" else "user", parts)


def _read(block: Mapping[str, Any]) -> Part:
    if call := _object(block.get("toolUse")):
        arguments = encode(call.get("input") or {}).decode()
        return ToolCall(str(call.get("toolUseId")), str(call.get("name")), arguments)
    if result := _object(block.get("toolResult")):
        words = "".join(str(item.get("text") or "") for item in _blocks(result.get("content")))
        return ToolResult(str(result.get("toolUseId")), (Text(words),))
    if image := _object(block.get("image")):
        source = _object(image.get("source"))
        return Image(f"image/{image.get('format')}", source.get("bytes"))
    if thought := _object(block.get("reasoningContent")):
        return Reasoning(str(_object(thought.get("reasoningText")).get("text") or ""))
    return Text(str(block.get("text") or ""))


def _tools(config: Mapping[str, Any]) -> Iterator[Tool]:
    for entry in _blocks(config.get("tools")):
        spec = _object(entry.get("toolSpec"))
        schema = _object(_object(spec.get("inputSchema")).get("json"))
        yield Tool(str(spec.get("name")), spec.get("description"), schema)


def _tool_choice(config: Mapping[str, Any]) -> ToolChoice | None:
    choice = _object(config.get("toolChoice"))
    if named := _object(choice.get("tool")):
        return ToolChoice("named", str(named.get("name")))
    return ToolChoice("required") if "any" in choice else None


def _format(config: Mapping[str, Any]) -> ResponseFormat | None:
    structure = _object(_object(config.get("textFormat")).get("structure"))
    shape = _object(structure.get("jsonSchema"))
    if not shape:
        return None
    return ResponseFormat("json_schema", msgspec.json.decode(str(shape.get("schema"))))


def _reasoning(fields: Mapping[str, Any]) -> ReasoningOptions | None:
    """Of Claude's and Nova's ways to ask for it."""
    thinking = _object(fields.get("thinking"))
    nova = _object(fields.get("reasoningConfig"))
    if "enabled" not in (thinking.get("type"), nova.get("type")):
        return ReasoningOptions() if thinking.get("type") == "adaptive" else None
    return ReasoningOptions(
        effort=nova.get("maxReasoningEffort"), budget=thinking.get("budget_tokens")
    )

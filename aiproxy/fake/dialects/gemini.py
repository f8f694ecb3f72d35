"""Gemini: generateContent, streamGenerateContent, embedContent and batchEmbedContents, models."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

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

_STATUS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
_MODES = {"AUTO": "auto", "ANY": "required", "NONE": "none", "VALIDATED": "auto"}
_KEY_INVALID = {
    "@type": "type.googleapis.com/google.rpc.ErrorInfo",
    "reason": "API_KEY_INVALID",
    "domain": "googleapis.com",
}
_RETRY_INFO = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "2s"}

# A wrong key is a 400 at Google, told apart by the reason.
_REFUSALS: dict[Refusal, tuple[int, str, list[JsonObject]]] = {
    "wrong_key": (400, "API key not valid. Please pass a valid API key.", [_KEY_INVALID]),
    "restricted_key": (403, "Requests to this API are blocked for this key.", []),
    "no_credit": (429, "Your prepayment credits are depleted. Please add credits.", []),
    "rate_limited": (429, "Resource has been exhausted (e.g. check quota).", [_RETRY_INFO]),
}


class Gemini(Dialect):
    name = "gemini"

    def chat(self, asked: Asked) -> ChatRequest:
        body = asked.body.get("generateContentRequest") or asked.body
        config = _object(body.get("generationConfig"))
        limits = _object(_object(body.get("toolConfig")).get("functionCallingConfig"))
        return ChatRequest(
            asked.model,
            tuple(_messages(body)),
            tools=tuple(_tools(body)),
            tool_choice=_tool_choice(limits) if limits else None,
            response_format=_format(config),
            reasoning=_reasoning(_object(config.get("thinkingConfig"))),
            max_tokens=config.get("maxOutputTokens"),
            stop=tuple(config.get("stopSequences") or ()),
            n=config.get("candidateCount"),
            stream=asked.streams,
        )

    def completion(self, response: ChatResponse, asked: Asked) -> JsonObject:
        return {
            "candidates": [
                {
                    "content": {"parts": [_part(p) for p in choice.parts], "role": "model"},
                    "finishReason": _finish(choice.finish),
                    "index": index,
                }
                for index, choice in enumerate(response.choices)
            ],
            "usageMetadata": _usage(response.usage or Usage()),
            "modelVersion": asked.model,
            "responseId": response.id,
        }

    def renderer(self, asked: Asked, answer_id: str) -> Callable[[Event], bytes]:
        return _Stream(asked, answer_id).render

    def embedding(self, asked: Asked) -> EmbeddingRequest:
        requests = asked.body.get("requests") if asked.batch else [asked.body]
        items = [_object(item) for item in requests or ()]
        dimensions = items[0].get("outputDimensionality") if items else None
        texts = tuple(_text(_object(item.get("content"))) for item in items)
        return EmbeddingRequest(asked.model, texts, dimensions)

    def vectors(self, response: EmbeddingResponse, asked: Asked) -> JsonObject:
        found = [{"values": list(vector)} for vector in response.vectors]
        return {"embeddings": found} if asked.batch else {"embedding": found[0]}

    def model(self, name: str) -> JsonObject:
        embeds = name.endswith("embed")
        methods = ["embedContent"] if embeds else ["generateContent", "countTokens"]
        return {
            "name": f"models/{name}",
            "version": "1",
            "displayName": name,
            "inputTokenLimit": 32768,
            "outputTokenLimit": 8192,
            "supportedGenerationMethods": methods,
        }

    def models(self, names: Sequence[str]) -> JsonObject:
        return {"models": [self.model(name) for name in names]}

    def count(self, tokens: int) -> JsonObject:
        return {"totalTokens": tokens}

    def error(self, status: int, message: str) -> JsonObject:
        return _error(status, message, [])

    def refusal(self, why: Refusal) -> tuple[int, JsonObject]:
        status, message, details = _REFUSALS[why]
        return status, _error(status, message, details)


class _Stream:
    """Every piece is a small whole answer. A function call comes in one piece, with the words before it."""

    def __init__(self, asked: Asked, answer_id: str) -> None:
        self._asked = asked
        self._id = answer_id
        self._calls: dict[tuple[int, int], list[ToolCallDelta]] = {}
        self._finishes: list[Finished] = []
        self._usage = Usage()
        self._first = True

    def render(self, event: Event) -> bytes:
        match event:
            case TextDelta():
                return self._frame([_candidate(event.choice, [{"text": event.text}])])
            case ReasoningDelta():
                part = {"text": event.text, "thought": True}
                return self._frame([_candidate(event.choice, [part])])
            case ToolCallDelta():
                self._calls.setdefault((event.choice, event.part), []).append(event)
            case Finished():
                self._finishes.append(event)
            case UsageReported():
                self._usage = event.usage
            case Ended():
                return self._last()
        return b""

    def _last(self) -> bytes:
        """What was called, why it ended and what it cost."""
        candidates = []
        for finish in self._finishes:
            calls = [d for (choice, _), d in sorted(self._calls.items()) if choice == finish.choice]
            parts = [_part(_joined(deltas)) for deltas in calls] or [{"text": ""}]
            reason = {"finishReason": _finish(finish.reason)}
            candidates.append(_candidate(finish.choice, parts) | reason)
        return self._frame(candidates) + (b"]" if self._asked.array else b"")

    def _frame(self, candidates: list[JsonObject]) -> bytes:
        data = encode(
            {
                "candidates": candidates,
                "usageMetadata": _usage(self._usage),
                "modelVersion": self._asked.model,
                "responseId": self._id,
            }
        )
        first, self._first = self._first, False
        if self._asked.array:
            return (b"[" if first else b",\r\n") + data
        return b"data: " + data + b"\r\n\r\n"


def _joined(deltas: Sequence[ToolCallDelta]) -> ToolCall:
    return ToolCall(deltas[0].id, deltas[0].name, "".join(delta.arguments for delta in deltas))


def _candidate(index: int, parts: list[JsonObject]) -> JsonObject:
    return {"content": {"parts": parts, "role": "model"}, "index": index}


def _part(part: Part) -> JsonObject:
    match part:
        case ToolCall():
            call = {"name": part.name, "args": msgspec.json.decode(part.arguments), "id": part.id}
            signature = base64.b64encode(part.id.encode()).decode()
            return {"functionCall": call, "thoughtSignature": signature}
        case Reasoning():
            return {"text": part.text, "thought": True}
        case Text():
            return {"text": part.text}
    return {"text": ""}


def _finish(reason: FinishReason) -> str:
    return "MAX_TOKENS" if reason == "length" else "STOP"


def _usage(usage: Usage) -> JsonObject:
    """Thoughts are counted apart from the candidates."""
    counted: JsonObject = {
        "promptTokenCount": usage.input_tokens,
        "candidatesTokenCount": usage.output_tokens - usage.reasoning_tokens,
        "totalTokenCount": usage.total_tokens,
    }
    if usage.reasoning_tokens:
        counted["thoughtsTokenCount"] = usage.reasoning_tokens
    return counted


def _error(status: int, message: str, details: list[JsonObject]) -> JsonObject:
    word = _STATUS.get(status, "INTERNAL")
    return {"error": {"code": status, "message": message, "status": word, "details": details}}


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _parts(content: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield from map(_object, content.get("parts") or ())


def _text(content: Mapping[str, Any]) -> str:
    return "".join(str(part.get("text") or "") for part in _parts(content))


def _messages(body: Mapping[str, Any]) -> Iterator[Message]:
    system = _text(_object(body.get("systemInstruction")))
    if system:
        yield Message("system", (Text(system),))
    for content in map(_object, body.get("contents") or ()):
        role = "assistant" if content.get("role") == "model" else "user"
        yield Message(
            "assistant" if role == "assistant" else "user", tuple(map(_read, _parts(content)))
        )


def _read(part: Mapping[str, Any]) -> Part:
    if (data := _object(part.get("inlineData"))) or (data := _object(part.get("fileData"))):
        return Image(data.get("mimeType"), data.get("data"), data.get("fileUri"))
    if call := _object(part.get("functionCall")):
        arguments = encode(call.get("args") or {}).decode()
        return ToolCall(str(call.get("id") or call.get("name")), str(call.get("name")), arguments)
    if result := _object(part.get("functionResponse")):
        said = result.get("response")
        values = list(said.values()) if isinstance(said, Mapping) else [said]
        plain = values[0] if len(values) == 1 and isinstance(values[0], str) else None
        words = plain or encode(said).decode()
        name = str(result.get("name"))
        return ToolResult(str(result.get("id") or name), (Text(words),), name)
    text = str(part.get("text") or "")
    return Reasoning(text) if part.get("thought") else Text(text)


def _tools(body: Mapping[str, Any]) -> Iterator[Tool]:
    for tool in map(_object, body.get("tools") or ()):
        for function in map(_object, tool.get("functionDeclarations") or ()):
            schema = function.get("parametersJsonSchema") or function.get("parameters")
            yield Tool(str(function.get("name")), function.get("description"), schema)


def _tool_choice(config: Mapping[str, Any]) -> ToolChoice:
    names: Sequence[Any] = config.get("allowedFunctionNames") or ()
    mode = _MODES.get(str(config.get("mode") or "AUTO").upper())
    if mode == "required":
        return ToolChoice("named", str(names[0])) if len(names) == 1 else ToolChoice("required")
    return ToolChoice("none") if mode == "none" else ToolChoice("auto")


def _format(config: Mapping[str, Any]) -> ResponseFormat | None:
    if config.get("responseMimeType") != "application/json":
        return None
    schema = config.get("responseJsonSchema") or config.get("responseSchema")
    return ResponseFormat("json_schema", schema) if schema else ResponseFormat("json")


def _reasoning(config: Mapping[str, Any]) -> ReasoningOptions | None:
    if not config:
        return None
    return ReasoningOptions(
        effort=str(config["thinkingLevel"]).lower() if config.get("thinkingLevel") else None,
        budget=config.get("thinkingBudget"),
        include=bool(config.get("includeThoughts")),
    )

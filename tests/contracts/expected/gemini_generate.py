"""What a recording of Gemini's generateContent says."""

from __future__ import annotations

import json
from typing import Any

from tests.contracts.expected import Expected, ExpectedCall, ExpectedChoice, Recording, sse, unique

FINISH = {
    "STOP": "stop",
    1: "stop",
    "MAX_TOKENS": "length",
    2: "length",
    "SAFETY": "content_filter",
    "MODEL_ARMOR": "content_filter",
    "MALFORMED_FUNCTION_CALL": "error",
    "UNEXPECTED_TOOL_CALL": "error",
    "NO_IMAGE": "error",
    "OTHER": "unknown",
}


def read(recording: Recording) -> Expected:
    body = recording["response"].get("body")
    if body is None:
        return answer([json.loads(data) for _, data in sse(recording)])
    return answer(body if isinstance(body, list) else [body])


def answer(chunks: list[dict[str, Any]]) -> Expected:
    candidates = [
        (candidate.get("index", 0), candidate)
        for chunk in chunks
        for candidate in chunk.get("candidates", [])
    ]
    numbers = sorted({number for number, _ in candidates})
    choices = [choice([c for n, c in candidates if n == number]) for number in numbers]
    blocked = any((chunk.get("promptFeedback") or {}).get("blockReason") for chunk in chunks)
    models = [chunk["modelVersion"] for chunk in chunks if chunk.get("modelVersion")]
    return Expected(
        choices, usage(chunks), failed=blocked or not choices, model=models[0] if models else None
    )


def choice(candidates: list[dict[str, Any]]) -> ExpectedChoice:
    parts = [
        part
        for candidate in candidates
        for part in (candidate.get("content") or {}).get("parts", [])
    ]
    calls = calls_of([part["functionCall"] for part in parts if "functionCall" in part])
    answered = sum("functionResponse" in part for part in parts)
    raw = [candidate["finishReason"] for candidate in candidates if candidate.get("finishReason")]
    finish = FINISH[raw[-1]] if raw else "unknown"
    shown = [part for part in parts if "text" in part]
    text = "".join(part["text"] for part in shown if not part.get("thought"))
    return ExpectedChoice(
        text=text,
        reasoning="".join(part["text"] for part in shown if part.get("thought")),
        tool_calls=calls,
        finish="tool_calls" if finish == "stop" and len(calls) > answered else finish,
        citations=unique([url for candidate in candidates for url in cited(candidate)]),
    )


def calls_of(pieces: list[dict[str, Any]]) -> list[ExpectedCall]:
    calls: list[ExpectedCall] = []
    for piece in pieces:
        if piece.get("name"):
            calls.append(
                ExpectedCall(piece["name"], dict(piece.get("args") or {}), piece.get("id"))
            )
        for partial in piece.get("partialArgs", []):
            name = partial["jsonPath"].removeprefix("$.")
            arguments = calls[-1].arguments
            if "stringValue" in partial:
                arguments[name] = arguments.get(name, "") + partial["stringValue"]
            else:
                arguments[name] = partial.get("numberValue", partial.get("boolValue"))
    return calls


def cited(candidate: dict[str, Any]) -> list[str]:
    grounding = candidate.get("groundingMetadata") or {}
    chunks = [chunk["web"]["uri"] for chunk in grounding.get("groundingChunks", [])]
    supports = grounding.get("groundingSupports", [])
    used = [chunks[index] for support in supports for index in support["groundingChunkIndices"]]
    recited = (candidate.get("citationMetadata") or {}).get("citations", [])
    return [*(used if supports else chunks), *(c["uri"] for c in recited if c.get("uri"))]


def usage(chunks: list[dict[str, Any]]) -> dict[str, int] | None:
    said: dict[str, Any] = {}
    for chunk in chunks:
        said.update(chunk.get("usageMetadata") or {})
    if "promptTokenCount" not in said:
        return None
    thoughts = said.get("thoughtsTokenCount", 0)
    found = {
        "input_tokens": said["promptTokenCount"] + said.get("toolUsePromptTokenCount", 0),
        "output_tokens": said.get("candidatesTokenCount", 0) + thoughts,
        "cached_tokens": said.get("cachedContentTokenCount", 0),
        "reasoning_tokens": thoughts,
    }
    assert said["totalTokenCount"] == found["input_tokens"] + found["output_tokens"]
    return found

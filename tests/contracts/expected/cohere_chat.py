"""What a recording of Cohere's v2 chat says."""

from __future__ import annotations

import json
from typing import Any

from tests.contracts.expected import (
    Expected,
    ExpectedCall,
    ExpectedChoice,
    Recording,
    json_or_text,
    sse,
    unique,
)

FINISH = {
    "COMPLETE": "stop",
    "STOP_SEQUENCE": "stop",
    "MAX_TOKENS": "length",
    "TOOL_CALL": "tool_calls",
}


def read(recording: Recording) -> Expected:
    body = recording["response"].get("body")
    return stream(recording) if body is None else whole(body)


def whole(body: dict[str, Any]) -> Expected:
    message = body["message"]
    choice = ExpectedChoice(finish=FINISH[body["finish_reason"]])
    choice.reasoning = message.get("tool_plan", "")
    for block in message.get("content", ()):
        choice.text += block.get("text", "")
        choice.reasoning += block.get("thinking", "")
    for call in message.get("tool_calls", ()):
        arguments = json_or_text(call["function"]["arguments"])
        choice.tool_calls.append(ExpectedCall(call["function"]["name"], arguments, call["id"]))
    choice.citations = cited(message.get("citations", []))
    return Expected([choice], usage(body["usage"]))


def stream(recording: Recording) -> Expected:
    choice = ExpectedChoice(finish="unknown")
    calls: dict[int, ExpectedCall] = {}
    notes: list[Any] = []
    end: dict[str, Any] = {"finish_reason": "ERROR"}
    for _, data in sse(recording):
        event: dict[str, Any] = json.loads(data) if data.strip() != "[DONE]" else {"type": "done"}
        message = event.get("delta", {}).get("message", {})
        match event["type"]:
            case "tool-plan-delta":
                choice.reasoning += message["tool_plan"]
            case "content-start" | "content-delta":
                choice.text += message["content"].get("text", "")
                choice.reasoning += message["content"].get("thinking", "")
            case "tool-call-start":
                call = message["tool_calls"]
                function = call["function"]
                calls[event["index"]] = ExpectedCall(
                    function["name"], function.get("arguments", ""), call["id"]
                )
            case "tool-call-delta":
                piece = message["tool_calls"]["function"]["arguments"]
                calls[event["index"]].arguments += piece
            case "citation-start":
                notes.append(message["citations"])
            case "message-end":
                end = event["delta"]
    for call in calls.values():
        call.arguments = json_or_text(call.arguments)
    choice.tool_calls = list(calls.values())
    choice.citations = cited(notes)
    choice.finish = FINISH.get(end["finish_reason"], "unknown")
    return Expected([choice], usage(end.get("usage")), end["finish_reason"] == "ERROR")


def cited(notes: list[dict[str, Any]]) -> list[str]:
    """Addresses or names of the sources of what is said in the answer, not in plans and thoughts."""
    found = []
    for note in notes:
        if note.get("type", "TEXT_CONTENT") == "TEXT_CONTENT":
            for source in note["sources"]:
                facts = source.get("document") or source.get("tool_output") or {}
                found.append(facts.get("url") or facts.get("title") or source["id"])
    return unique(found)


def usage(said: dict[str, Any] | None) -> dict[str, int] | None:
    if not said:
        return None
    return {
        "input_tokens": said["tokens"]["input_tokens"],
        "output_tokens": said["tokens"]["output_tokens"],
        "cached_tokens": said.get("cached_tokens", 0),
        "reasoning_tokens": said["tokens"].get("reasoning_tokens", 0),
    }

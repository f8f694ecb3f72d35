"""What a recording of Responses says. A stream is read from its whole items, not from its deltas."""

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

INCOMPLETE = {"max_output_tokens": "length", "content_filter": "content_filter"}


def read(recording: Recording) -> Expected:
    body = recording["response"].get("body")
    if body is not None:
        return said(body, body["output"], failed=bool(body.get("error")), model=body["model"])
    events = [json.loads(data) for _, data in sse(recording) if data.strip() != "[DONE]"]
    items = [event["item"] for event in events if event["type"] == "response.output_item.done"]
    model = next(event["response"]["model"] for event in events if event.get("response"))
    last = next((event for event in events if event["type"] in ENDS), None)
    failed = last is None or any(e["type"] in ("error", "response.failed") for e in events)
    response = last["response"] if last else {}
    # What follows an error is not read any more.
    response = {**response, "usage": None} if failed else response
    return said(response, items or response.get("output", []), failed, model)


ENDS = ("response.completed", "response.incomplete")


def said(response: dict[str, Any], items: list[Any], failed: bool, model: str) -> Expected:
    choice = ExpectedChoice(finish="unknown", citations=[])
    for item in items:
        match item["type"]:
            case "message":
                message(choice, item)
            case "reasoning":
                pieces = [*item["summary"], *(item.get("content") or [])]
                choice.reasoning += "\n\n".join(piece["text"] for piece in pieces)
            case "function_call":
                arguments = json_or_text(item["arguments"])
                choice.tool_calls.append(ExpectedCall(item["name"], arguments, item["call_id"]))
            case "custom_tool_call":
                arguments = json_or_text(item["input"])
                choice.tool_calls.append(ExpectedCall(item["name"], arguments, item["call_id"]))
    choice.citations = unique(choice.citations or [])
    if response.get("status") == "completed":
        choice.finish = "tool_calls" if choice.tool_calls else "stop"
    elif response.get("incomplete_details"):
        choice.finish = INCOMPLETE[response["incomplete_details"]["reason"]]
    return Expected([choice], usage(response.get("usage")), failed, model)


def message(choice: ExpectedChoice, item: dict[str, Any]) -> None:
    for content in item["content"]:
        choice.text += content.get("text", "")
        choice.refusal += content.get("refusal", "")
        for note in content.get("annotations", ()):
            assert choice.citations is not None
            choice.citations.append(note.get("url") or note["filename"])


def usage(counts: dict[str, Any] | None) -> dict[str, int] | None:
    if not counts:
        return None
    return {
        "input_tokens": counts["input_tokens"],
        "output_tokens": counts["output_tokens"],
        "cached_tokens": counts["input_tokens_details"]["cached_tokens"],
        "cache_write_tokens": counts["input_tokens_details"].get("cache_write_tokens", 0),
        "reasoning_tokens": counts["output_tokens_details"]["reasoning_tokens"],
    }

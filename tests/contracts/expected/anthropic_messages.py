"""What a recording of Anthropic's Messages says."""

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
    "end_turn": "stop",
    "stop_sequence": "stop",
    "tool_use": "tool_calls",
    "max_tokens": "length",
    "pause_turn": "pause",
    "refusal": "refusal",
    None: "unknown",
}


def read(recording: Recording) -> Expected:
    body = recording["response"].get("body")
    return stream(recording) if body is None else message(body)


def message(body: dict[str, Any]) -> Expected:
    blocks = body["content"]
    calls = [
        ExpectedCall(block["name"], block["input"], block["id"])
        for block in blocks
        if block["type"] == "tool_use"
    ]
    cited = [note for block in blocks for note in block.get("citations") or []]
    choice = ExpectedChoice(
        text="".join(block["text"] for block in blocks if block["type"] == "text"),
        reasoning="".join(block["thinking"] for block in blocks if block["type"] == "thinking"),
        tool_calls=calls,
        finish=FINISH[body["stop_reason"]],
        citations=unique([place(note) for note in cited]),
    )
    return Expected([choice], usage(body["usage"]), model=body["model"])


def stream(recording: Recording) -> Expected:
    """Puts the message together as the provider would have sent it whole, and reads that.

    One recording has several messages glued to each other; a body has only the first.
    """
    events: list[dict[str, Any]] = []
    for _, data in sse(recording):
        events.append(json.loads(data))
        if events[-1]["type"] == "message_stop":
            break
    whole: dict[str, Any] = {"content": [], "stop_reason": None, "model": None, "usage": {}}
    pieces: dict[int, str] = {}
    for event in events:
        if event["type"] == "message_start":
            whole["model"] = event["message"]["model"]
            whole["usage"].update(event["message"]["usage"])
        elif event["type"] == "content_block_start":
            whole["content"].append(dict(event["content_block"]))
        elif event["type"] == "content_block_delta":
            grow(whole["content"], pieces, event["index"], event["delta"])
        elif event["type"] == "message_delta":
            whole["stop_reason"] = event["delta"]["stop_reason"]
            whole["usage"].update({k: v for k, v in event["usage"].items() if v is not None})
    for index, text in pieces.items():
        whole["content"][index]["input"] = json_or_text(text) if text else {}
    expected = message(whole)
    expected.failed = events[-1]["type"] != "message_stop"
    return expected


def grow(
    blocks: list[dict[str, Any]], pieces: dict[int, str], index: int, delta: dict[str, Any]
) -> None:
    block = blocks[index]
    if delta["type"] == "input_json_delta":
        pieces[index] = pieces.get(index, "") + delta["partial_json"]
    elif delta["type"] == "citations_delta":
        block.setdefault("citations", []).append(delta["citation"])
    elif delta["type"] in ("text_delta", "thinking_delta"):
        field = delta["type"].removesuffix("_delta")
        block[field] = block.get(field, "") + delta[field]


def place(note: dict[str, Any]) -> str:
    names = ("url", "source", "title", "document_title")
    return str(next(note[name] for name in names if note.get(name)))


def usage(said: dict[str, Any]) -> dict[str, int]:
    read_tokens = said.get("cache_read_input_tokens") or 0
    written = said.get("cache_creation_input_tokens") or 0
    details = said.get("output_tokens_details") or {}
    return {
        "input_tokens": said["input_tokens"] + read_tokens + written,
        "output_tokens": said["output_tokens"],
        "cached_tokens": read_tokens,
        "cache_write_tokens": written,
        "cache_write_1h_tokens": (said.get("cache_creation") or {}).get(
            "ephemeral_1h_input_tokens", 0
        ),
        "reasoning_tokens": details.get("thinking_tokens", 0),
    }

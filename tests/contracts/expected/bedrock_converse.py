"""What a recording of Bedrock's Converse says."""

from __future__ import annotations

import base64
import json
from typing import Any

from tests.contracts.expected import (
    Expected,
    ExpectedCall,
    ExpectedChoice,
    Recording,
    json_or_text,
    unique,
)

FINISH = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "tool_use": "tool_calls",
    "guardrail_intervened": "content_filter",
}


def read(recording: Recording) -> Expected:
    body = recording["response"].get("body")
    return stream(recording) if body is None else whole(body)


def whole(body: dict[str, Any]) -> Expected:
    choice = ExpectedChoice(finish=FINISH[body["stopReason"]], citations=[])
    for block in body["output"]["message"]["content"]:
        choice.text += block.get("text", "")
        choice.reasoning += (
            block.get("reasoningContent", {}).get("reasoningText", {}).get("text", "")
        )
        cited = block.get("citationsContent", {})
        choice.text += "".join(item["text"] for item in cited.get("content", []))
        choice.citations = [*(choice.citations or []), *map(place, cited.get("citations", []))]
        call = block.get("toolUse")
        if call and call.get("type") != "server_tool_use":
            choice.tool_calls.append(ExpectedCall(call["name"], call["input"], call["toolUseId"]))
    choice.citations = unique(choice.citations or [])
    return Expected([choice], usage(body["usage"]))


def stream(recording: Recording) -> Expected:
    choice = ExpectedChoice(finish="unknown", citations=[])
    calls: dict[int, ExpectedCall] = {}
    cited: list[str] = []
    counted = None
    for name, value in events(base64.b64decode(recording["response"]["body_base64"])):
        index = int(value.get("contentBlockIndex", -1))
        delta = value.get("delta", {})
        started = value.get("start", {}).get("toolUse")
        if started and started.get("type") != "server_tool_use":
            calls[index] = ExpectedCall(started["name"], "", started["toolUseId"])
        choice.text += delta.get("text", "")
        choice.reasoning += delta.get("reasoningContent", {}).get("text", "")
        if "citation" in delta:
            cited.append(place(delta["citation"]))
        if "toolUse" in delta and index in calls:
            calls[index].arguments += delta["toolUse"]["input"]
        if name == "messageStop":
            choice.finish = FINISH[value["stopReason"]]
        if name == "metadata":
            counted = usage(value["usage"])
    for call in calls.values():
        call.arguments = json_or_text(call.arguments or "{}")
    choice.tool_calls = list(calls.values())
    choice.citations = unique(cited)
    return Expected([choice], counted, failed=choice.finish == "unknown")


def events(data: bytes) -> list[tuple[str, dict[str, Any]]]:
    """Found by the lengths alone; the checksums are left to the code under test."""
    found = []
    while data:
        size = int.from_bytes(data[:4], "big")
        end = 12 + int.from_bytes(data[4:8], "big")
        mark = data.index(b":event-type\x07", 12, end) + len(b":event-type\x07")
        length = int.from_bytes(data[mark : mark + 2], "big")
        name = data[mark + 2 : mark + 2 + length].decode()
        found.append((name, json.loads(data[end : size - 4])))
        data = data[size:]
    return found


def place(citation: dict[str, Any]) -> str:
    web = citation.get("location", {}).get("web", {})
    return web.get("url") or citation.get("title") or ""


def usage(said: dict[str, Any]) -> dict[str, int]:
    found = {
        "input_tokens": said["totalTokens"] - said["outputTokens"],
        "output_tokens": said["outputTokens"],
        "cached_tokens": said.get("cacheReadInputTokens", 0),
        "cache_write_tokens": said.get("cacheWriteInputTokens", 0),
    }
    return found

"""What a recording of chat completions says."""

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
    "stop": "stop",
    "eos": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
    "error": "error",
    "": "unknown",
}
USAGE = ("input_tokens", "output_tokens", "cached_tokens", "cache_write_tokens", "reasoning_tokens")


def read(recording: Recording) -> Expected:
    body = recording["response"].get("body")
    return stream(recording) if body is None else whole(body)


def whole(body: dict[str, Any]) -> Expected:
    messages = [
        (choice.get("message") or choice.get("delta"), choice) for choice in body["choices"]
    ]
    choices = [ExpectedChoice(finish=finish(choice)) for _, choice in messages]
    for target, (message, _) in zip(choices, messages, strict=True):
        text(target, message)
        calls = message.get("tool_calls") or []
        function = message.get("function_call")
        if function and function["name"]:
            calls = [*calls, {"function": function}]
        for call in calls:
            arguments = call["function"].get("arguments")
            target.tool_calls.append(
                ExpectedCall(
                    call["function"]["name"], json_or_text(arguments or ""), call.get("id")
                )
            )
        target.citations = cited([body], [message])
    return Expected(choices, usage(body.get("usage")), model=body.get("model"))


def stream(recording: Recording) -> Expected:
    frames = sse(recording)
    done = any(data.strip() == "[DONE]" for _, data in frames)
    chunks = [json.loads(data) for _, data in frames if data.strip() != "[DONE]"]
    failed = any(name == "error" for name, _ in frames) or any(c.get("error") for c in chunks)
    pieces = [(chunk, choice) for chunk in chunks for choice in chunk.get("choices") or []]
    numbers = sorted({choice.get("index") or 0 for _, choice in pieces})
    choices = []
    ended = []
    for number in numbers:
        mine = [choice for _, choice in pieces if (choice.get("index") or 0) == number]
        finishes = [choice for choice in mine if choice.get("finish_reason")]
        target = ExpectedChoice(finish=finish(finishes[-1]) if finishes else "unknown")
        deltas = [choice.get("delta") or {} for choice in mine]
        for delta in deltas:
            text(target, delta)
        target.tool_calls = joined_calls(deltas)
        target.citations = cited(chunks, deltas)
        ended.append(bool(finishes))
        choices.append(target)
    said = [chunk.get("usage") or (chunk.get("x_groq") or {}).get("usage") for chunk in chunks]
    last = next((value for value in reversed(said) if value), None)
    model = next((chunk["model"] for chunk in chunks if chunk.get("choices")), None)
    failed = failed or not (done or (ended and all(ended)))
    return Expected(choices, usage(last), failed, model)


def text(target: ExpectedChoice, message: dict[str, Any]) -> None:
    content = message.get("content")
    if isinstance(content, str):
        target.text += content
    for block in content if isinstance(content, list) else []:
        if block["type"] == "text":
            target.text += block["text"]
        elif block["type"] == "thinking":
            target.reasoning += "".join(piece.get("text", "") for piece in block["thinking"])
    details = message.get("reasoning_details") or []
    target.reasoning += (
        message.get("reasoning_content")
        or message.get("reasoning")
        or "".join(detail.get("text") or detail.get("summary") or "" for detail in details)
    )
    target.refusal += message.get("refusal") or ""


def joined_calls(deltas: list[dict[str, Any]]) -> list[ExpectedCall]:
    calls: dict[Any, ExpectedCall] = {}
    for delta in deltas:
        for piece in delta.get("tool_calls") or []:
            index = piece.get("index")
            key = len(calls) if index is None else index
            call = calls.setdefault(key, ExpectedCall("", ""))
            call.name = call.name or piece["function"].get("name") or ""
            call.id = call.id or piece.get("id") or None
            call.arguments += piece["function"].get("arguments") or ""
    for call in calls.values():
        call.arguments = json_or_text(call.arguments)
    return list(calls.values())


def finish(choice: dict[str, Any]) -> str:
    if choice.get("native_finish_reason") in ("length", "max_tokens", "max_output_tokens"):
        return "length"
    return FINISH[choice.get("finish_reason") or ""]


def cited(bodies: list[dict[str, Any]], messages: list[dict[str, Any]]) -> list[str]:
    urls = [
        note["url_citation"]["url"]
        for message in messages
        for note in message.get("annotations") or []
        if note["type"] == "url_citation"
    ]
    for body in bodies:
        urls += body.get("citations") or []
        urls += [r["url"] or r["title"] for r in body.get("search_results") or []]
    return unique(urls)


def usage(said: dict[str, Any] | None) -> dict[str, int] | None:
    if not said:
        return None
    prompt = said.get("prompt_tokens_details") or {}
    completion = said.get("completion_tokens_details") or {}
    reasoning = completion.get("reasoning_tokens") or said.get("reasoning_tokens") or 0
    output = said["completion_tokens"]
    if reasoning and said["total_tokens"] == said["prompt_tokens"] + output + reasoning:
        output += reasoning
    cached = ("cached_tokens", "prompt_cache_hit_tokens", "cache_read_input_tokens")
    written = prompt.get("cache_write_tokens") or said.get("cache_creation_input_tokens") or 0
    read = prompt.get("cached_tokens") or next((said[n] for n in cached if said.get(n)), 0)
    return dict(zip(USAGE, (said["prompt_tokens"], output, read, written, reasoning), strict=True))

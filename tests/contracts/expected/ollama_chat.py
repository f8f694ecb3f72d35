"""What a recording of Ollama's native chat says."""

from __future__ import annotations

import json

from tests.contracts.expected import Expected, ExpectedCall, ExpectedChoice, Recording


def read(recording: Recording) -> Expected:
    response = recording["response"]
    lines = [response["body"]] if "body" in response else _lines(response["body_text"])
    choice = ExpectedChoice(finish="unknown", citations=[])
    usage = None
    done = False
    for line in lines:
        message = line.get("message") or {}
        choice.text += message.get("content") or ""
        choice.reasoning += message.get("thinking") or ""
        for call in message.get("tool_calls") or []:
            function = call["function"]
            choice.tool_calls.append(
                ExpectedCall(function["name"], function["arguments"], call.get("id"))
            )
        if line.get("done"):
            done = True
            choice.finish = line.get("done_reason") or "unknown"
            usage = {
                "input_tokens": line.get("prompt_eval_count", 0),
                "output_tokens": line.get("eval_count", 0),
            }
    if choice.tool_calls and choice.finish == "stop":
        choice.finish = "tool_calls"
    return Expected([choice], usage, not done, lines[0].get("model"))


def _lines(text: str) -> list[dict]:
    return [json.loads(line) for line in text.splitlines() if line.strip()]

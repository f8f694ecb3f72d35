"""The ways to ask for a stream, and how each tells its end from a failure."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from tests.sse import frames

_MESSAGES = [{"role": "user", "content": "Say hello."}]


@dataclass(frozen=True)
class Dialect:
    name: str
    path: str
    body: dict[str, Any]
    end: str
    """Stands in a stream that is complete, and in no other."""

    def ask(self, model: str) -> tuple[str, dict[str, Any]]:
        """Address and body of a call."""
        if self.name.startswith("gemini"):
            return self.path.format(model), self.body
        return self.path, {"model": model, "stream": True, **self.body}

    def error(self, text: str) -> dict[str, Any] | None:
        """The error object at the end of a stream, if that is how it ends."""
        if self.name == "gemini-array":
            last = json.loads(text)[-1]
        else:
            found = [data for name, data in frames(text.encode()) if name != "response.failed"]
            last = json.loads(found[-1]) if found and found[-1] != "[DONE]" else {}
        error: dict[str, Any] | None = last.get("error")
        return error


NATIVE = Dialect("native", "/api/ai/chat", {"messages": _MESSAGES}, "event: end")
OPENAI = Dialect("openai", "/v1/chat/completions", {"messages": _MESSAGES}, "[DONE]")
RESPONSES = Dialect("responses", "/v1/responses", {"input": "Say hello."}, "response.completed")
ANTHROPIC = Dialect(
    "anthropic", "/v1/messages", {"messages": _MESSAGES, "max_tokens": 100}, "message_stop"
)
_CONTENTS = {"contents": [{"role": "user", "parts": [{"text": "Say hello."}]}]}
_STREAM = "/v1beta/models/{}:streamGenerateContent"
GEMINI = Dialect("gemini", _STREAM + "?alt=sse", _CONTENTS, "finishReason")
GEMINI_ARRAY = Dialect("gemini-array", _STREAM, _CONTENTS, "finishReason")

ALL = (NATIVE, OPENAI, RESPONSES, ANTHROPIC, GEMINI, GEMINI_ARRAY)

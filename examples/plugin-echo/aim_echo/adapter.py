"""Echo's wire format: OpenAI's chat completions, which also want to be told who asks."""

from __future__ import annotations

from dataclasses import replace

from providers.adapters.base import Host
from providers.adapters.openai import OpenAIAdapter
from providers.chat import ChatRequest
from providers.wire import WireRequest


class EchoAdapter(OpenAIAdapter):
    name = "echo"

    def build(self, request: ChatRequest, host: Host) -> WireRequest:
        wire = super().build(request, host)
        return replace(wire, headers={**wire.headers, "x-echo-client": "aim"})

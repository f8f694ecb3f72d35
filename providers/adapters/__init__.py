"""Every wire format by name. A new one is one module and one line here."""

from __future__ import annotations

from collections.abc import Mapping

from providers.adapters.anthropic import AnthropicAdapter
from providers.adapters.base import Adapter
from providers.adapters.bedrock import BedrockAdapter
from providers.adapters.cohere import CohereAdapter
from providers.adapters.custom import CustomAdapter
from providers.adapters.gemini import GeminiAdapter
from providers.adapters.ollama import OllamaAdapter
from providers.adapters.openai import OpenAIAdapter
from providers.adapters.responses import ResponsesAdapter

ADAPTERS: Mapping[str, Adapter] = {
    "anthropic": AnthropicAdapter(),
    "bedrock": BedrockAdapter(),
    "custom": CustomAdapter(),
    "cohere": CohereAdapter(),
    "gemini": GeminiAdapter(),
    "ollama": OllamaAdapter(),
    "openai": OpenAIAdapter(),
    "responses": ResponsesAdapter(),
}

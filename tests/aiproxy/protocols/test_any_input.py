"""Whatever JSON comes in, a dialect understands it or says in a short sentence what is wrong with it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiproxy.protocols import anthropic, gemini, native, openai, responses
from providers.errors import InvalidRequest

NAMES = sorted(
    {
        "arguments", "budget_tokens", "cache_control", "citations", "content", "custom", "data",
        "detail", "effort", "extra_content", "file", "file_data", "function", "function_call", "id",
        "image_url", "images", "input", "input_audio", "input_schema", "isError", "json_schema",
        "max_tokens", "maxTokens", "media_type", "mediaType", "messages", "metadata", "model",
        "name", "options", "output_config", "parameters", "prompt", "reasoning",
        "reasoning_details", "refusal", "response_format", "responseFormat", "role", "schema",
        "signature", "source", "state", "stop", "system", "text", "thinking", "tool_call_id",
        "tool_calls", "tool_choice", "tool_use_id", "toolCallId", "toolCalls", "toolChoice",
        "tools", "type", "url", "allowedFunctionNames", "annotations", "args", "call_id", "contents",
        "encrypted_content", "fileData", "format", "functionCall", "functionCallingConfig",
        "functionDeclarations", "functionResponse", "generationConfig", "inline_data",
        "instructions", "mimeType", "mode", "output", "parts", "previous_response_id",
        "requests", "response", "responseSchema", "stopSequences", "summary", "systemInstruction",
        "thinkingConfig", "thought", "thoughtSignature", "toolConfig",
    }
)  # fmt: skip
WORDS = [
    "user", "assistant", "system", "tool", "text", "image_url", "image", "file", "tool_use",
    "tool_result", "toolResult", "thinking", "document", "base64", "function", "json_schema",
    "enabled", "auto", "data:image/png;base64,QUJD", "https://a.test/x", "", "aim1.e30=", "model",
    "message", "input_text", "input_image", "input_file", "output_text", "reasoning", "function_call",
    "function_call_output", "YWltMS5lMzA=", "ANY", "STRING",
]  # fmt: skip
LEAVES = st.none() | st.booleans() | st.integers(-2, 2**70) | st.sampled_from(WORDS)
JSON = st.recursive(
    LEAVES | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=5)
    ),
    max_leaves=25,
)
BODIES = st.dictionaries(st.sampled_from(NAMES), JSON, max_size=4).flatmap(
    lambda body: st.lists(st.dictionaries(st.sampled_from(NAMES), JSON, max_size=4)).map(
        lambda said: {
            **body,
            "messages": [{"role": "user", **message} for message in said],
            "input": [{"type": "message", "role": "user", **item} for item in said],
            "contents": [{"role": "user", "parts": said}],
            "requests": said,
        }
    )
)


def gemini_embeddings(body: Any) -> object:
    return gemini.PROTOCOL.parse_embeddings(body, "m")


PARSERS = [
    native.PROTOCOL.parse_request,
    native.PROTOCOL.parse_generate,
    native.PROTOCOL.parse_vision,
    native.PROTOCOL.parse_embedding,
    openai.PROTOCOL.parse_request,
    openai.PROTOCOL.parse_embedding,
    anthropic.PROTOCOL.parse_request,
    responses.PROTOCOL.parse_request,
    gemini.PROTOCOL.parse_request,
    gemini_embeddings,
]


def complaint(parse, body: Any) -> str | None:
    try:
        parse(body)
    except InvalidRequest as error:
        return error.message
    return None


@pytest.mark.parametrize("parse", PARSERS, ids=lambda parse: parse.__qualname__)
@given(body=JSON | BODIES)
@settings(max_examples=100, deadline=None)
def test_any_body_is_understood_or_refused(parse, body: Any):
    before = msgspec.json.encode(body)
    sentence = complaint(parse, body)
    assert sentence is None or (sentence.endswith((".", "?")) and len(sentence) < 1000)
    assert msgspec.json.encode(body) == before

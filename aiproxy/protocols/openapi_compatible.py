"""The schemas of OpenAI's and Anthropic's dialects."""

from __future__ import annotations

from aiproxy.protocols.openapi_words import (
    ERROR,
    INPUT,
    MODEL,
    STOP,
    STRING,
    STRINGS,
    Schema,
    any_of,
    array,
    flag,
    free,
    number,
    or_null,
    record,
    ref,
    text,
    whole,
)

_OPENAI_MESSAGE = record(
    {
        "role": text(enum=["system", "developer", "user", "assistant", "tool", "function"]),
        "content": or_null(any_of(STRING, array(free()))),
        "refusal": or_null(STRING),
        "name": text(),
        "tool_calls": array(free()),
        "tool_call_id": text(),
        "annotations": array(free()),
        "reasoning_content": text("What the model thought."),
        "reasoning_details": array(free(), "Thoughts with opaque state. Send them back."),
    },
    "role",
    open_=True,
)
_OPENAI_USAGE = record(
    {
        "prompt_tokens": whole(),
        "completion_tokens": whole(),
        "total_tokens": whole(),
        "prompt_tokens_details": free(),
        "completion_tokens_details": free(),
    }
)
OPENAI: dict[str, Schema] = {
    "OpenAIChatRequest": record(
        {
            "model": MODEL,
            "messages": array(ref("OpenAIMessage"), minItems=1),
            "tools": array(free()),
            "tool_choice": any_of(STRING, free()),
            "parallel_tool_calls": flag(),
            "response_format": free(),
            "reasoning_effort": text(),
            "temperature": number(),
            "top_p": number(),
            "max_completion_tokens": whole(minimum=1),
            "max_tokens": whole(minimum=1),
            "stop": STOP,
            "seed": whole(),
            "presence_penalty": number(),
            "frequency_penalty": number(),
            "n": whole(minimum=1),
            "user": text(),
            "stream": flag(),
            "stream_options": record({"include_usage": flag()}, open_=True),
        },
        "messages",
        open_=True,
    ),
    "OpenAIMessage": _OPENAI_MESSAGE,
    "OpenAIUsage": _OPENAI_USAGE,
    "OpenAIChatCompletion": record(
        {
            "id": text(),
            "object": text(const="chat.completion"),
            "created": whole("Unix time."),
            "model": text(),
            "choices": array(
                record(
                    {
                        "index": whole(),
                        "message": ref("OpenAIMessage"),
                        "logprobs": {"type": "null"},
                        "finish_reason": text(
                            enum=["stop", "length", "tool_calls", "content_filter"]
                        ),
                    }
                )
            ),
            "usage": or_null(ref("OpenAIUsage")),
            "system_fingerprint": or_null(STRING),
        }
    ),
    "OpenAIEmbeddingRequest": record(
        {
            "model": MODEL,
            "input": INPUT,
            "encoding_format": text(enum=["float", "base64"]),
            "dimensions": whole(minimum=1),
            "user": text(),
        },
        "input",
        open_=True,
    ),
    "OpenAIEmbeddings": record(
        {
            "object": text(const="list"),
            "data": array(
                record(
                    {
                        "object": text(const="embedding"),
                        "index": whole(),
                        "embedding": any_of(array(number()), text("Base64.")),
                    }
                )
            ),
            "model": text(),
            "usage": record({"prompt_tokens": whole(), "total_tokens": whole()}),
        }
    ),
    "OpenAIModel": record(
        {
            "id": text(),
            "object": text(const="model"),
            "created": whole(),
            "owned_by": text("The provider."),
        }
    ),
    "OpenAIModels": record({"object": text(const="list"), "data": array(ref("OpenAIModel"))}),
    "OpenAICallError": record(
        {"error": record({**ERROR, "type": text("OpenAI's word for the kind of error.")})}
    ),
}

ANTHROPIC: dict[str, Schema] = {
    "AnthropicMessagesRequest": record(
        {
            "model": MODEL,
            "max_tokens": whole(minimum=1),
            "system": any_of(STRING, array(free())),
            "messages": array(
                record(
                    {
                        "role": text(enum=["user", "assistant", "system"]),
                        "content": any_of(STRING, array(free())),
                    },
                    "role",
                    "content",
                    open_=True,
                ),
                minItems=1,
            ),
            "tools": array(free()),
            "tool_choice": free(),
            "thinking": free(),
            "output_config": free(),
            "temperature": number(),
            "top_p": number(),
            "top_k": whole(),
            "stop_sequences": STRINGS,
            "metadata": free(),
            "stream": flag(),
        },
        "messages",
        open_=True,
    ),
    "AnthropicMessage": record(
        {
            "id": text(),
            "type": text(const="message"),
            "role": text(const="assistant"),
            "model": text(),
            "content": array(free()),
            "stop_reason": text(),
            "stop_sequence": or_null(STRING),
            "usage": record(
                {
                    "input_tokens": whole("Cached ones not included."),
                    "output_tokens": whole(),
                    "cache_read_input_tokens": whole(),
                    "cache_creation_input_tokens": whole(),
                }
            ),
        }
    ),
    "AnthropicCount": record({"input_tokens": whole()}),
    "AnthropicCallError": record(
        {
            "type": text(const="error"),
            "error": record(
                {
                    **{name: schema for name, schema in ERROR.items() if name != "requestId"},
                    "type": text("Anthropic's word for the kind of error."),
                }
            ),
            "request_id": text(),
        }
    ),
}

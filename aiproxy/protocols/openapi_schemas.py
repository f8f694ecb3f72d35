"""The schemas of ``openapi``: what the three dialects say and answer."""

from __future__ import annotations

from typing import Any, get_args

from providers.chat import FinishReason

Schema = dict[str, Any]

CODES = (
    "auth_failed",
    "rate_limit",
    "quota_exceeded",
    "network_error",
    "invalid_request",
    "server_error",
    "timeout",
    "not_found",
    "content_filter",
    "context_length",
    "cancelled",
)


def _text(description: str = "", **more: Any) -> Schema:
    return _said({"type": "string", **more}, description)


def _number(description: str = "", **more: Any) -> Schema:
    return _said({"type": "number", **more}, description)


def _whole(description: str = "", **more: Any) -> Schema:
    return _said({"type": "integer", **more}, description)


def _flag(description: str = "") -> Schema:
    return _said({"type": "boolean"}, description)


def _list(items: Schema, description: str = "", **more: Any) -> Schema:
    return _said({"type": "array", "items": items, **more}, description)


def _any_of(*options: Schema, description: str = "") -> Schema:
    return _said({"anyOf": list(options)}, description)


def _or_null(schema: Schema, description: str = "") -> Schema:
    return _any_of(schema, {"type": "null"}, description=description)


def _object(properties: dict[str, Schema], *required: str, open_: bool = False) -> Schema:
    schema: Schema = {"type": "object", "properties": properties}
    if required:
        schema["required"] = list(required)
    if not open_:
        schema["additionalProperties"] = False
    return schema


def _free(description: str = "") -> Schema:
    return _said({"type": "object", "additionalProperties": True}, description)


def _said(schema: Schema, description: str) -> Schema:
    return {**schema, "description": description} if description else schema


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


_STRING = {"type": "string"}
_STRINGS = _list(_STRING)
_STOP = _any_of(_STRING, _STRINGS, description="Where the answer ends.")
_MODEL = _text("`provider/model`, or a model that only one of your providers has.")
_INPUT = _any_of(
    _STRING,
    _STRINGS,
    _list(_whole()),
    _list(_list(_whole())),
    description="A text, texts, or lists of tokens.",
)
_STATE = _free("Opaque data of the provider. Send it back where you got it.")

# --- our own dialect ---

_OPTIONS: dict[str, Schema] = {
    "model": _MODEL,
    "systemPrompt": _text("Instructions before the first message."),
    "temperature": _number("How varied the answer is."),
    "maxTokens": _whole("The most tokens the answer may have.", minimum=1),
    "topP": _number(),
    "topK": _whole(),
    "stop": _STOP,
    "seed": _whole("Asks for repeatable answers, where the provider can."),
    "presencePenalty": _number(),
    "frequencyPenalty": _number(),
    "n": _whole("How many answers.", minimum=1),
    "tools": _list(_ref("ChatTool"), "Functions the model may ask for."),
    "toolChoice": _any_of(
        _text(enum=["auto", "none", "required"]),
        _object({"name": _text()}, "name"),
        description="Whether a tool must be called, and which.",
    ),
    "parallelToolCalls": _flag("Whether several tools may be called at once."),
    "responseFormat": _any_of(
        _text(enum=["text", "json"]),
        _object(
            {
                "type": _text(enum=["text", "json", "json_schema"]),
                "schema": _free("A JSON schema."),
                "name": _text(),
                "description": _text(),
                "strict": _flag(),
            },
            "type",
        ),
        description="`json_schema` with a `schema` asks for an answer that fits it.",
    ),
    "reasoning": _any_of(
        _text("An effort: none, minimal, low, medium, high, xhigh or max."),
        _object({"effort": _text(), "budget": _whole("Tokens."), "include": _flag()}),
        description="How hard to think, and whether the thoughts are wanted.",
    ),
    "user": _text("An id of your own user, for the provider's abuse detection."),
    "stream": _flag("Answer in server-sent events."),
    "metadata": _free("Your own notes. The answer repeats them; no provider sees them."),
}
_NESTED = {"options": _said(_object(_OPTIONS), "The same options; each may stand here or above.")}

_MESSAGE = _object(
    {
        "role": _text(enum=["system", "user", "assistant", "tool"]),
        "content": _or_null(_any_of(_STRING, _list(_ref("ChatPart")))),
        "name": _text(),
        "toolCalls": _list(_ref("ChatToolCall"), "What an assistant's message asked for."),
        "toolCallId": _text("Which call a tool's message answers."),
        "isError": _flag("Whether the tool failed."),
    },
    "role",
    open_=True,
)
_PART = _object(
    {
        "type": _text(
            enum=[
                "text",
                "image",
                "file",
                "reasoning",
                "refusal",
                "toolCall",
                "toolResult",
                "opaque",
                "image_url",
                "input_audio",
            ]
        ),
        "text": _text("Of text, reasoning and refusal."),
        "citations": _list(_free(), "Of text: where its statements come from."),
        "url": _text("Of image and file: an https:// address or a data: URL."),
        "data": _text("Of image and file: base64."),
        "mediaType": _text("Of image and file with data."),
        "detail": _text("Of image."),
        "name": _text("Of file and toolCall."),
        "fileId": _text("Of file: an upload at the provider."),
        "id": _text("Of toolCall."),
        "arguments": _text("Of toolCall: JSON text."),
        "toolCallId": _text("Of toolResult."),
        "content": _any_of(_STRING, _list(_ref("ChatPart")), description="Of toolResult."),
        "isError": _flag("Of toolResult."),
        "kind": _text("Of opaque: a block only one provider understands."),
        "state": _STATE,
    },
    "type",
    open_=True,
)
_USAGE = _object(
    {
        "promptTokens": _whole("Cached ones included."),
        "completionTokens": _whole("Reasoning included."),
        "totalTokens": _whole(),
        "cachedTokens": _whole(),
        "cacheWriteTokens": _whole(),
        "reasoningTokens": _whole(),
    }
)
_BILL: dict[str, Schema] = {
    "usage": _or_null(_ref("ChatUsage"), "Null when the provider did not say."),
    "cost": _or_null(
        _object({"amount": _text("Exact decimal."), "currency": _text()}),
        "Null when the price is not known, which is not the same as free.",
    ),
    "metadata": _free("What the request said."),
    "changes": _list(_STRING, "What of the request the provider could not be told."),
}
_IDENTITY: dict[str, Schema] = {
    "id": _text(),
    "model": _text("The name you used."),
    "provider": _text(),
    "integrationId": _text(format="uuid"),
}
_FINISH = _text(enum=list(get_args(FinishReason)))
_CHAT_ANSWER = _object(
    {
        **_IDENTITY,
        "content": _text("The text of the first choice."),
        "finishReason": _FINISH,
        "toolCalls": _list(_ref("ChatToolCall")),
        "choices": _list(
            _object({"index": _whole(), "message": _ref("ChatMessage"), "finishReason": _FINISH})
        ),
        **_BILL,
    }
)
_TOOL_CALL = _object(
    {
        "id": _text(),
        "name": _text(),
        "arguments": _text("JSON text, which may be cut off when `finishReason` is `length`."),
        "state": _STATE,
    },
    "name",
)
_ERROR: dict[str, Schema] = {
    "message": _text("A sentence that says what to do."),
    "code": _text(enum=list(CODES)),
    "provider": _or_null(_STRING),
    "retryable": _flag("Whether the same call may work later."),
    "retryAfter": _or_null(_number(), "Seconds."),
    "requestId": _text("Quote it when you ask the operator."),
    "param": _or_null(_STRING, "The field at fault."),
}

NATIVE: dict[str, Schema] = {
    "ChatCall": _object(
        {"messages": _list(_ref("ChatMessage"), minItems=1), **_OPTIONS, **_NESTED}, "messages"
    ),
    "GenerateCall": _object({"prompt": _text(), **_OPTIONS, **_NESTED}, "prompt"),
    "VisionCall": _object(
        {
            "prompt": _text("What to do with the pictures; a description is the default."),
            "images": _list(_STRING, "Addresses, data: URLs or base64.", minItems=1),
            "messages": _list(_ref("ChatMessage"), "Instead of prompt and images."),
            **_OPTIONS,
            **_NESTED,
        }
    ),
    "EmbeddingsCall": _object(
        {
            "model": _MODEL,
            "input": _INPUT,
            "dimensions": _whole("Length of the vectors, where the model can choose.", minimum=1),
            "task": _text("What the vectors are for, where the provider distinguishes."),
            "user": _text(),
            "metadata": _free(),
            "options": _free("The same options except `input`."),
        },
        "input",
    ),
    "ChatMessage": _MESSAGE,
    "ChatPart": _PART,
    "ChatTool": _object(
        {
            "name": _text(),
            "description": _text(),
            "parameters": _free("A JSON schema."),
            "strict": _flag(),
        },
        open_=True,
    ),
    "ChatToolCall": _TOOL_CALL,
    "ChatUsage": _USAGE,
    "ChatAnswer": _CHAT_ANSWER,
    "EmbeddingsAnswer": _object(
        {
            **_IDENTITY,
            "embeddings": _list(_list(_number()), "One vector for each text."),
            "dimensions": _whole(),
            **_BILL,
        }
    ),
    "CallError": _object({"error": _object(_ERROR)}),
}

# --- OpenAI's ---

_OPENAI_MESSAGE = _object(
    {
        "role": _text(enum=["system", "developer", "user", "assistant", "tool", "function"]),
        "content": _or_null(_any_of(_STRING, _list(_free()))),
        "refusal": _or_null(_STRING),
        "name": _text(),
        "tool_calls": _list(_free()),
        "tool_call_id": _text(),
        "annotations": _list(_free()),
        "reasoning_content": _text("What the model thought."),
        "reasoning_details": _list(_free(), "Thoughts with opaque state. Send them back."),
    },
    "role",
    open_=True,
)
_OPENAI_USAGE = _object(
    {
        "prompt_tokens": _whole(),
        "completion_tokens": _whole(),
        "total_tokens": _whole(),
        "prompt_tokens_details": _free(),
        "completion_tokens_details": _free(),
    }
)
OPENAI: dict[str, Schema] = {
    "OpenAIChatRequest": _object(
        {
            "model": _MODEL,
            "messages": _list(_ref("OpenAIMessage"), minItems=1),
            "tools": _list(_free()),
            "tool_choice": _any_of(_STRING, _free()),
            "parallel_tool_calls": _flag(),
            "response_format": _free(),
            "reasoning_effort": _text(),
            "temperature": _number(),
            "top_p": _number(),
            "max_completion_tokens": _whole(minimum=1),
            "max_tokens": _whole(minimum=1),
            "stop": _STOP,
            "seed": _whole(),
            "presence_penalty": _number(),
            "frequency_penalty": _number(),
            "n": _whole(minimum=1),
            "user": _text(),
            "stream": _flag(),
            "stream_options": _object({"include_usage": _flag()}, open_=True),
        },
        "messages",
        open_=True,
    ),
    "OpenAIMessage": _OPENAI_MESSAGE,
    "OpenAIUsage": _OPENAI_USAGE,
    "OpenAIChatCompletion": _object(
        {
            "id": _text(),
            "object": _text(const="chat.completion"),
            "created": _whole("Unix time."),
            "model": _text(),
            "choices": _list(
                _object(
                    {
                        "index": _whole(),
                        "message": _ref("OpenAIMessage"),
                        "logprobs": {"type": "null"},
                        "finish_reason": _text(
                            enum=["stop", "length", "tool_calls", "content_filter"]
                        ),
                    }
                )
            ),
            "usage": _or_null(_ref("OpenAIUsage")),
            "system_fingerprint": _or_null(_STRING),
        }
    ),
    "OpenAIEmbeddingRequest": _object(
        {
            "model": _MODEL,
            "input": _INPUT,
            "encoding_format": _text(enum=["float", "base64"]),
            "dimensions": _whole(minimum=1),
            "user": _text(),
        },
        "input",
        open_=True,
    ),
    "OpenAIEmbeddings": _object(
        {
            "object": _text(const="list"),
            "data": _list(
                _object(
                    {
                        "object": _text(const="embedding"),
                        "index": _whole(),
                        "embedding": _any_of(_list(_number()), _text("Base64.")),
                    }
                )
            ),
            "model": _text(),
            "usage": _object({"prompt_tokens": _whole(), "total_tokens": _whole()}),
        }
    ),
    "OpenAIModel": _object(
        {
            "id": _text(),
            "object": _text(const="model"),
            "created": _whole(),
            "owned_by": _text("The provider."),
        }
    ),
    "OpenAIModels": _object({"object": _text(const="list"), "data": _list(_ref("OpenAIModel"))}),
    "OpenAICallError": _object(
        {"error": _object({**_ERROR, "type": _text("OpenAI's word for the kind of error.")})}
    ),
}

# --- Anthropic's ---

ANTHROPIC: dict[str, Schema] = {
    "AnthropicMessagesRequest": _object(
        {
            "model": _MODEL,
            "max_tokens": _whole(minimum=1),
            "system": _any_of(_STRING, _list(_free())),
            "messages": _list(
                _object(
                    {
                        "role": _text(enum=["user", "assistant", "system"]),
                        "content": _any_of(_STRING, _list(_free())),
                    },
                    "role",
                    "content",
                    open_=True,
                ),
                minItems=1,
            ),
            "tools": _list(_free()),
            "tool_choice": _free(),
            "thinking": _free(),
            "output_config": _free(),
            "temperature": _number(),
            "top_p": _number(),
            "top_k": _whole(),
            "stop_sequences": _STRINGS,
            "metadata": _free(),
            "stream": _flag(),
        },
        "messages",
        open_=True,
    ),
    "AnthropicMessage": _object(
        {
            "id": _text(),
            "type": _text(const="message"),
            "role": _text(const="assistant"),
            "model": _text(),
            "content": _list(_free()),
            "stop_reason": _text(),
            "stop_sequence": _or_null(_STRING),
            "usage": _object(
                {
                    "input_tokens": _whole("Cached ones not included."),
                    "output_tokens": _whole(),
                    "cache_read_input_tokens": _whole(),
                    "cache_creation_input_tokens": _whole(),
                }
            ),
        }
    ),
    "AnthropicCallError": _object(
        {
            "type": _text(const="error"),
            "error": _object(
                {
                    **{name: schema for name, schema in _ERROR.items() if name != "requestId"},
                    "type": _text("Anthropic's word for the kind of error."),
                }
            ),
            "request_id": _text(),
        }
    ),
}

schemas: dict[str, Schema] = {**NATIVE, **OPENAI, **ANTHROPIC}

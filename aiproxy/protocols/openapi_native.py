"""The schemas of our own dialect."""

from __future__ import annotations

from typing import get_args

from aiproxy.protocols.openapi_words import (
    ERROR,
    INPUT,
    MODEL,
    STATE,
    STOP,
    STRING,
    Schema,
    any_of,
    array,
    flag,
    free,
    number,
    or_null,
    record,
    ref,
    said,
    text,
    whole,
)
from providers.chat import FinishReason

FALLBACK = any_of(
    STRING,
    array(STRING, maxItems=5),
    description="Models or aliases to turn to, in this order, when the one before fails.",
)
_OPTIONS: dict[str, Schema] = {
    "model": MODEL,
    "systemPrompt": text("Instructions before the first message."),
    "temperature": number("How varied the answer is."),
    "maxTokens": whole("The most tokens the answer may have.", minimum=1),
    "topP": number(),
    "topK": whole(),
    "stop": STOP,
    "seed": whole("Asks for repeatable answers, where the provider can."),
    "presencePenalty": number(),
    "frequencyPenalty": number(),
    "n": whole("How many answers.", minimum=1),
    "tools": array(ref("ChatTool"), "Functions the model may ask for."),
    "toolChoice": any_of(
        text(enum=["auto", "none", "required"]),
        record({"name": text()}, "name"),
        description="Whether a tool must be called, and which.",
    ),
    "parallelToolCalls": flag("Whether several tools may be called at once."),
    "responseFormat": any_of(
        text(enum=["text", "json"]),
        record(
            {
                "type": text(enum=["text", "json", "json_schema"]),
                "schema": free("A JSON schema."),
                "name": text(),
                "description": text(),
                "strict": flag(),
            },
            "type",
        ),
        description="`json_schema` with a `schema` asks for an answer that fits it.",
    ),
    "reasoning": any_of(
        text("An effort: none, minimal, low, medium, high, xhigh or max."),
        record({"effort": text(), "budget": whole("Tokens."), "include": flag()}),
        description="How hard to think, and whether the thoughts are wanted.",
    ),
    "user": text("An id of your own user, for the provider's abuse detection."),
    "stream": flag("Answer in server-sent events."),
    "metadata": free("Your own notes. The answer repeats them; no provider sees them."),
    "strict": flag("Refuse the call if the provider's format cannot carry all of it as it is."),
    "fallback": FALLBACK,
}
_NESTED = {"options": said(record(_OPTIONS), "The same options; each may stand here or above.")}

_MESSAGE = record(
    {
        "role": text(enum=["system", "user", "assistant", "tool"]),
        "content": or_null(any_of(STRING, array(ref("ChatPart")))),
        "name": text(),
        "toolCalls": array(ref("ChatToolCall"), "What an assistant's message asked for."),
        "toolCallId": text("Which call a tool's message answers."),
        "isError": flag("Whether the tool failed."),
    },
    "role",
    open_=True,
)
_PART = record(
    {
        "type": text(
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
        "text": text("Of text, reasoning and refusal."),
        "citations": array(free(), "Of text: where its statements come from."),
        "url": text("Of image and file: an https:// address or a data: URL."),
        "data": text("Of image and file: base64."),
        "mediaType": text("Of image and file with data."),
        "detail": text("Of image."),
        "name": text("Of file and toolCall."),
        "fileId": text("Of file: an upload at the provider."),
        "id": text("Of toolCall."),
        "arguments": text("Of toolCall: JSON text."),
        "toolCallId": text("Of toolResult."),
        "content": any_of(STRING, array(ref("ChatPart")), description="Of toolResult."),
        "isError": flag("Of toolResult."),
        "kind": text("Of opaque: a block only one provider understands."),
        "state": STATE,
    },
    "type",
    open_=True,
)
_USAGE = record(
    {
        "promptTokens": whole("Cached ones included."),
        "completionTokens": whole("Reasoning included."),
        "totalTokens": whole(),
        "cachedTokens": whole(),
        "cacheWriteTokens": whole(),
        "reasoningTokens": whole(),
    }
)
_BILL: dict[str, Schema] = {
    "usage": or_null(ref("ChatUsage"), "Null when the provider did not say."),
    "cost": or_null(
        record({"amount": text("Exact decimal."), "currency": text()}),
        "Null when the price is not known, which is not the same as free.",
    ),
    "metadata": free("What the request said."),
    "changes": array(STRING, "What of the request the provider could not be told."),
}
_IDENTITY: dict[str, Schema] = {
    "id": text(),
    "model": text("The name you used."),
    "provider": text(),
    "integrationId": text(format="uuid"),
}
_FINISH = text(enum=list(get_args(FinishReason)))
_CHAT_ANSWER = record(
    {
        **_IDENTITY,
        "content": text("The text of the first choice."),
        "finishReason": _FINISH,
        "toolCalls": array(ref("ChatToolCall")),
        "choices": array(
            record({"index": whole(), "message": ref("ChatMessage"), "finishReason": _FINISH})
        ),
        **_BILL,
    }
)
_TOOL_CALL = record(
    {
        "id": text(),
        "name": text(),
        "arguments": text("JSON text, which may be cut off when `finishReason` is `length`."),
        "state": STATE,
    },
    "name",
)
NATIVE: dict[str, Schema] = {
    "ChatCall": record(
        {"messages": array(ref("ChatMessage"), minItems=1), **_OPTIONS, **_NESTED}, "messages"
    ),
    "GenerateCall": record({"prompt": text(), **_OPTIONS, **_NESTED}, "prompt"),
    "VisionCall": record(
        {
            "prompt": text("What to do with the pictures; a description is the default."),
            "images": array(STRING, "Addresses, data: URLs or base64.", minItems=1),
            "messages": array(ref("ChatMessage"), "Instead of prompt and images."),
            **_OPTIONS,
            **_NESTED,
        }
    ),
    "EmbeddingsCall": record(
        {
            "model": MODEL,
            "input": INPUT,
            "dimensions": whole("Length of the vectors, where the model can choose.", minimum=1),
            "task": text("What the vectors are for, where the provider distinguishes."),
            "user": text(),
            "metadata": free(),
            "strict": flag(),
            "fallback": FALLBACK,
            "options": free("The same options except `input`."),
        },
        "input",
    ),
    "ChatMessage": _MESSAGE,
    "ChatPart": _PART,
    "ChatTool": record(
        {
            "name": text(),
            "description": text(),
            "parameters": free("A JSON schema."),
            "strict": flag(),
        },
        open_=True,
    ),
    "ChatToolCall": _TOOL_CALL,
    "ChatUsage": _USAGE,
    "ChatAnswer": _CHAT_ANSWER,
    "EmbeddingsAnswer": record(
        {
            **_IDENTITY,
            "embeddings": array(array(number()), "One vector for each text."),
            "dimensions": whole(),
            **_BILL,
        }
    ),
    "Relayed": free("Whatever the provider's own format is; it need not be JSON."),
    "CallError": record({"error": record(ERROR)}),
}

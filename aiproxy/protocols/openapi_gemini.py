"""The schemas of Google's dialect."""

from __future__ import annotations

from aiproxy.protocols.openapi_words import (
    ERROR,
    Schema,
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

_VALUES = record({"values": array(number())})
_USED = record({"promptTokenCount": whole()})

GEMINI: dict[str, Schema] = {
    "GeminiContent": record({"role": text(), "parts": array(free())}),
    "GeminiGenerateRequest": record(
        {
            "contents": array(ref("GeminiContent"), minItems=1),
            "systemInstruction": ref("GeminiContent"),
            "tools": array(free()),
            "toolConfig": free(),
            "generationConfig": free(),
            "safetySettings": array(free()),
        },
        "contents",
        open_=True,
    ),
    "GeminiAnswer": record(
        {
            "candidates": array(
                record(
                    {
                        "content": ref("GeminiContent"),
                        "finishReason": text(),
                        "index": whole(),
                        "groundingMetadata": free(),
                    }
                )
            ),
            "usageMetadata": record(
                {
                    "promptTokenCount": whole(),
                    "candidatesTokenCount": whole("Thoughts not included."),
                    "thoughtsTokenCount": whole(),
                    "cachedContentTokenCount": whole(),
                    "totalTokenCount": whole(),
                }
            ),
            "modelVersion": text(),
            "responseId": text(),
        }
    ),
    "GeminiCountRequest": record(
        {
            "contents": array(ref("GeminiContent")),
            "generateContentRequest": ref("GeminiGenerateRequest"),
        },
        open_=True,
    ),
    "GeminiCount": record({"totalTokens": whole()}),
    "GeminiEmbedRequest": record(
        {
            "content": ref("GeminiContent"),
            "taskType": text(),
            "title": text(),
            "outputDimensionality": whole(minimum=1),
        },
        "content",
        open_=True,
    ),
    "GeminiEmbedding": record({"embedding": _VALUES, "usageMetadata": _USED}),
    "GeminiEmbedBatch": record(
        {"requests": array(ref("GeminiEmbedRequest"), minItems=1)}, "requests", open_=True
    ),
    "GeminiEmbeddings": record({"embeddings": array(_VALUES), "usageMetadata": _USED}),
    "GeminiModel": record(
        {
            "name": text(),
            "version": text(),
            "displayName": text(),
            "description": text(),
            "inputTokenLimit": whole(),
            "outputTokenLimit": whole(),
            "supportedGenerationMethods": array(text()),
        }
    ),
    "GeminiModels": record({"models": array(ref("GeminiModel"))}),
    "GeminiCallError": record(
        {
            "error": record(
                {
                    **{n: s for n, s in ERROR.items() if n not in ("code", "param")},
                    "code": whole("The HTTP status."),
                    "status": text("Google's word for the status."),
                    "details": array(free()),
                    "requestId": or_null(text()),
                    "retryable": flag(),
                }
            )
        }
    ),
}

"""The schemas of OpenAI's Responses."""

from __future__ import annotations

from aiproxy.protocols.openapi_words import (
    MODEL,
    STRING,
    Schema,
    any_of,
    array,
    flag,
    free,
    number,
    or_null,
    record,
    text,
    whole,
)

_ITEMS = array(free(), "Messages, calls, results of calls, and items of earlier outputs.")

_USAGE = record(
    {
        "input_tokens": whole(),
        "input_tokens_details": free(),
        "output_tokens": whole(),
        "output_tokens_details": free(),
        "total_tokens": whole(),
    }
)

RESPONSES: dict[str, Schema] = {
    "OpenAIResponsesRequest": record(
        {
            "model": MODEL,
            "input": any_of(STRING, _ITEMS),
            "instructions": text(),
            "tools": array(free()),
            "tool_choice": any_of(STRING, free()),
            "parallel_tool_calls": flag(),
            "text": free("`format` asks for JSON, or for JSON that fits a schema."),
            "reasoning": free("`effort` and `summary`."),
            "temperature": number(),
            "top_p": number(),
            "max_output_tokens": whole(minimum=1),
            "metadata": free("Your own notes. The answer repeats them; no provider sees them."),
            "user": text(),
            "stream": flag(),
        },
        "input",
        open_=True,
    ),
    "OpenAIResponse": record(
        {
            "id": text(),
            "object": text(const="response"),
            "created_at": whole("Unix time."),
            "status": text(enum=["completed", "incomplete", "failed"]),
            "error": or_null(free()),
            "incomplete_details": or_null(record({"reason": text()})),
            "model": text(),
            "output": array(free(), "Send it back in the next call's input."),
            "usage": or_null(_USAGE),
        },
        open_=True,
    ),
}

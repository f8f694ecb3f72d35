"""What the schemas of all dialects are made of."""

from __future__ import annotations

from typing import Any

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


def text(description: str = "", **more: Any) -> Schema:
    return said({"type": "string", **more}, description)


def number(description: str = "", **more: Any) -> Schema:
    return said({"type": "number", **more}, description)


def whole(description: str = "", **more: Any) -> Schema:
    return said({"type": "integer", **more}, description)


def flag(description: str = "") -> Schema:
    return said({"type": "boolean"}, description)


def array(items: Schema, description: str = "", **more: Any) -> Schema:
    return said({"type": "array", "items": items, **more}, description)


def any_of(*options: Schema, description: str = "") -> Schema:
    return said({"anyOf": list(options)}, description)


def or_null(schema: Schema, description: str = "") -> Schema:
    return any_of(schema, {"type": "null"}, description=description)


def record(properties: dict[str, Schema], *required: str, open_: bool = False) -> Schema:
    schema: Schema = {"type": "object", "properties": properties}
    if required:
        schema["required"] = list(required)
    if not open_:
        schema["additionalProperties"] = False
    return schema


def free(description: str = "") -> Schema:
    return said({"type": "object", "additionalProperties": True}, description)


def said(schema: Schema, description: str) -> Schema:
    return {**schema, "description": description} if description else schema


def ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


STRING = {"type": "string"}
STRINGS = array(STRING)
STOP = any_of(STRING, STRINGS, description="Where the answer ends.")
MODEL = text("`provider/model`, or a model that only one of your providers has.")
INPUT = any_of(
    STRING,
    STRINGS,
    array(whole()),
    array(array(whole())),
    description="A text, texts, or lists of tokens.",
)
STATE = free("Opaque data of the provider. Send it back where you got it.")

ERROR: dict[str, Schema] = {
    "message": text("A sentence that says what to do."),
    "code": text(enum=list(CODES)),
    "provider": or_null(STRING),
    "retryable": flag("Whether the same call may work later."),
    "retryAfter": or_null(number(), "Seconds."),
    "requestId": text("Quote it when you ask the operator."),
    "param": or_null(STRING, "The field at fault."),
}

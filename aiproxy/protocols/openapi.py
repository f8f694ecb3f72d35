"""What programs call, as OpenAPI 3.1: ``paths`` and ``components``, merged into the document at ``/api/docs``.

The examples of answers are written by the dialects themselves, so they cannot differ from what is sent.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from aiproxy.protocols import anthropic, gemini, native, openai, responses
from aiproxy.protocols.base import Context, ModelEntry, Protocol, Style
from aiproxy.protocols.openapi_compatible import ANTHROPIC, OPENAI
from aiproxy.protocols.openapi_gemini import GEMINI
from aiproxy.protocols.openapi_native import NATIVE
from aiproxy.protocols.openapi_responses import RESPONSES
from providers.chat import ChatResponse, Choice, Text
from providers.embedding import EmbeddingResponse
from providers.errors import RateLimited
from providers.events import Ended, Event, Finished, Started, TextDelta, UsageReported
from providers.usage import Usage

Object = dict[str, Any]

_MODEL = "sandbox/sandbox"
_PICTURE = "https://example.com/cat.jpg"
_USAGE = Usage(12, 3)
_CONTEXT = Context(
    request_id="req_5d1a3f0c9b7e2846a1d0c3b4",
    id="5d1a3f0c9b7e2846a1d0c3b4",
    model=_MODEL,
    created=1_767_225_600,
    provider="sandbox",
    integration_id="0198f2a4-7c1e-7b60-9d3e-2f5a8c6b4e10",
    style=Style(metadata={"job": "greeting"}),
    cost=Decimal("0"),
)
_ANSWER = ChatResponse("", "sandbox", (Choice((Text("Hello, Ada!"),), "stop"),), _USAGE)
_EVENTS: tuple[Event, ...] = (
    Started("", "sandbox"),
    TextDelta(0, "Hello, "),
    TextDelta(0, "Ada!"),
    Finished("stop"),
    UsageReported(_USAGE),
    Ended(),
)
_VECTORS = EmbeddingResponse("sandbox-embed", ((0.25, -0.5, 0.125),), Usage(2))
_ENTRY = ModelEntry(_MODEL, "sandbox")

_STATUSES = {
    "400": "The request cannot work as it is; `param` names the field at fault.",
    "401": "No access token, one that is not valid, or a provider key that the provider refuses.",
    "402": "The provider's account has no credit, or a budget is used up.",
    "403": "The access token, or the provider's key, may not do this.",
    "404": "There is no such model or integration.",
    "409": "The integration is disabled or its key is missing; or the first call with this Idempotency-Key has no "
    "answer to repeat (with `Retry-After`: no answer yet).",
    "413": "The body is too large.",
    "422": "The Idempotency-Key was used for another call.",
    "429": "Too many requests; `Retry-After` says when to try again.",
    "502": "The provider failed, or could not be reached.",
    "503": "The provider is too busy, or the call could not be recorded.",
    "504": "The provider did not answer in time.",
}


def _json(schema: str, example: Any) -> Object:
    return {"application/json": {"schema": _ref(schema), "example": example}}


def _ref(schema: str) -> Object:
    return {"$ref": f"#/components/schemas/{schema}"}


def _errors(protocol: Protocol, schema: str) -> Object:
    """All statuses; the object is shown once, at 429."""
    error = RateLimited("Too many requests. Wait and try again.", provider="openai", retry_after=2)
    example = protocol.error_body(error, _CONTEXT.request_id)
    content = {"application/json": {"schema": _ref(schema)}}
    return {
        status: {
            "description": text,
            "content": _json(schema, example) if status == "429" else content,
        }
        for status, text in _STATUSES.items()
    }


def _stream(protocol: Protocol) -> Object:
    renderer = protocol.stream(_CONTEXT)
    sent = b"".join(map(renderer.render, _EVENTS)).decode()
    return {"text/event-stream": {"schema": {"type": "string"}, "example": sent}}


def _operation(
    protocol: Protocol,
    summary: str,
    text: str,
    request: tuple[str, Object] | None,
    answer: tuple[str, Object],
    *,
    streams: bool = False,
) -> Object:
    """One operation; the schemas' names begin with the dialect's."""
    prefix = _PREFIXES[protocol.name]
    content = _json(prefix + answer[0], answer[1])
    if streams:
        content |= _stream(protocol)
    operation: Object = {
        "tags": [_TAGS[protocol.name]],
        "summary": summary,
        "description": text,
        "operationId": summary.lower().replace(" ", "_").replace("’", ""),
        "security": [{"AccessToken": []}, {"AccessTokenHeader": []}, {"AccessTokenOfGoogle": []}],
        "parameters": [
            {"$ref": "#/components/parameters/IntegrationId"},
            {"$ref": "#/components/parameters/Strict"},
            {"$ref": "#/components/parameters/Fallback"},
            {"$ref": "#/components/parameters/Timeout"},
        ],
        "responses": {
            "200": {"description": "The answer.", "content": content},
            **_errors(protocol, f"{prefix}CallError"),
        },
    }
    if request is not None:
        body = _json(prefix + request[0], request[1])
        operation["requestBody"] = {"required": True, "content": body}
    return operation


_TAGS = {
    "native": "AI calls",
    "openai": "OpenAI-compatible",
    "responses": "OpenAI-compatible",
    "anthropic": "Anthropic-compatible",
    "gemini": "Gemini-compatible",
}
_PREFIXES = {
    "native": "",
    "openai": "OpenAI",
    "responses": "OpenAI",
    "anthropic": "Anthropic",
    "gemini": "Gemini",
}
_HELLO = [{"role": "user", "content": "Say hello to Ada."}]
_STREAMS = "With `stream` true the answer comes as server-sent events. "
_CHAT_ANSWER = native.PROTOCOL.render_response(_ANSWER, _CONTEXT)

paths: Object = {
    "/api/ai/chat": {
        "post": _operation(
            native.PROTOCOL,
            "Chat",
            _STREAMS
            + "They are `start`, `text`, `reasoning`, `refusal`, `tool_call`, `citation`, `part`, "
            "`usage`, and at last either `end`, which is the answer without what was streamed, or "
            "`error`. All options may stand at the top or in `options`. The message in "
            "`choices[].message` may be sent back as it is in the next call.",
            (
                "ChatCall",
                {"model": _MODEL, "messages": _HELLO, "options": {"temperature": 0.2}},
            ),
            ("ChatAnswer", _CHAT_ANSWER),
            streams=True,
        )
    },
    "/api/ai/generate": {
        "post": _operation(
            native.PROTOCOL,
            "Generate",
            "A single prompt instead of messages. The answer is that of a chat.",
            ("GenerateCall", {"model": _MODEL, "prompt": "Say hello to Ada."}),
            ("ChatAnswer", _CHAT_ANSWER),
            streams=True,
        )
    },
    "/api/ai/vision": {
        "post": _operation(
            native.PROTOCOL,
            "Vision",
            "A prompt and pictures, or a chat whose messages hold pictures. Needs the scope "
            "`vision`. The answer is that of a chat.",
            (
                "VisionCall",
                {"model": _MODEL, "prompt": "What is on this picture?", "images": [_PICTURE]},
            ),
            ("ChatAnswer", _CHAT_ANSWER),
            streams=True,
        )
    },
    "/api/ai/embeddings": {
        "post": _operation(
            native.PROTOCOL,
            "Embeddings",
            "One vector for each text, in their order. Needs the scope `embeddings`.",
            ("EmbeddingsCall", {"model": "sandbox/sandbox-embed", "input": ["Hello"]}),
            ("EmbeddingsAnswer", native.PROTOCOL.render_embedding(_VECTORS, _CONTEXT)),
        )
    },
    "/v1/chat/completions": {
        "post": _operation(
            openai.PROTOCOL,
            "Chat completions",
            "What OpenAI's own clients send, to any provider. " + _STREAMS + "They end in "
            "`data: [DONE]`, or in an error object when the answer could not be finished. "
            "Parameters not listed here are passed on to providers that speak this format.",
            ("ChatRequest", {"model": _MODEL, "messages": _HELLO}),
            ("ChatCompletion", openai.PROTOCOL.render_response(_ANSWER, _CONTEXT)),
            streams=True,
        )
    },
    "/v1/embeddings": {
        "post": _operation(
            openai.PROTOCOL,
            "Embedding vectors",
            "What OpenAI's own clients send. Needs the scope `embeddings`.",
            ("EmbeddingRequest", {"model": "sandbox/sandbox-embed", "input": "Hello"}),
            ("Embeddings", openai.PROTOCOL.render_embedding(_VECTORS, _CONTEXT)),
        )
    },
    "/v1/models": {
        "get": _operation(
            openai.PROTOCOL,
            "List models",
            "Every model that this token may call, as `provider/model`.",
            None,
            ("Models", openai.PROTOCOL.render_models([_ENTRY])),
        )
    },
    "/v1/models/{id}": {
        "get": _operation(
            openai.PROTOCOL,
            "Get a model",
            "One of them. The id holds slashes, which are written as they are.",
            None,
            ("Model", openai.PROTOCOL.render_model(_ENTRY)),
        )
    },
    "/v1/messages": {
        "post": _operation(
            anthropic.PROTOCOL,
            "Messages",
            "What Anthropic's own clients send, to any provider. " + _STREAMS + "They are "
            "Anthropic's own, from `message_start` to `message_stop`, or to `error`.",
            ("MessagesRequest", {"model": _MODEL, "max_tokens": 100, "messages": _HELLO}),
            ("Message", anthropic.PROTOCOL.render_response(_ANSWER, _CONTEXT)),
            streams=True,
        )
    },
}
_CONTENTS = [{"role": "user", "parts": [{"text": "Say hello to Ada."}]}]
_COUNTED = (
    "The provider counts where it can; else the answer is a quarter of the bytes that would be sent, and the "
    "header `x-aim-estimated: true` says so."
)
_GEMINI = "/v1beta/models/{id}"
_ENTRIES = gemini.PROTOCOL.render_models([_ENTRY])
_EMBED = {"content": {"parts": [{"text": "Hello"}]}}
paths |= {
    "/v1/responses": {
        "post": _operation(
            responses.PROTOCOL,
            "Responses",
            "OpenAI's newer dialect, to any provider. " + _STREAMS + "They are OpenAI's own, from "
            "`response.created` to `response.completed`, `response.incomplete` or `response.failed`. Answers "
            "are not kept, so `previous_response_id`, `conversation` and `background` are refused: send the "
            "output back in the next call's `input`.",
            ("ResponsesRequest", {"model": _MODEL, "input": "Say hello to Ada."}),
            ("Response", responses.PROTOCOL.render_response(_ANSWER, _CONTEXT)),
            streams=True,
        )
    },
    "/v1/messages/count_tokens": {
        "post": _operation(
            anthropic.PROTOCOL,
            "Count tokens",
            "How many tokens a call of `/v1/messages` would send. " + _COUNTED,
            ("MessagesRequest", {"model": _MODEL, "messages": _HELLO}),
            ("Count", anthropic.PROTOCOL.render_count(12)),
        )
    },
    "/v1beta/models": {
        "get": _operation(
            gemini.PROTOCOL,
            "List models in Gemini’s words",
            "Every model that this token may call.",
            None,
            ("Models", _ENTRIES),
        )
    },
    _GEMINI: {
        "get": _operation(
            gemini.PROTOCOL,
            "Get a model in Gemini’s words",
            "One of them.",
            None,
            ("Model", gemini.PROTOCOL.render_model(_ENTRY)),
        )
    },
    f"{_GEMINI}:generateContent": {
        "post": _operation(
            gemini.PROTOCOL,
            "Generate content",
            "What Google's own clients send, to any provider. The access token goes into the header "
            "`x-goog-api-key`; `?key=` is refused, because addresses are logged.",
            ("GenerateRequest", {"contents": _CONTENTS}),
            ("Answer", gemini.PROTOCOL.render_response(_ANSWER, _CONTEXT)),
        )
    },
    f"{_GEMINI}:streamGenerateContent": {
        "post": _operation(
            gemini.PROTOCOL,
            "Stream generated content",
            "The same in chunks: server-sent events with `?alt=sse`, else the elements of one JSON array.",
            ("GenerateRequest", {"contents": _CONTENTS}),
            ("Answer", gemini.PROTOCOL.render_response(_ANSWER, _CONTEXT)),
            streams=True,
        )
    },
    f"{_GEMINI}:countTokens": {
        "post": _operation(
            gemini.PROTOCOL,
            "Count tokens in Gemini’s words",
            "How many tokens a call would send. " + _COUNTED,
            ("CountRequest", {"contents": _CONTENTS}),
            ("Count", gemini.PROTOCOL.render_count(12)),
        )
    },
    f"{_GEMINI}:embedContent": {
        "post": _operation(
            gemini.PROTOCOL,
            "Embed content",
            "One vector. Needs the scope `embeddings`.",
            ("EmbedRequest", _EMBED),
            ("Embedding", gemini.PROTOCOL.render_embedding(_VECTORS, _CONTEXT)),
        )
    },
    f"{_GEMINI}:batchEmbedContents": {
        "post": _operation(
            gemini.PROTOCOL,
            "Embed contents",
            "One vector for each text. All must ask for the same task and length.",
            ("EmbedBatch", {"requests": [_EMBED]}),
            ("Embeddings", gemini.PROTOCOL.render_embeddings(_VECTORS, _CONTEXT)),
        )
    },
}
_RELAYED = {"model": "gpt-4.1-mini", "messages": _HELLO}
_RELAY = (
    "The provider's own address, in its own format, with the stored key put on; paths count from the integration's "
    "base URL. For browser apps, whose origin the integration must allow, and for what the other addresses do not "
    "translate (pictures, sound, files). Needs the scope `proxy`. Whatever status the provider answers is the answer."
)
_PLACES = {
    "/api/proxy/{provider}/{id}": ("provider", "openai", "to a provider"),
    "/api/proxy/custom/{integration}/{id}": (
        "integration",
        _CONTEXT.integration_id,
        "to an integration",
    ),
}
for _path, (_name, _example, _where) in _PLACES.items():
    paths[_path] = {
        "post": _operation(
            native.PROTOCOL,
            f"Relay {_where}",
            _RELAY,
            ("Relayed", _RELAYED),
            ("Relayed", openai.PROTOCOL.render_response(_ANSWER, _CONTEXT)),
        ),
        "get": _operation(
            native.PROTOCOL,
            f"Relay a list {_where}",
            _RELAY,
            None,
            ("Relayed", {"object": "list", "data": []}),
        ),
    }
    for _operation_ in paths[_path].values():
        _operation_["parameters"] = [
            {
                "name": name,
                "in": "path",
                "required": True,
                "schema": {"type": "string"},
                "example": example,
            }
            for name, example in ((_name, _example), ("id", "chat/completions"))
        ]
paths["/v1beta/models"]["get"]["parameters"] = []
_NAMED = {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}
for _path, _item in paths.items():
    for _operation_ in _item.values():
        if _path.startswith(_GEMINI):
            _operation_["parameters"] = [*_operation_["parameters"], {**_NAMED, "example": _MODEL}]
        if "requestBody" in _operation_ and "count" not in _path:
            _operation_["parameters"].append({"$ref": "#/components/parameters/Cache"})
        if "requestBody" in _operation_:
            _operation_["parameters"].append({"$ref": "#/components/parameters/IdempotencyKey"})
paths["/v1/models"]["get"]["parameters"] = []
paths["/v1/models/{id}"]["get"]["parameters"] = [
    {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}, "example": _MODEL}
]

components: Object = {
    "schemas": {**NATIVE, **OPENAI, **RESPONSES, **ANTHROPIC, **GEMINI},
    "parameters": {
        "Strict": {
            "name": "X-Aim-Strict",
            "in": "header",
            "required": False,
            "description": "`true` refuses the call, before anything is sent, if the provider's format cannot carry "
            "all of it as it is. Without it the header `x-aim-changes` of the answer tells what was changed.",
            "schema": {"type": "string", "enum": ["true", "false"]},
        },
        "Fallback": {
            "name": "X-Aim-Fallback",
            "in": "header",
            "required": False,
            "description": "Up to five models or aliases, separated by commas, to turn to when the one before fails. "
            "The header `x-aim-route` of the answer tells which of them answered, and why.",
            "schema": {"type": "string"},
            "example": "anthropic/claude-sonnet-4-5, fast",
        },
        "Timeout": {
            "name": "X-Aim-Timeout",
            "in": "header",
            "required": False,
            "description": "Seconds that the whole call may take, retries and fallbacks included, where that is "
            "less than the server allows.",
            "schema": {"type": "number", "exclusiveMinimum": 0, "maximum": 86_400},
        },
        "Cache": {
            "name": "X-Aim-Cache",
            "in": "header",
            "required": False,
            "description": "`true` keeps the answer for an hour and gives it again to the same call; a number says for "
            "how many seconds. `refresh` calls the provider again and keeps the new answer, `false` keeps nothing. "
            "Without it the integration's own setting holds. The answer's header `x-aim-cache` is `hit` or `miss`.",
            "schema": {
                "anyOf": [
                    {"type": "integer", "minimum": 0, "maximum": 2_592_000},
                    {"type": "string", "enum": ["true", "false", "refresh"]},
                ]
            },
        },
        "IdempotencyKey": {
            "name": "Idempotency-Key",
            "in": "header",
            "required": False,
            "description": "A new UUID for each call. Sent again with the same key, the call is not carried out again: "
            "its answer is repeated for 24 hours, byte for byte, with `idempotency-replayed: true`.",
            "schema": {"type": "string", "minLength": 1, "maxLength": 255},
        },
        "IntegrationId": {
            "name": "X-Integration-Id",
            "in": "header",
            "required": False,
            "description": "The integration to call. Without it the model's name chooses: "
            "`provider/model`, or a model that only one of your providers has. With it, `model` may "
            "be left out for the integration's default model.",
            "schema": {"type": "string", "format": "uuid"},
        },
    },
    "securitySchemes": {
        "AccessToken": {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "aimp_…",
            "description": "A personal access token, made on the Tokens page.",
        },
        "AccessTokenHeader": {
            "type": "apiKey",
            "in": "header",
            "name": "x-api-key",
            "description": "The same token, where Anthropic's clients put it.",
        },
        "AccessTokenOfGoogle": {
            "type": "apiKey",
            "in": "header",
            "name": "x-goog-api-key",
            "description": "The same token, where Google's clients put it.",
        },
    },
}

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from starlette.routing import Route

from aiproxy.app import routes
from aiproxy.protocols import anthropic, gemini, native, openai, responses
from aiproxy.protocols.native_messages import OPENAI_PARTS, PARTS
from aiproxy.protocols.native_request import EMBEDDING_OPTIONS, OPTIONS
from aiproxy.protocols.openapi import components, paths
from aiproxy.protocols.openapi_words import CODES
from providers.errors import CallError

OPERATIONS = [(path, method, op) for path, item in paths.items() for method, op in item.items()]
IDS = [f"{method} {path}" for path, method, _ in OPERATIONS]
PARSERS: dict[str, Callable[..., object]] = {
    "/api/ai/chat": native.PROTOCOL.parse_request,
    "/api/ai/generate": native.PROTOCOL.parse_generate,
    "/api/ai/vision": native.PROTOCOL.parse_vision,
    "/api/ai/embeddings": native.PROTOCOL.parse_embedding,
    "/v1/chat/completions": openai.PROTOCOL.parse_request,
    "/v1/embeddings": openai.PROTOCOL.parse_embedding,
    "/v1/responses": responses.PROTOCOL.parse_request,
    "/v1/messages": anthropic.PROTOCOL.parse_request,
    "/v1/messages/count_tokens": anthropic.PROTOCOL.parse_request,
    "/v1beta/models/{id}:generateContent": gemini.PROTOCOL.parse_request,
    "/v1beta/models/{id}:streamGenerateContent": gemini.PROTOCOL.parse_request,
    "/v1beta/models/{id}:countTokens": partial(gemini.PROTOCOL.parse_count, model="m"),
    "/v1beta/models/{id}:embedContent": partial(gemini.PROTOCOL.parse_embedding, model="m"),
    "/v1beta/models/{id}:batchEmbedContents": partial(gemini.PROTOCOL.parse_embeddings, model="m"),
}
TYPES: dict[str, type | tuple[type, ...]] = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "object": dict,
    "array": list,
    "null": type(None),
}


def fits(value: Any, schema: dict[str, Any]) -> bool:
    """As much of JSON schema as our document uses."""
    if "$ref" in schema:
        return fits(value, components["schemas"][schema["$ref"].rpartition("/")[2]])
    if "anyOf" in schema:
        return any(fits(value, option) for option in schema["anyOf"])
    if not isinstance(value, TYPES[schema["type"]]):
        return False
    if value not in schema.get("enum", [value]) or value != schema.get("const", value):
        return False
    if isinstance(value, list):
        return all(fits(item, schema["items"]) for item in value)
    if not isinstance(value, dict):
        return True
    known = schema.get("properties", {})
    return (
        all(name in value for name in schema.get("required", ()))
        and (schema.get("additionalProperties", True) or value.keys() <= known.keys())
        and all(fits(item, known[name]) for name, item in value.items() if name in known)
    )


def bodies() -> list[Any]:
    found = []
    for path, method, operation in OPERATIONS:
        holders = [("request", operation["requestBody"])] if "requestBody" in operation else []
        holders += operation["responses"].items()
        for name, holder in holders:
            content = holder["content"]["application/json"]
            if "example" in content:
                found.append(pytest.param(content, id=f"{method} {path} {name}"))
    return found


@pytest.mark.parametrize("content", bodies())
def test_example_fits_its_schema(content):
    assert fits(content["example"], content["schema"])


def test_misfits_are_seen():
    schema = components["schemas"]["ChatCall"]
    assert not fits({"messages": "x"}, schema)
    assert not fits({"messages": [], "max_tokens": 1}, schema)
    assert not fits({}, schema)


@pytest.mark.parametrize("path", PARSERS)
def test_example_of_a_request_is_accepted(path):
    operation = paths[path]["post"]
    PARSERS[path](operation["requestBody"]["content"]["application/json"]["example"])


@pytest.mark.parametrize(("path", "method", "operation"), OPERATIONS, ids=IDS)
def test_every_reference_leads_somewhere(path, method, operation):
    for kind, name in re.findall(r'"#/components/(\w+)/(\w+)"', json.dumps(operation)):
        assert name in components[kind]


def test_references_between_schemas_lead_somewhere():
    for name in re.findall(r'"#/components/schemas/(\w+)"', json.dumps(components)):
        assert name in components["schemas"]


def test_every_machine_url_is_described():
    served = {
        re.sub(r"\{\w+:path\}", "{id}", route.path)
        for route in routes.routes
        if isinstance(route, Route)
    }
    assert served == set(paths)


def test_operations_have_names_of_their_own():
    names = [operation["operationId"] for _, _, operation in OPERATIONS]
    assert len(set(names)) == len(names)


def test_options_are_all_described():
    described = components["schemas"]["ChatCall"]["properties"].keys()
    assert described == {"messages", "options", *OPTIONS}
    embeddings = components["schemas"]["EmbeddingsCall"]["properties"].keys()
    assert embeddings == {"input", "options", *EMBEDDING_OPTIONS}


def test_parts_are_all_described():
    assert components["schemas"]["ChatPart"]["properties"]["type"]["enum"] == [
        *PARTS,
        *OPENAI_PARTS,
    ]


def test_codes_are_those_of_the_errors():
    def below(cls: type[CallError]) -> set[str]:
        return {cls.code}.union(*map(below, cls.__subclasses__()))

    assert below(CallError) == set(CODES)


def headers_of(operation: dict[str, Any]) -> set[str]:
    known = components["parameters"]
    named = [p["$ref"].rpartition("/")[2] for p in operation["parameters"] if "$ref" in p]
    return {known[name]["name"] for name in named}


def test_every_call_can_be_repeated_and_every_answer_but_a_count_kept():
    for path, _, operation in OPERATIONS:
        posted = "requestBody" in operation
        assert ("Idempotency-Key" in headers_of(operation)) == posted
        assert ("X-Aim-Cache" in headers_of(operation)) == (posted and "count" not in path)

"""The OpenAPI document and its page."""

import pytest
from ninja import NinjaAPI

from aiproxy.protocols import openapi
from marketplace.api.site import api

METHODS = {"get", "post", "put", "delete", "patch"}


@pytest.fixture
def document(alice_client):
    return alice_client.get("/api/openapi.json").json()


def references(value):
    if isinstance(value, dict):
        if "$ref" in value:
            yield value["$ref"]
        for item in value.values():
            yield from references(item)
    elif isinstance(value, list):
        for item in value:
            yield from references(item)


def test_both_fronts_are_described(document):
    assert {
        "/api/integrations", "/api/integrations/test", "/api/integrations/{integration_id}", "/api/providers",
        "/api/tokens", "/api/usage/summary", "/api/ai/chat", "/v1/chat/completions", "/v1/embeddings", "/v1/models",
    } <= set(document["paths"])  # fmt: skip


def test_every_operation_names_its_errors(document):
    silent = [
        f"{method} {path}"
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
        if method in METHODS
        and not any(str(status).startswith("4") for status in operation["responses"])
    ]
    assert silent == []


def test_every_reference_leads_somewhere(document):
    for reference in set(references(document)):
        found = document
        for part in reference.removeprefix("#/").split("/"):
            found = found[part]


def test_no_shape_of_one_front_hides_one_of_the_other():
    theirs, ours = (
        openapi.components["schemas"],
        NinjaAPI.get_openapi_schema(api)["components"]["schemas"],
    )
    assert not set(theirs) & set(ours)


def test_operation_ids_are_unique(document):
    ids = [
        operation["operationId"]
        for operations in document["paths"].values()
        for method, operation in operations.items()
        if method in METHODS and "operationId" in operation
    ]
    assert len(ids) == len(set(ids))


def test_page_is_ours_alone(alice_client):
    page = alice_client.get("/api/docs")
    assert "swagger-ui-bundle" in page.text
    assert "https://" not in page.text
    assert "<script>" not in page.text


def test_inline_style_is_allowed_on_that_page_only(alice_client):
    assert (
        "style-src 'self' 'unsafe-inline'"
        in alice_client.get("/api/docs")["Content-Security-Policy"]
    )
    assert "unsafe-inline" not in alice_client.get("/healthz")["Content-Security-Policy"]

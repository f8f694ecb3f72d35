"""The OpenAPI document of both fronts, and the page that shows it."""

from __future__ import annotations

from typing import Any, cast

from csp.constants import SELF
from csp.decorators import csp_update
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from ninja import NinjaAPI
from ninja.openapi.docs import DocsBase
from ninja.openapi.schema import OpenAPISchema

from aiproxy.protocols import openapi

UNSAFE_INLINE = "'unsafe-inline'"


class Docs(DocsBase):
    """Swagger UI from our own static files. It writes inline styles, which this one page allows."""

    def render_page(self, request: HttpRequest, api: NinjaAPI, **kwargs: Any) -> HttpResponse:
        settings = {
            "url": self.get_openapi_url(api, kwargs),
            "layout": "BaseLayout",
            "deepLinking": True,
        }
        context = {"title": api.title, "settings": settings}
        page = csp_update({"style-src": [SELF, UNSAFE_INLINE]})(
            lambda request: render(request, "api/docs.html", {"swagger": context})
        )
        return cast(HttpResponse, page(request))


class MarketplaceAPI(NinjaAPI):
    """Its document also describes what programs call on the machine front."""

    def get_openapi_schema(self, **kwargs: Any) -> OpenAPISchema:
        document = super().get_openapi_schema(**kwargs)
        document["paths"] |= openapi.paths
        parts = document.setdefault("components", {})
        for kind, named in openapi.components.items():
            parts[kind] = {**parts.get(kind, {}), **named}
        return document

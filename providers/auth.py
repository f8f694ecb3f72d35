"""Places a secret on a finished WireRequest. Until then a request can be logged and compared."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from urllib.parse import quote

from providers import sigv4
from providers.catalogue.spec import Auth
from providers.endpoint import Endpoint
from providers.errors import AuthFailed, InvalidRequest
from providers.wire import WireRequest

_AWS_SERVICE = "bedrock"
_AWS_REGION = re.compile(r"[a-z]{2,3}(?:-[a-z]+)+-\d{1,2}")


def sign(
    request: WireRequest,
    auth: Auth,
    secret: str,
    headers: Mapping[str, str] | None = None,
    *,
    endpoint: Endpoint | None = None,
    now: datetime | None = None,
) -> WireRequest:
    """``request`` with the secret where ``auth`` wants it, and ``headers`` (an integration's own) underneath.

    An empty secret, or a way that needs none, adds no credential. A way that signs needs to know where the request
    goes (``endpoint``) and when (``now``, aware); it raises AuthFailed or InvalidRequest where it cannot.
    The result must not be logged.
    """
    merged = {**(headers or {}), **request.headers, **auth.headers}
    if not secret or auth.place == "none":
        return replace(request, headers=merged)
    if auth.place == "query":
        joint = "&" if "?" in request.path else "?"
        path = f"{request.path}{joint}{quote(auth.name, safe='')}={quote(secret, safe='')}"
        return replace(request, path=path, headers=merged)
    if auth.place == "header":
        return replace(
            request, headers={**_without(merged, auth.name), auth.name: auth.prefix + secret}
        )
    if endpoint is None or now is None:
        raise TypeError("a signature needs the endpoint and the time")
    return replace(request, headers=_signed(request, merged, secret, endpoint, now))


def _signed(
    request: WireRequest,
    merged: Mapping[str, str],
    secret: str,
    endpoint: Endpoint,
    now: datetime,
) -> dict[str, str]:
    key = sigv4.AwsKey.parse(secret)
    if key is None:
        raise AuthFailed(
            "The stored key is not ACCESS_KEY_ID:SECRET_ACCESS_KEY. Save the key in this form."
        )
    region = next(filter(_AWS_REGION.fullmatch, endpoint.host.split(".")), None)
    if region is None:
        raise InvalidRequest(
            "The address names no AWS region, so the call cannot be signed. "
            "Use AWS's own address, or a Bedrock API key."
        )
    content = request.content()
    kept = {} if content is None else _kind(request)
    proof = sigv4.headers(
        key,
        sigv4.Scope(region, _AWS_SERVICE),
        request.method,
        endpoint.authority,
        endpoint.path + request.path,
        content or b"",
        kept,
        now,
    )
    for name in (*kept, *proof):
        merged = _without(merged, name)
    return {**merged, **kept, **proof}


def _kind(request: WireRequest) -> dict[str, str]:
    """The header that says what the body is."""
    if request.raw is None:
        return {"content-type": "application/json"}
    headers = {name.lower(): value for name, value in request.headers.items()}
    return {name: headers[name] for name in headers.keys() & {"content-type"}}


def _without(headers: Mapping[str, str], name: str) -> dict[str, str]:
    return {other: value for other, value in headers.items() if other.lower() != name.lower()}

"""Places a secret on a finished WireRequest. Until then a request can be logged and compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import quote

from providers.catalogue.spec import Auth
from providers.wire import WireRequest


def sign(
    request: WireRequest, auth: Auth, secret: str, headers: Mapping[str, str] | None = None
) -> WireRequest:
    """``request`` with the secret where ``auth`` wants it, and ``headers`` (an integration's own) underneath.

    An empty secret, or a way that needs none, adds no credential. The result must not be logged.
    """
    merged = {**(headers or {}), **request.headers, **auth.headers}
    if not secret or auth.place == "none":
        return replace(request, headers=merged)
    if auth.place == "query":
        joint = "&" if "?" in request.path else "?"
        path = f"{request.path}{joint}{quote(auth.name, safe='')}={quote(secret, safe='')}"
        return replace(request, path=path, headers=merged)
    if auth.place == "header":
        merged = {
            name: value for name, value in merged.items() if name.lower() != auth.name.lower()
        }
        return replace(request, headers={**merged, auth.name: auth.prefix + secret})
    raise NotImplementedError(f"auth place {auth.place!r}")

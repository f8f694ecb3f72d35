"""What base.html needs on every page."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

_AREAS = (
    # label, URL name, icon, paths that light it up
    ("Marketplace", "home", "grid", ("/integrations/", "/providers/")),
    ("Tokens", "tokens", "key", ("/tokens/",)),
    ("Limits", "limits", "gauge", ("/limits/",)),
    ("Usage", "usage", "chart", ("/usage/", "/calls/")),
)


def site(request: HttpRequest) -> dict[str, Any]:
    """``nav``: the areas with the current one marked; ``request_id`` for a page to show."""
    return {
        "nav": [
            {"label": label, "url": url, "icon": icon, "current": _is_in(request.path, url, paths)}
            for label, url, icon, paths in _AREAS
        ],
        "request_id": getattr(request, "request_id", ""),
    }


def _is_in(path: str, url: str, paths: tuple[str, ...]) -> bool:
    return path.startswith(paths) or (url == "home" and path == "/")

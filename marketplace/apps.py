from __future__ import annotations

from django.apps import AppConfig
from django.contrib.staticfiles.apps import StaticFilesConfig


class MarketplaceConfig(AppConfig):
    name = "marketplace"

    def ready(self) -> None:
        from marketplace import checks  # noqa: F401  # registers the system checks


class StaticConfig(StaticFilesConfig):
    """Django's, less what packages bring along and no page loads: 7 MB of source maps, Redoc and htmx 4."""

    ignore_patterns = [
        *StaticFilesConfig.ignore_patterns,
        "*.js.map",  # not "*.css.map": swagger-ui.css names its own, and collecting would miss it
        "redoc*",
        "htmx-4*",
        "htmax*",
        "hx-*",
        "README.md",
    ]

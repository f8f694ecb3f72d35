"""System checks of the installation: `manage.py check --deploy` names what is unsafe to put on a network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Tags, Warning, register

from marketplace.settings import is_loopback


@register(Tags.security, deploy=True)
def cleartext(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Tokens and keys cross a network only inside TLS."""
    if settings.AIM_PUBLIC_URL.startswith("https://") or is_loopback(settings.AIM_HOST):
        return []
    return [
        Warning(
            f"The server listens on {settings.AIM_HOST} and AIM_PUBLIC_URL is not https, so keys and tokens "
            "cross the network in the clear.",
            hint="Put a TLS proxy in front and set AIM_PUBLIC_URL=https://… and AIM_TRUSTED_PROXIES=1.",
            id="marketplace.W001",
        )
    ]


@register(Tags.security)
def data_is_private(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Keys and the database are for the server's user alone."""
    if not settings.AIM_DATA_DIR.stat().st_mode & 0o077:
        return []
    return [
        Warning(
            f"Other users of this machine can look into {settings.AIM_DATA_DIR}, which holds keys.",
            hint=f"chmod 700 {settings.AIM_DATA_DIR}",
            id="marketplace.W002",
        )
    ]

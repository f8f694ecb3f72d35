from __future__ import annotations

from django.apps import AppConfig


class AiproxyConfig(AppConfig):
    name = "aiproxy"
    verbose_name = "Gateway"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from aiproxy.gateway import aliases, limits
        from integrations import live

        live.keep(aliases)
        live.keep(limits)

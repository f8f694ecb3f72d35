from __future__ import annotations

from django.apps import AppConfig
from django.core.checks import register

from providers import checks


class ProvidersConfig(AppConfig):
    name = "providers"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        register(checks.catalogue_is_usable)

"""Keys that the server's environment holds (``OPENAI_API_KEY`` …), and who may use them: nobody, until an
administrator shares one, and then those who have no integration of that provider.

A key is bound to the address that the program's own data names for its provider. Whatever a person could set
(another base URL, a provider added in the browser) never gets it.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from django.conf import settings

from integrations import access
from integrations.access import Person
from integrations.models import SharedKey
from integrations.secret import NO_SECRET, Secret
from providers.catalogue.spec import Auth, ProviderSpec
from providers.registry import DATABASE, catalogue

State = Literal["", "offered", "shared", "missing"]
"""Nothing there; there and off; there and shared; shared, and the environment does not hold it any more."""


class Offer(NamedTuple):
    """A key that is there, and the way to sign in with it."""

    auth: Auth
    secret: Secret

    @property
    def variable(self) -> str:
        return self.auth.env


def offer(provider_id: str) -> Offer | None:
    """The key in the environment for this provider; None when there is none, or it has no one address."""
    spec = catalogue().get(provider_id)
    if spec is None or not _has_one_address(spec) or catalogue().origin(spec.id) == DATABASE:
        return None
    for way in spec.usable_ways:
        plain = way.type in ("api_key", "pat") and way.place in ("header", "query")
        if plain and way.env and (found := settings.AIM_ENV_KEYS.get(way.env)):
            return Offer(way, found)
    return None


def secret(row: SharedKey) -> Secret:
    """The shared key as the environment holds it now; empty when it does not."""
    found = offer(row.provider_id)
    return found.secret if found and found.variable == row.variable else NO_SECRET


def states(person: Person) -> dict[str, State]:
    """Of every provider where there is something to say to ``person``: what is off, only administrators see."""
    found: dict[str, State] = {}
    if access.is_administrator(person):
        found = {spec.id: "offered" for spec in catalogue() if offer(spec.id)}
    for row in SharedKey.objects.all():
        found[row.provider_id] = "shared" if secret(row) else "missing"
    return found


def _has_one_address(spec: ProviderSpec) -> bool:
    """The one that comes with the program, without anything to fill in."""
    fixed = bool(spec.base_url) and "{" not in spec.base_url
    return (
        spec.callable
        and spec.deployment == "hosted"
        and fixed
        and not any(field.required for field in spec.fields)
    )

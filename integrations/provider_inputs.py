"""What an administrator gives for a provider or a model, and the catalogue's data it makes of what is stored.

Problems are one ValidationError, by the names of ProviderInput and ModelInput. What makes good data is decided by
the catalogue's own loader and by ``registry.unfit``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import date
from typing import Any

import msgspec
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils import timezone

from integrations import endpoints, rules
from integrations.rules import Problems
from providers.catalogue.loader import BadProvider, load_data, load_model
from providers.catalogue.spec import Auth, ModelSpec, ProviderSpec
from providers.endpoint import BadEndpoint, parse_endpoint
from providers.registry import BUILTIN, catalogue, unfit

MAX_ID, MAX_TEXT = 36, 500
RESERVED = frozenset({"alias", "new"})
"""Ids that mean something else in the name of a model or in an address."""

WAYS: Mapping[str, Auth] = {
    auth.id: auth
    for auth in (
        Auth(id="bearer", type="api_key", label="API key", prefix="Bearer "),
        Auth(id="x-api-key", type="api_key", label="API key (x-api-key)", name="x-api-key"),
        Auth(id="api-key", type="api_key", label="API key (api-key)", name="api-key"),
        Auth(id="none", type="none", label="No key", place="none"),
    )
}
"""Ways to sign in that can be chosen, by what an integration remembers of them."""


@dataclass(frozen=True, slots=True)
class ModelInput:
    """None leaves a value as it is. Prices are US dollars for a million tokens, as text; empty is unpriced."""

    id: str | None = None
    name: str | None = None
    kind: str | None = None
    context: int | None = None
    max_output: int | None = None
    capabilities: Iterable[str] | None = None
    input_price: str | None = None
    output_price: str | None = None


@dataclass(frozen=True, slots=True)
class ProviderInput:
    """None leaves a value as it is. ``supported_models`` names all there shall be; a known one keeps the rest."""

    id: str | None = None
    name: str | None = None
    description: str | None = None
    category: str | None = None
    adapter: str | None = None
    base_url: str | None = None
    ways: Iterable[str] | None = None
    features: Iterable[str] | None = None
    supported_models: Iterable[ModelInput] | None = None
    default_model: str | None = None
    documentation_url: str | None = None
    key_url: str | None = None
    icon: str | None = None
    enabled: bool | None = None


def formats() -> dict[str, ProviderSpec]:
    """What a new provider can speak: each adapter with the built-in data for any endpoint of that format."""
    return {
        spec.adapter: spec
        for spec in catalogue()
        if spec.template and catalogue().origin(spec.id) == BUILTIN
    }


def provider(
    data: ProviderInput, stored: Mapping[str, Any] | None = None
) -> tuple[ProviderSpec, dict[str, Any]]:
    """``data`` over what a row holds, as a spec and as the row's new data. Raises ValidationError."""
    problems = Problems()
    base = dict(stored) if stored else _new(data, problems)
    texts = ("name", "description", "base_url", "default_model", "documentation_url", "key_url")
    for name in (*texts, "icon"):
        if (text := getattr(data, name)) is not None:
            base[name] = rules.line(name, text, MAX_TEXT, problems)
    for name in ("category", "adapter"):
        if (value := getattr(data, name)) is not None:
            base[name] = value
    if data.features is not None:
        base["features"] = list(data.features)
    if data.ways is not None:
        base["auth"] = [msgspec.to_builtins(WAYS[way]) for way in _ways(data.ways, problems)]
    if data.supported_models is not None:
        known = {model["id"]: model for model in base.get("models", [])}
        base["models"] = [
            _model(one, known.get(one.id or "", {}), problems, "supported_models")
            for one in data.supported_models
        ]
    if not base.get("name"):
        problems.add("name", "Give the provider a name.")
    problems.raise_if_any()
    try:
        spec = load_data(base, "provider")
    except BadProvider as error:
        raise _refusal(error.problems) from None
    if problem := unfit(spec, catalogue().adapters) or _unreachable(spec.base_url):
        raise _refusal([problem])
    return spec, _as_json(base)


def model(
    data: ModelInput, stored: Mapping[str, Any] | None = None
) -> tuple[ModelSpec, dict[str, Any]]:
    """``data`` over what a row holds, as a spec and as the row's new data. Raises ValidationError."""
    problems = Problems()
    base = _model(data, stored or {}, problems, "id")
    problems.raise_if_any()
    try:
        return load_model(base, "model"), _as_json(base)
    except BadProvider as error:
        raise ValidationError(
            [problem.removeprefix("models: ") for problem in error.problems]
        ) from None


def _new(data: ProviderInput, problems: Problems) -> dict[str, Any]:
    """A new provider begins as any endpoint of its format does: with that format's paths, test and quirks."""
    if not data.id:
        problems.add("id", "Give the provider an id.")
    elif len(data.id) > MAX_ID:
        problems.add("id", f"Use at most {MAX_ID} characters.")
    elif data.id in RESERVED:
        problems.add("id", f"{data.id!r} means something else here; choose another id.")
    elif data.id in catalogue():
        problems.add("id", f"There is already a provider {data.id!r}.")
    kind = formats().get(data.adapter or "")
    kept = {name: getattr(kind, name) for name in ("headers", "paths", "test", "quirks") if kind}
    if not data.base_url:
        problems.add("base_url", "Give the address its calls go to.")
    return {
        **msgspec.to_builtins(kept),
        "id": data.id or "",
        "description": "",
        "category": "custom",
        "adapter": "",
        "auth": msgspec.to_builtins([_usual_way(kind)]),
    }


def _usual_way(kind: ProviderSpec | None) -> Auth:
    ways = [way for way in WAYS.values() if kind and same_way(way, kind.auth[0])]
    return ways[0] if ways else WAYS["bearer"]


def same_way(one: Auth, other: Auth) -> bool:
    """Whether both put a key in the same place, whatever they are called."""
    return (one.place, one.name, one.type) == (other.place, other.name, other.type)


def _unreachable(base_url: str) -> str:
    """Said now, and not only to those who would connect it."""
    try:
        endpoints.refuse_private(parse_endpoint(base_url), settings.AIM_PRIVATE_ENDPOINTS)
    except BadEndpoint as error:
        return f"base_url: {error}"
    return ""


def _ways(names: Iterable[str], problems: Problems) -> list[str]:
    chosen = list(dict.fromkeys(names))
    for name in [name for name in chosen if name not in WAYS]:
        problems.add("ways", f"There is no way to sign in {name!r}. Known are {', '.join(WAYS)}.")
    if not chosen:
        problems.add("ways", "Choose at least one way to sign in.")
    return [name for name in chosen if name in WAYS]


def _model(
    data: ModelInput, stored: Mapping[str, Any], problems: Problems, place: str
) -> dict[str, Any]:
    found = dict(stored)
    for name in (field.name for field in fields(data) if "price" not in field.name):
        value = getattr(data, name)
        if value is not None:
            found[name] = list(value) if name == "capabilities" else value
    found["id"] = rules.line(place, str(found.get("id", "")), rules.MAX_MODEL, problems)
    if not found["id"]:
        problems.add(place, "Give each model its id, as the provider writes it.")
    for name in ("context", "max_output"):
        if found.get(name, 0) < 0:
            problems.add(place, f"{found['id']}: {name}: below zero")
    if data.input_price is not None or data.output_price is not None:
        _price(data, found)
    return found


def _price(data: ModelInput, found: dict[str, Any]) -> None:
    """New figures; unchanged ones keep their source and date."""
    before = found.get("price") or {}
    new = {
        "input": data.input_price if data.input_price is not None else before.get("input", ""),
        "output": data.output_price if data.output_price is not None else before.get("output", ""),
    }
    if not any(new.values()):
        found.pop("price", None)
    elif any(before.get(name) != figure for name, figure in new.items()):
        today: date = timezone.now().date()
        new = {name: figure or "0" for name, figure in new.items()}
        found["price"] = {**new, "source": "an administrator", "checked": today.isoformat()}


def _as_json(data: Mapping[str, Any]) -> dict[str, Any]:
    """As the database gives it back, so that old and new can be compared."""
    found: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(data))
    return found


def _refusal(problems: Iterable[str]) -> ValidationError:
    """``key: reason`` beside the input it is about: ``auth[0].place`` is of ``auth``."""
    known = {field.name for field in fields(ProviderInput)}
    found = Problems()
    for problem in problems:
        key, _, reason = problem.partition(": ")
        first = re.split(r"[.\[]", key)[0]
        place = {"auth": "ways", "models": "supported_models"}.get(first, first)
        found.add(place if place in known else "__all__", reason if key == place else problem)
    return ValidationError(found.found)

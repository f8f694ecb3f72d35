"""A person's own mapping as fields: the chat's path, and JSON for the request, the answer and the stream."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from integrations.models import Integration
from providers.adapters.custom_mapping import MAX_BYTES
from providers.catalogue.spec import ProviderSpec

_WIDTH = 72
_CODE = {"class": "code", "autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}


class JSONField(forms.CharField):
    """JSON that a person types; gives its value, None when it is empty. A mistake is told with its place."""

    def __init__(self, label: str, **options: Any) -> None:
        widget = forms.Textarea(attrs=_CODE | {"rows": 8, "wrap": "off"})
        super().__init__(label=label, widget=widget, error_messages=_needed(label), **options)

    def prepare_value(self, value: Any) -> Any:
        return value if isinstance(value, str) else pretty(value) if value else ""

    def to_python(self, value: Any) -> Any:
        text = str(value or "").strip()
        if len(text) > 2 * MAX_BYTES:
            raise ValidationError(f"{self.label}: use at most {MAX_BYTES} bytes of JSON.")
        try:
            return json.loads(text) if text else None
        except json.JSONDecodeError as error:
            raise ValidationError(
                f"{self.label} is not JSON: line {error.lineno}, column {error.colno}: {error.msg}."
            ) from None
        except (RecursionError, ValueError):
            raise ValidationError(
                f"{self.label} is nested too deep, or holds too long a number."
            ) from None

    def has_changed(self, initial: Any, data: Any) -> bool:
        try:
            return bool((initial or None) != self.to_python(data))
        except ValidationError:
            return True


def _needed(label: str) -> dict[str, str]:
    return {"required": f"{label} is needed."}


def fields(spec: ProviderSpec, integration: Integration | None) -> dict[str, forms.Field]:
    """Filled with the integration's mapping, else with the provider's example."""
    stored = (integration.mapping if integration else None) or spec.quirks.get("mapping") or {}
    return {
        "mapping.path": forms.CharField(
            label="Path of the chat",
            initial=stored.get("path", ""),
            error_messages=_needed("Path of the chat"),
            help_text="Below the base URL. {model} stands for the model’s name.",
            widget=forms.TextInput(attrs=_CODE | {"placeholder": "/v1/generate"}),
        ),
        "mapping.request": JSONField(
            label="Request",
            initial=stored.get("request"),
            help_text='The body to send. {"$": "…"} is filled in; what a call does not say is left out.',
        ),
        "mapping.answer": JSONField(
            label="Answer",
            initial=stored.get("answer"),
            help_text="Where the parts of a whole answer stand.",
        ),
        "mapping.stream": JSONField(
            label="Stream",
            required=False,
            initial=stored.get("stream"),
            help_text="Where they stand in each frame of a stream, and how it ends. Empty: there is no stream.",
        ),
    }


def value(cleaned: Mapping[str, Any]) -> dict[str, Any]:
    """The mapping that the fields say."""
    said = {
        name: cleaned.get(f"mapping.{name}") for name in ("path", "request", "answer", "stream")
    }
    return {name: part for name, part in said.items() if part is not None}


def pretty(value: Any, indent: str = "") -> str:
    """JSON as a person writes it: what is short stands in one line."""
    flat = json.dumps(value, ensure_ascii=False)
    if not isinstance(value, dict | list) or not value:
        return flat
    if len(flat) + len(indent) <= _WIDTH and indent:
        return flat if isinstance(value, list) else "{ " + flat[1:-1] + " }"
    inner = indent + "  "
    if isinstance(value, dict):
        items = [
            f"{json.dumps(k, ensure_ascii=False)}: {pretty(v, inner)}" for k, v in value.items()
        ]
        return "{\n" + ",\n".join(inner + item for item in items) + f"\n{indent}}}"
    return "[\n" + ",\n".join(inner + pretty(item, inner) for item in value) + f"\n{indent}]"

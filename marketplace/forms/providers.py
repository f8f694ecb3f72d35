"""A provider that administrators add: where it is, what it speaks, how one signs in, and its models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms

from integrations.provider_inputs import MAX_ID, WAYS, ProviderInput, formats, same_way
from marketplace.cards import CATEGORIES, FEATURES
from marketplace.forms.base import ActionForm
from marketplace.forms.models import ModelRowsField, Row
from providers.catalogue.spec import ProviderSpec

_PLAIN = {"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}
_WAYS = {
    "bearer": "Bearer token",
    "x-api-key": "Header x-api-key",
    "api-key": "Header api-key",
    "none": "No key",
}


class ProviderForm(ActionForm):
    name = forms.CharField(
        label="Name",
        max_length=100,
        widget=forms.TextInput(attrs={"autocomplete": "off", "autofocus": True}),
    )
    id = forms.CharField(
        label="Id",
        max_length=MAX_ID,
        help_text="First part of its models’ names, like acme in acme/large. It cannot be changed later.",
        widget=forms.TextInput(attrs=_PLAIN),
    )
    description = forms.CharField(label="Description", required=False, max_length=300)
    category = forms.ChoiceField(label="Category", choices=list(CATEGORIES.items()))
    adapter = forms.ChoiceField(label="Speaks")
    base_url = forms.CharField(
        label="Base URL",
        max_length=500,
        widget=forms.TextInput(
            attrs=_PLAIN | {"inputmode": "url", "placeholder": "https://api.example.com/v1"}
        ),
    )
    ways = forms.MultipleChoiceField(
        label="Ways to sign in",
        choices=[(way, _WAYS[way]) for way in WAYS],
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": "Choose at least one way to sign in."},
    )
    features = forms.MultipleChoiceField(
        label="Features",
        required=False,
        choices=list(FEATURES.items()),
        widget=forms.CheckboxSelectMultiple,
    )
    supported_models = ModelRowsField(
        label="Models",
        required=False,
        help_text="Prices are US dollars for a million tokens. An empty price is unpriced, which is not free.",
    )
    default_model = forms.CharField(
        label="Default model", required=False, widget=forms.TextInput(attrs=_PLAIN)
    )
    documentation_url = forms.CharField(
        label="Documentation", required=False, widget=forms.TextInput(attrs=_PLAIN)
    )
    key_url = forms.CharField(
        label="Where people get a key", required=False, widget=forms.TextInput(attrs=_PLAIN)
    )
    enabled = forms.BooleanField(
        label="Offered",
        required=False,
        help_text="Otherwise it stays in sight, and calls through it are refused.",
    )

    def __init__(
        self, data: Mapping[str, Any] | None = None, spec: ProviderSpec | None = None
    ) -> None:
        """``spec``: what is edited; None for a new one."""
        super().__init__(data, initial=_initial(spec) if spec else _fresh())
        known = {name: kind.name.partition(" (")[0] for name, kind in formats().items()}
        if spec:
            known.setdefault(spec.adapter, spec.adapter)
            del self.fields["id"]
        else:
            del self.fields["enabled"]
        self.fields["adapter"].choices = list(known.items())  # type: ignore[attr-defined]  # a ChoiceField

    def input(self) -> ProviderInput:
        value = self.cleaned_data
        return ProviderInput(
            id=value.get("id"),
            name=value["name"],
            description=value["description"],
            category=value["category"],
            adapter=value["adapter"],
            base_url=value["base_url"],
            # A way that this form cannot show is kept while nobody touches the boxes.
            ways=value["ways"] if "ways" in self.changed_data or "id" in self.fields else None,
            features=value["features"],
            supported_models=value["supported_models"],
            default_model=value["default_model"],
            documentation_url=value["documentation_url"],
            key_url=value["key_url"],
            enabled=value.get("enabled"),
        )


def _fresh() -> dict[str, Any]:
    return {
        "category": "custom",
        "adapter": "openai",  # what most endpoints speak
        "ways": ["bearer"],
        "features": ["chat", "streaming"],
    }


def _initial(spec: ProviderSpec) -> dict[str, Any]:
    names = ("name", "description", "category", "adapter", "base_url", "features", "default_model")
    return {
        **{name: getattr(spec, name) for name in (*names, "documentation_url", "key_url")},
        "ways": [
            name for name, way in WAYS.items() if any(same_way(way, auth) for auth in spec.auth)
        ],
        "supported_models": [Row.of(model) for model in spec.models],
        "enabled": spec.status == "active",
    }
